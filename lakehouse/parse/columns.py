"""A whole column of text at once: what `values.from_text` does, for the fast way. Accepts no text that it does not."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.parse import values
from lakehouse.parse.blocks import Block, Positions
from lakehouse.parse.layout import Field, whole

NAIVE = pa.timestamp("us")
UTC = pa.timestamp("us", "UTC")
FIRST_MICROSECOND = -62_135_596_800_000_000
LAST_MICROSECOND = 253_402_300_799_999_999
"""Years 1 to 9999."""
PLAIN_LENGTH = len("2026-01-31T23:59:59")


class NotFastError(Exception):
    """The fast way does not accept: the exact way decides. Never leaves the parser."""

    def __init__(self, records: Positions | None = None) -> None:
        self.records = np.zeros(0, np.int64) if records is None else records
        """Indices of the records that it does not accept, where it knows."""
        super().__init__()


def typed(field: Field, text: pa.Array) -> pa.Array:
    """A string array as the column's type; null stays null.

    Raises:
        NotFastError: some value is not written as it must be, or may be; the exact way knows.
    """
    try:
        return _typed(field, text)
    except pa.ArrowInvalid as error:
        raise NotFastError from error


def _typed(field: Field, text: pa.Array) -> pa.Array:
    kind = field.kind.name
    if kind == "string":
        return text
    if kind in ("int", "long"):
        return _matching(text, values.INTEGER).cast(field.arrow)
    if kind == "double":
        return finite(_matching(text, values.NUMBER).cast(field.arrow))
    if kind == "boolean":
        return pc.equal(_matching(text, "true|false"), "true")
    if kind == "decimal":
        return _decimals(field, text)
    if kind == "timestamp":
        return _moments(text)
    if field.column.format == "iso_timestamp":
        return _moments(text).cast(pa.date32())
    days = _matching(text, values.DAY[str(field.column.format)])
    return pc.replace_substring(days, "/", "-").cast(pa.date32())


def present(field: Field, array: pa.Array) -> None:
    """A required column holds no null. Raises NotFastError."""
    if field.column.required and array.null_count:
        raise NotFastError(places(pc.is_null(array)))


def all_columns(fields: Sequence[Field], make: Callable[[Field], pa.Array]) -> list[pa.Array]:
    """Every field's column; where some cannot be made, a NotFastError about the records of all of these."""
    made: list[pa.Array] = []
    refusals: list[NotFastError] = []
    for field in fields:
        try:
            made.append(make(field))
        except NotFastError as error:
            refusals.append(error)
    if refusals:
        raise NotFastError(np.unique(np.concatenate([error.records for error in refusals])))
    return made


def unlike(block: Block, shape: re.Pattern[bytes]) -> Positions:
    """Indices of the records that a pattern does not match whole."""
    places = zip(block.starts.tolist(), block.ends.tolist(), strict=True)
    match, data = shape.fullmatch, block.data
    return np.array([index for index, (start, end) in enumerate(places) if not match(data, start, end)], np.int64)


def places(marks: pa.Array) -> Positions:
    """Indices at which a boolean array is true."""
    return np.asarray(pc.indices_nonzero(marks), np.int64)


def finite(numbers: pa.Array) -> pa.Array:
    """The numbers, all of them finite. Raises NotFastError."""
    if pc.all(pc.is_finite(numbers)).as_py() is False:
        raise NotFastError
    return numbers


def _matching(text: pa.Array, form: str) -> pa.Array:
    matches = pc.match_substring_regex(text, whole(form))
    if pc.all(matches).as_py() is False:
        raise NotFastError(places(pc.invert(matches)))
    return text


def _decimals(field: Field, text: pa.Array) -> pa.Array:
    if field.column.currency_text:
        text = _matching(text, values.CURRENCY)
        text = pc.replace_substring(pc.replace_substring(text, "$", ""), ",", "")
    else:
        text = _matching(text, values.DECIMAL)
    return text.cast(field.arrow)


def _moments(text: pa.Array) -> pa.Array:
    """Timestamps in UTC; without a zone the text is UTC."""
    text = _matching(text, values.TIMESTAMP)
    lengths = pc.min_max(pc.binary_length(text)).as_py()
    if lengths["min"] == lengths["max"] == PLAIN_LENGTH:
        return text.cast(NAIVE).view(UTC)
    zoned = pc.match_substring_regex(text, values.ZONE + r"\z")
    with_zone = pc.if_else(zoned, text, pc.binary_join_element_wise(text, "Z", ""))
    moments = with_zone.cast(UTC)
    span = pc.min_max(moments.view(pa.int64())).as_py()
    if span["min"] is not None and not FIRST_MICROSECOND <= span["min"] <= span["max"] <= LAST_MICROSECOND:
        raise NotFastError
    return moments
