"""The contract's rules over typed columns, all rows at once. Both ways of reading come through here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.parse.layout import Field, Layout, whole
from lakehouse.parse.reasons import Reason, RecordRefusedError, shown
from lakehouse.parse.sums import failed_checks


@dataclass(frozen=True)
class _Check:
    """One rule of one column with the rows that break it."""

    reason: Reason
    rule: str
    expected: str
    broken: pa.Array
    """Boolean, one a row; null where the value is null."""


def broken_rules(layout: Layout, batch: pa.RecordBatch) -> dict[int, RecordRefusedError]:
    """Rows of typed columns that break a rule, each with the first it breaks in the contract's order of columns, the
    equations after them. Null breaks none of these."""
    found: dict[int, RecordRefusedError] = {}
    for index, field in enumerate(layout.fields):
        array = batch.column(index)
        for check in _checks(layout, field, array):
            if pc.any(check.broken).as_py():
                for row in pc.indices_nonzero(check.broken).to_pylist():
                    found.setdefault(row, _refusal(field, check, array[row].as_py()))
    for row, refusal in failed_checks(layout, batch):
        found.setdefault(row, refusal)
    return found


def _refusal(field: Field, check: _Check, value: object) -> RecordRefusedError:
    return RecordRefusedError(
        check.reason, rule=check.rule, column=field.name, found=shown(value), expected=check.expected
    )


def _checks(layout: Layout, field: Field, array: pa.Array) -> Iterator[_Check]:
    column = field.column
    if field.kind.name == "string":
        longest = pc.max(pc.binary_length(array)).as_py()
        if longest is not None and longest > column.max_length:
            broken = pc.greater(pc.utf8_length(array), column.max_length)
            yield _Check(Reason.TOO_LONG, f"max_length {column.max_length}", str(column.max_length), broken)
    if column.pattern is not None:
        broken = pc.invert(pc.match_substring_regex(array, whole(column.pattern)))
        yield _Check(Reason.PATTERN_MISMATCH, f"pattern {column.pattern}", column.pattern, broken)
    if column.values:
        listed = ", ".join(column.values)
        broken = pc.and_(pc.is_valid(array), pc.invert(pc.is_in(array, pa.array(column.values, pa.string()))))
        yield _Check(Reason.NOT_IN_VALUES, f"values {listed}", listed, broken)
    if column.references is not None:
        broken = pc.and_(pc.is_valid(array), pc.invert(pc.is_in(array, layout.known[column.references])))
        yield _Check(Reason.UNKNOWN_REFERENCE, f"references {column.references}", column.references, broken)
    if column.min is not None:
        broken = pc.less(array, _limit(field, column.min))
        yield _Check(Reason.BELOW_MIN, f"min {column.min}", str(column.min), broken)
    if column.max is not None:
        yield _above(field, array, column.max)


def _above(field: Field, array: pa.Array, limit: Any) -> _Check:
    """A timestamp lies before midnight of its limit; everything else is at most its limit."""
    bound = _limit(field, limit)
    if field.kind.name == "timestamp":
        broken, expected = pc.greater_equal(array, bound), f"before {limit}"
    else:
        broken, expected = pc.greater(array, bound), f"at most {limit}"
    return _Check(Reason.ABOVE_MAX, f"max {limit}", expected, broken)


def _limit(field: Field, limit: Any) -> pa.Scalar:
    if field.kind.name == "timestamp":
        return pa.scalar(datetime.combine(limit, time(), UTC), field.arrow)
    if isinstance(limit, date) or field.kind.name == "decimal":
        return pa.scalar(limit, field.arrow)
    return pa.scalar(float(limit) if field.kind.name == "double" else int(limit), field.arrow)
