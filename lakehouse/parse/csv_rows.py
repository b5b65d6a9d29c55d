"""CSV records as rows: many at once, or one exactly. Columns go by their names in the header, in any order."""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pcsv

from lakehouse.parse.blocks import Block, Positions
from lakehouse.parse.columns import NotFastError, all_columns, present, typed, unlike
from lakehouse.parse.csv_records import quotes_in_place
from lakehouse.parse.layout import Field, Layout
from lakehouse.parse.reasons import FileRefusedError, Reason, RecordRefusedError, shown
from lakehouse.parse.values import Value, from_text

NEXT_VALUE = re.compile(rb'(?:"((?:[^"]++|"")*+)"|([^",]*+))(?:,|(\Z))')

LIKELY_VALUE = rb'(?:"(?:[^"\0]++|"")*+"|[^",\r\n\0]*+)'


@dataclass(frozen=True)
class Header:
    """The names of the first record, in the file's order; unknown ones where the contract ignores them."""

    names: tuple[str, ...]


def split_record(record: bytes) -> list[bytes | None]:
    """The values of one record; None where nothing stands between the commas, b"" where an empty text is quoted.

    Raises:
        RecordRefusedError: a quote where none may be, or a carriage return outside of quotes.
    """
    values: list[bytes | None] = []
    place = 0
    while True:
        match = NEXT_VALUE.match(record, place)
        if match is None:
            raise RecordRefusedError(Reason.BAD_QUOTE, rule="csv", found=shown(record[place:].decode()))
        quoted, plain, last = match.groups()
        if plain is not None and b"\r" in plain:
            raise RecordRefusedError(Reason.STRAY_CARRIAGE_RETURN, rule="csv", found=shown(plain.decode()))
        values.append(quoted.replace(b'""', b'"') if quoted is not None else plain or None)
        if last is not None:
            return values
        place = match.end()


def read_header(record: bytes, layout: Layout) -> Header:
    """The header of a file.

    Raises:
        FileRefusedError: it is no CSV record, or has missing, unknown or duplicate columns.
    """
    try:
        names = tuple((value or b"").decode() for value in split_record(record))
    except RecordRefusedError as error:
        raise FileRefusedError(Reason.HEADER_BROKEN, found=str(error)) from error
    expected = ", ".join(layout.names)
    # First of all, as it is what a file without a header lacks, whatever its first row holds.
    missing = [field.name for field in layout.fields if field.column.required and field.name not in names]
    if missing:
        raise FileRefusedError(Reason.HEADER_MISSING_COLUMNS, found=", ".join(missing), expected=expected)
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise FileRefusedError(Reason.HEADER_DUPLICATE_COLUMNS, found=", ".join(map(shown, twice)))
    unknown = [name for name in names if name not in layout.names]
    if unknown and layout.dataset.unknown_columns == "refuse":
        raise FileRefusedError(Reason.HEADER_UNKNOWN_COLUMNS, found=", ".join(map(shown, unknown)), expected=expected)
    return Header(names)


class CsvRows:
    """Reads the records behind the header."""

    def __init__(self, layout: Layout, header: Header) -> None:
        self._layout = layout
        self._header = header
        self._shape = re.compile(rb"%b(?:,%b){%d}" % (LIKELY_VALUE, LIKELY_VALUE, len(header.names) - 1))
        self._places = {name: index for index, name in enumerate(header.names)}

    def fast(self, block: Block) -> pa.RecordBatch:
        """Typed columns of all records of a block.

        Raises:
            NotFastError: a record may be wrong, or could be right only by the exact way.
        """
        block = block.compact(b"\n")
        data = block.data
        if b"\0" in data or data.count(b"\r") != data.count(b"\r\n"):
            raise NotFastError
        quoted = b'"' in data
        if quoted and not quotes_in_place(data):
            raise NotFastError
        table = self._read(data, quoted=quoted)
        if table.num_rows != len(block):
            raise NotFastError
        columns = all_columns(self._layout.fields, lambda field: self._column(field, table))
        return pa.RecordBatch.from_arrays(columns, names=self._layout.names)

    def suspects(self, block: Block) -> Positions:
        """Indices of records that are not well quoted or have too few or too many values. A guess."""
        return unlike(block, self._shape)

    def exact(self, record: bytes) -> list[Value]:
        """The typed values of one record, in the contract's order.

        Raises:
            RecordRefusedError: with the first reason found.
        """
        values = split_record(record)
        if len(values) != len(self._header.names):
            expected = f"{len(self._header.names)}, as the header has"
            raise RecordRefusedError(Reason.WRONG_FIELD_COUNT, rule="csv", found=str(len(values)), expected=expected)
        return [self._value(field, values) for field in self._layout.fields]

    def _value(self, field: Field, values: list[bytes | None]) -> Value:
        place = self._places.get(field.name)
        value = None if place is None else values[place]
        if value is not None:
            return from_text(field, value.decode())
        if field.column.required:
            raise RecordRefusedError(Reason.NULL_VALUE, rule="required", column=field.name, expected=field.written)
        return None

    def _column(self, field: Field, table: pa.Table) -> pa.Array:
        if field.name not in self._places:
            return pa.nulls(table.num_rows, field.arrow)
        array = table.column(field.name).combine_chunks()
        present(field, array)
        return typed(field, array)

    def _read(self, data: bytes, *, quoted: bool) -> pa.Table:
        read = pcsv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=[str(n) for n in range(len(self._header.names))]
        )
        parse = pcsv.ParseOptions(quote_char='"' if quoted else False, newlines_in_values=quoted)
        convert = pcsv.ConvertOptions(
            column_types={name: pa.string() for name in read.column_names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        try:
            table = pcsv.read_csv(pa.BufferReader(data), read, parse, convert)
        except pa.ArrowInvalid as error:
            raise NotFastError from error
        return table.rename_columns(list(self._header.names))
