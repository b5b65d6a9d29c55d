"""Equations over whole columns are exact for every expression that a contract may hold, up to the last digit."""

import re
from collections.abc import Mapping
from decimal import Decimal, localcontext

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.contract.equations import read_equation
from lakehouse.contract.model import Column, Dataset
from lakehouse.parse.layout import Layout, layout_of
from lakehouse.parse.sums import failed_checks

COLUMNS = {
    "total": (Column("total", "decimal(38,4)"), pa.decimal128(38, 4)),
    "n": (Column("n", "int"), pa.int32()),
    "big": (Column("big", "long"), pa.int64()),
    "price": (Column("price", "decimal(12,2)"), pa.decimal128(12, 2)),
    "share": (Column("share", "decimal(9,9)"), pa.decimal128(9, 9)),
}
LITERAL = re.compile(r"[0-9.]+")


def _fits(text: str) -> bool:
    try:
        return bool(read_equation(f"total = {text}", [column for column, _ in COLUMNS.values()]))
    except ValueError as error:
        if "expected at most 76" in str(error):
            return False
        raise


EXPRESSIONS = st.recursive(
    st.sampled_from(["n", "big", "price", "share", "0", "7", "0.05", "1000000.000001"]),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from([" + ", " - ", "*"]), part).map("".join),
        part.map("({})".format),
        part.map("-{}".format),
    ),
    max_leaves=6,
).filter(_fits)


def _numbers(least: int, most: int, scale: int = 0) -> st.SearchStrategy[Decimal]:
    wholes = st.one_of(st.sampled_from([least, most, 0, 1]), st.integers(least, most))
    return wholes.map(lambda whole: Decimal(f"{whole}E-{scale}"))


VALUES = st.fixed_dictionaries(
    {
        "total": _numbers(1 - 10**38, 10**38 - 1, 4),
        "n": _numbers(-(2**31), 2**31 - 1),
        "big": _numbers(-(2**63), 2**63 - 1),
        "price": _numbers(1 - 10**12, 10**12 - 1, 2),
        "share": _numbers(1 - 10**9, 10**9 - 1, 9),
    }
)


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, st.lists(VALUES, min_size=1, max_size=4))
def test_both_sides_are_what_python_works_out(text: str, rows: list[dict[str, Decimal]]) -> None:
    results = [_worked_out(text, row) for row in rows]
    for row, result in zip(rows[::2], results[::2], strict=True):
        if abs(result) < 10**34 and -int(result.as_tuple().exponent) <= 4:
            row["total"] = result
    expected = {
        number: f"Found total = {row['total']:.4f}, expected {text.strip()} = "
        for number, (row, result) in enumerate(zip(rows, results, strict=True))
        if row["total"] != result
    }
    failed = dict(failed_checks(*_layout_and_batch(text, rows)))
    assert list(failed) == list(expected)
    for number, begin in expected.items():
        message = failed[number].told(hidden=False)
        assert message.startswith(begin)
        assert Decimal(message.removeprefix(begin)) == results[number]


def _worked_out(text: str, row: Mapping[str, Decimal]) -> Decimal:
    with localcontext(prec=400):
        result: Decimal = eval(
            LITERAL.sub(lambda literal: f"Decimal('{literal[0]}')", text), {"Decimal": Decimal, **row}
        )
    return result


def _layout_and_batch(text: str, rows: list[dict[str, Decimal]]) -> tuple[Layout, pa.RecordBatch]:
    columns = tuple(column for column, _ in COLUMNS.values())
    layout = layout_of(Dataset("x", "d", "", (), ("csv",), columns, (), checks=(f"total = {text}",)))
    arrays = [
        pa.array([row[name] if pa.types.is_decimal(kind) else int(row[name]) for row in rows], kind)
        for name, (_, kind) in COLUMNS.items()
    ]
    return layout, pa.RecordBatch.from_arrays(arrays, names=layout.names)
