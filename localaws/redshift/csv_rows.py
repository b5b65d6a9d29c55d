"""CSV files of a COPY as rows for PostgreSQL; what does not fit is told in the words of Redshift's load errors.

https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
"""

import csv
import gzip
import io
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from localaws.redshift.copy_command import CopyCommand
from localaws.redshift.errors import StatementError, failed
from localaws.redshift.target import Column

_TEXTS = ("character varying", "character")
_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
_BOOLEANS = ("t", "true", "y", "yes", "1", "f", "false", "n", "no", "0")
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")


def rows_of(body: bytes, address: str, columns: Sequence[Column], command: CopyCommand) -> tuple[int, bytes]:
    """Number of rows, and the rows as CSV for PostgreSQL (NULL unquoted and empty).

    Raises:
        StatementError: a row does not fit the table.
    """
    try:
        text = (gzip.decompress(body) if command.gzip else body).decode("utf-8-sig")
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise _load_error(command, f"File {address}: String contains invalid or unsupported UTF8 codepoints") from error
    out, count = io.StringIO(), 0
    for line, record in _records(text, address, command):
        values = _row(record, columns, command, f"File {address}, line {line}")
        out.write(",".join("" if value is None else f'"{_doubled(value)}"' for value in values) + "\n")
        count += 1
    return count, out.getvalue().encode()


def _records(text: str, address: str, command: CopyCommand) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=command.delimiter, quotechar=command.quote, strict=True
    )
    try:
        for index, record in enumerate(reader):
            if index >= command.ignore_header and record:
                yield reader.line_num, record
    except csv.Error as error:
        where = f"File {address}, line {reader.line_num}"
        raise _load_error(command, f"{where}: Invalid quote formatting for CSV") from error


def _row(record: list[str], columns: Sequence[Column], command: CopyCommand, where: str) -> list[str | None]:
    if len(record) > len(columns):
        raise _load_error(command, f"{where}: Extra column(s) found")
    if len(record) < len(columns):
        raise _load_error(command, f"{where}: Delimiter not found")
    return [_value(text, column, command, where) for text, column in zip(record, columns, strict=True)]


def _value(text: str, column: Column, command: CopyCommand, where: str) -> str | None:
    is_text = column.type in _TEXTS
    null = text == command.null_as or (not text and (not is_text or command.empty_as_null))
    if null or (is_text and command.blanks_as_null and not text.strip()):
        if column.required:
            raise _load_error(command, f"{where}, column {column.name}: Missing data for not-null field")
        return None
    problem = _problem(text, column)
    if problem:
        raise _load_error(command, f"{where}, column {column.name}: {problem}")
    return text


def _problem(text: str, column: Column) -> str | None:
    if column.type in _TEXTS:
        too_long = len(text.encode()) > column.length
        return "String length exceeds DDL length" if too_long else None
    if column.type in _INTEGERS:
        if not re.fullmatch(r"[+-]?\d{1,19}", text):
            return f"Invalid digit, Value '{_first_wrong(text)}', Pos 0, Type: {column.sql_type.capitalize()}"
        limit = _INTEGERS[column.type]
        return None if -limit <= int(text) < limit else f"Overflow for {column.type} value {text}"
    if column.type == "numeric":
        if not _DECIMAL.fullmatch(text):
            return f"Invalid digit, Value '{_first_wrong(text)}', Pos 0, Type: Decimal"
        whole = text.lstrip("+-").partition(".")[0].lstrip("0")
        return None if len(whole) <= column.length - column.scale else f"Overflow for {column.sql_type} value {text}"
    if column.type == "boolean":
        return None if text.lower() in _BOOLEANS else f"Unknown boolean format '{text}'"
    return _temporal_problem(text, column)


def _temporal_problem(text: str, column: Column) -> str | None:
    read = {"date": date.fromisoformat}.get(column.type, datetime.fromisoformat)
    try:
        read(text)
    except ValueError:
        return f"Invalid {'Date' if column.type == 'date' else 'timestamp'} Format - length must be 10 or more"
    return None


def _first_wrong(text: str) -> str:
    return next((letter for letter in text if not letter.isdigit()), text[:1])


def _doubled(text: str) -> str:
    return text.replace('"', '""')


def _load_error(command: CopyCommand, what: str) -> StatementError:
    return failed(
        f"Load into table '{command.table}' failed.  Check 'sys_load_error_detail' system table for details."
        f"\n  Detail: {what}"
    )
