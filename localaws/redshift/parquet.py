"""Parquet files of a COPY as rows for PostgreSQL, held against the table as Redshift does: by position, types exact.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from localaws.redshift.errors import StatementError, failed
from localaws.redshift.target import Column

_INTEGERS = {"smallint": pa.int16(), "integer": pa.int32(), "bigint": pa.int64()}
_TEXTS = ("character varying", "character")
_CODE = 15007


def rows_of(body: bytes, address: str, columns: Sequence[Column]) -> tuple[int, bytes]:
    """Number of rows, and the rows as CSV for PostgreSQL (NULL unquoted and empty).

    Raises:
        StatementError: not Parquet, or its columns do not fit the table's.
    """
    try:
        table = pq.read_table(io.BytesIO(body), use_threads=False)
    except pa.ArrowInvalid as error:
        raise _scan_error(f"File '{address}' has an invalid Parquet footer: {error}") from error
    if table.num_columns != len(columns):
        raise _scan_error(
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, "
            f"Data columns: {table.num_columns}, File name: {address}",
        )
    arrays = [_checked(table.column(at), table.schema.field(at), column, address) for at, column in enumerate(columns)]
    out = io.BytesIO()
    if table.num_rows:
        checked = pa.table(arrays, names=[column.name for column in columns])
        pa_csv.write_csv(checked, out, pa_csv.WriteOptions(include_header=False, quoting_style="all_valid"))
    return table.num_rows, out.getvalue()


def _checked(array: pa.ChunkedArray, field: pa.Field, column: Column, address: str) -> pa.ChunkedArray:
    if not _fits(field.type, column):
        raise _scan_error(
            f"File '{address}' has an incompatible Parquet schema for column '{column.name}'. "
            f"Column type: {column.sql_type}, Parquet schema: {'optional' if field.nullable else 'required'} "
            f"{field.type} {field.name}",
        )
    if column.required and array.null_count:
        raise failed(f"Cannot insert a NULL value into column {column.name}")
    if column.type in _TEXTS and len(array):
        longest = pc.max(pc.binary_length(array)).as_py() or 0
        if longest > column.length:
            raise _scan_error(
                f"The length of the data column {column.name} is longer than the length defined in the table. "
                f"Table: {column.length}, Data: {longest}, File name: {address}",
            )
    return array


def _fits(kind: pa.DataType, column: Column) -> bool:
    if column.type in _INTEGERS:
        return bool(kind == _INTEGERS[column.type])
    if column.type in _TEXTS:
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    if column.type == "numeric":
        return bool(pa.types.is_decimal(kind) and (kind.precision, kind.scale) == (column.length, column.scale))
    if column.type.startswith("timestamp"):
        return bool(pa.types.is_timestamp(kind))
    exact = {"date": pa.date32(), "double precision": pa.float64(), "real": pa.float32(), "boolean": pa.bool_()}
    return bool(column.type in exact and kind == exact[column.type])


def _scan_error(context: str) -> StatementError:
    line = "-" * 47
    return StatementError(
        f"ERROR: Spectrum Scan Error\n  Detail: \n  {line}\n  error:  Spectrum Scan Error\n  code:      {_CODE}\n"
        f"  context:   {context}\n  {line}"
    )
