"""JSON objects as rows: many at once, or one exactly."""

import json
import re
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.json as pj

from lakehouse.parse.blocks import Block, Positions
from lakehouse.parse.columns import NotFastError, all_columns, finite, present, typed, unlike
from lakehouse.parse.layout import Field, Layout
from lakehouse.parse.lines import CLOSE_BRACE, OPEN_BRACE, STRINGS
from lakehouse.parse.reasons import Reason, RecordRefusedError, shown
from lakehouse.parse.values import JsonNumber, Value, from_json

MAX_DEPTH = 64
QUOTE, COMMA, FEED = ord('"'), ord(","), ord("\n")
WHITE_SPACE = " \t\r\n"
BRACKETS = re.compile(rb"[{}\[\]]")
LINE_ENDS_TO_TABS = bytes.maketrans(b"\n\r", b"\t\t")


SPACE = r"[ \t\r\n]*+"
TEXT = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
SHAPES = {
    "int": r"-?[0-9]{1,10}(?![0-9.eE])",
    "long": r"-?[0-9]{1,19}(?![0-9.eE])",
    "double": r"-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?",
    "boolean": "(?:true|false)",
    "decimal": "",
}


class JsonRows:
    """Reads the records of NDJSON, arrays and documents."""

    def __init__(self, layout: Layout, *, separated_by_lines: bool) -> None:
        self._layout = layout
        self._by_lines = separated_by_lines
        self._schema = layout.json_schema
        self._shape = _shape(layout)
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
        if np.any(block.ends <= block.starts):
            raise NotFastError(np.flatnonzero(block.ends <= block.starts))
        block = block.compact(b"\n" if self._by_lines else b",")
        array = np.frombuffer(block.data, np.uint8)
        odd = (array[block.starts] != OPEN_BRACE) | (array[block.ends - 1] != CLOSE_BRACE)
        if np.any(odd):
            raise NotFastError(np.flatnonzero(odd))
        if b"\\u0000" in block.data:
            raise NotFastError
        data = block.data if self._by_lines else _as_lines(block)
        # Every record holds at least one value, so as many rows as records means one row each.
        table = _read(data, self._schema)
        if table.num_rows != len(block):
            raise NotFastError
        columns = all_columns(self._layout.fields, lambda field: self._column(field, table))
        if self._numbers and not self._all_unquoted(data, array, columns):
            raise NotFastError
        return pa.RecordBatch.from_arrays(columns, names=self._layout.names)

    def suspects(self, block: Block) -> Positions:
        """Indices of records that do not look as the contract says. A guess: `fast` and `exact` decide."""
        return unlike(block, self._shape)

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
        present(field, array)
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


def _as_lines(block: Block) -> bytes:
    """Elements of an array as lines: line ends inside of elements become tabs (white space outside of strings and as
    wrong inside of them), the comma after each element becomes the line end."""
    array = np.frombuffer(bytearray(block.data.translate(LINE_ENDS_TO_TABS)), np.uint8)
    for end in block.ends[:-1].tolist():
        array[block.data.index(b",", end)] = FEED
    return array.tobytes()


def _shape(layout: Layout) -> re.Pattern[bytes]:
    """What a record looks like whose fields are known and of the right JSON kind."""
    members: dict[str, list[str]] = {}
    for field in layout.fields:
        kind = TEXT if field.json_text else SHAPES[field.kind.name]
        if field.kind.name == "decimal" and not field.json_text:
            precision, scale = field.kind.precision, field.kind.scale
            kind = rf"-?[0-9]{{1,{max(1, precision - scale)}}}(?:\.[0-9]{{1,{max(1, scale)}}})?(?![0-9.eE])"
        kind = kind if field.column.required else f"(?:{kind}|null)"
        members.setdefault(kind, []).append(field.name)
    one = "|".join(rf'"(?:{"|".join(names)})"{SPACE}:{SPACE}{kind}' for kind, names in members.items())
    pattern = rf"\{{{SPACE}(?:{one})(?:{SPACE},{SPACE}(?:{one}))*+{SPACE}\}}"
    return re.compile(pattern.encode(), re.DOTALL)


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
