"""JSON objects as rows: many at once, or one exactly."""

import json
import re
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

from lakehouse.parse.blocks import Block
from lakehouse.parse.columns import NotFastError, finite, typed
from lakehouse.parse.layout import Field, Layout
from lakehouse.parse.lines import CLOSE_BRACE, OPEN_BRACE, STRINGS
from lakehouse.parse.reasons import Reason, RecordRefusedError, shown
from lakehouse.parse.values import JsonNumber, Value, from_json

MAX_DEPTH = 64
QUOTE, COMMA, FEED = ord('"'), ord(","), ord("\n")
WHITE_SPACE = " \t\r\n"
BRACKETS = re.compile(rb"[{}\[\]]")
LINE_ENDS_TO_TABS = bytes.maketrans(b"\n\r", b"\t\t")


class JsonRows:
    """Reads the records of NDJSON, arrays and documents."""

    def __init__(self, layout: Layout, *, separated_by_lines: bool) -> None:
        self._layout = layout
        self._by_lines = separated_by_lines
        self._schema = layout.json_schema
        self._names = {field.name for field in layout.fields}
        self._numbers = [field for field in layout.fields if field.kind.name == "decimal" and not field.json_text]
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_object, parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=_constant
        )

    def fast(self, block: Block) -> pa.RecordBatch:
        """Typed columns of all records of a block.

        Raises:
            NotFastError: a record may be wrong, or could be right only by the exact way.
        """
        if self._layout.dataset.unknown_columns == "ignore":
            # What the reader skips it does not check: duplicates, nesting, NaN.
            raise NotFastError
        if np.any(block.ends <= block.starts):
            raise NotFastError
        data, array = _stretch(block)
        starts, ends = block.starts - block.starts[0], block.ends - block.starts[0]
        if np.any(array[starts] != OPEN_BRACE) or np.any(array[ends - 1] != CLOSE_BRACE):
            raise NotFastError
        if b"\\u0000" in data:
            raise NotFastError
        if not self._by_lines:
            data = _as_lines(data, ends)
        # Every record holds at least one value, so as many rows as records means one row each.
        table = _read(data, self._schema)
        if table.num_rows != len(block):
            raise NotFastError
        columns = [self._column(field, table) for field in self._layout.fields]
        if self._numbers and not self._all_unquoted(data, array, columns):
            raise NotFastError
        return pa.RecordBatch.from_arrays(columns, names=self._layout.names)

    def exact(self, record: bytes) -> list[Value]:
        """The typed values of one record, in the contract's order.

        Raises:
            RecordRefusedError: with the first reason found.
        """
        fields = self._parsed(record)
        if self._layout.dataset.unknown_columns == "refuse":
            for name in fields:
                if name not in self._names:
                    raise self._unknown(name)
        return [_value(field, fields) for field in self._layout.fields]

    def _column(self, field: Field, table: pa.Table) -> pa.Array:
        array = table.column(field.name).combine_chunks()
        if field.column.required and array.null_count:
            raise NotFastError
        if field.json_text:
            return typed(field, array)
        if field.kind.name == "double":
            return finite(array)
        if field.kind.name == "decimal":
            _validated(array)
        return array

    def _all_unquoted(self, data: bytes, array: "np.typing.NDArray[np.uint8]", columns: Sequence[pa.Array]) -> bool:
        """Whether no decimal is written as text, which the reader takes as well.

        With no value null, every column is there once a row: so many quotes are around names and texts, and further
        ones would be around decimals. Otherwise a second reading takes only numbers.
        """
        rows = len(columns[0])
        around = 2 * rows * (len(columns) + sum(field.json_text for field in self._layout.fields))
        if not any(column.null_count for column in columns) and np.count_nonzero(array == QUOTE) == around:
            return True
        only = pa.schema([pa.field(field.name, pa.float64()) for field in self._numbers])
        _read(data, only, unexpected="ignore")
        return True

    def _parsed(self, record: bytes) -> dict[str, object]:
        _check_depth(record)
        text = record.decode()
        try:
            value, end = self._decoder.raw_decode(text)
        except json.JSONDecodeError as error:
            found = f"{error.msg} at character {error.pos + 1}"
            raise RecordRefusedError(Reason.INVALID_JSON, rule="json", found=found) from error
        rest = text[end:].strip(WHITE_SPACE)
        if rest:
            raise RecordRefusedError(self._trailing(rest), rule="json", found=shown(rest))
        if not isinstance(value, dict):
            raise RecordRefusedError(Reason.NOT_AN_OBJECT, rule="json", found=shown(text))
        return value

    def _trailing(self, rest: str) -> Reason:
        try:
            self._decoder.raw_decode(rest)
        except (json.JSONDecodeError, RecordRefusedError):
            return Reason.TRAILING_GARBAGE
        return Reason.MORE_THAN_ONE_VALUE

    def _unknown(self, name: str) -> RecordRefusedError:
        alike = next((known for known in self._names if known.lower() == name.lower()), None)
        expected = f"'{alike}', in this case" if alike else f"only {', '.join(self._layout.names)}"
        return RecordRefusedError(
            Reason.UNKNOWN_FIELD, rule="unknown_columns refuse", found=shown(name), expected=expected
        )


def _stretch(block: Block) -> "tuple[bytes, np.typing.NDArray[np.uint8]]":
    data = block.data[block.starts[0] : block.ends[-1]]
    return data, np.frombuffer(data, np.uint8)


def _as_lines(data: bytes, ends: "np.typing.NDArray[np.int64]") -> bytes:
    """Elements of an array as lines: line ends inside of elements become tabs (white space outside of strings and as
    wrong inside of them), the comma after each element becomes the line end."""
    array = np.frombuffer(bytearray(data.translate(LINE_ENDS_TO_TABS)), np.uint8)
    for end in ends[:-1].tolist():
        array[data.index(b",", end)] = FEED
    return array.tobytes()


def _read(data: bytes, schema: pa.Schema, unexpected: str = "error") -> pa.Table:
    parse = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior=unexpected)
    read = pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
    try:
        return pj.read_json(pa.BufferReader(data), read_options=read, parse_options=parse)
    except pa.ArrowInvalid as error:
        raise NotFastError from error


def _validated(array: pa.Array) -> None:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise NotFastError from error


def _check_depth(record: bytes) -> None:
    """Refuse deep nesting before the decoder recurses into it."""
    if record.count(b"{") + record.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in BRACKETS.findall(STRINGS.sub(b"", record)):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise RecordRefusedError(Reason.NESTED_TOO_DEEP, rule="json", expected=str(MAX_DEPTH))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordRefusedError(Reason.DUPLICATE_FIELD, rule="json", found=shown(twice))
    return fields


def _constant(name: str) -> NoReturn:
    raise RecordRefusedError(Reason.NOT_FINITE, rule="json", found=shown(name))


def _value(field: Field, fields: dict[str, object]) -> Value:
    value = fields.get(field.name)
    if value is not None:
        return from_json(field, value)
    if not field.column.required:
        return None
    reason = Reason.NULL_VALUE if field.name in fields else Reason.MISSING_FIELD
    raise RecordRefusedError(reason, rule="required", column=field.name, expected=field.written)
