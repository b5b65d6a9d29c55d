"""A result as Athena writes and shows it: every field as text, quoted; NULL as nothing between two commas."""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from localaws.athena.errors import InvalidRequestError
from localaws.athena.hive_types import ResultType, result_type
from localaws.athena.sql_text import literal, name

_FIELD = re.compile(rb'"((?:[^"]|"")*)"|', re.DOTALL)
_UNSIGNED_OR_WIDE = ("HUGEINT", "UBIGINT")


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result."""

    name: str
    type: ResultType


def write_csv(
    connection: duckdb.DuckDBPyConnection, select: str, names: tuple[str, ...], target: Path
) -> list[ResultColumn]:
    """Run a DuckDB SELECT and write its rows as Athena's CSV, header first. Gives the columns.

    Raises:
        duckdb.Error: the query fails. QueryError: a column has a type that Athena has not.
    """
    relation = connection.sql(select)
    kinds = list(relation.types)
    inner = ", ".join(f"c{index}" for index in range(len(kinds)))
    texts = ", ".join(f"{_text(kind, f'c{index}')} AS c{index}" for index, kind in enumerate(kinds))
    columns = [ResultColumn(column, result_type(str(kind))) for column, kind in zip(names, kinds, strict=True)]
    connection.execute(
        f"COPY (SELECT {texts} FROM ({select}) AS result({inner})) TO {literal(str(target))} "
        "(FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR '')"
    )
    rows = target.read_bytes()
    header = ",".join('"' + column.name.replace('"', '""') + '"' for column in columns) + "\n"
    target.write_bytes(header.encode() + rows)
    return columns


def _text(kind: Any, value: str) -> str:
    """DuckDB SQL for the text of a value, as Athena shows it."""
    head = str(kind).split("(", 1)[0]
    if str(kind).endswith("]"):
        element = _text(kind.children[0][1], "item")
        items = f"list_transform({value}, LAMBDA item : coalesce({element}, 'null'))"
        return f"'[' || array_to_string({items}, ', ') || ']'"
    if head == "MAP":
        key, item = (_text(child[1], f"entry.{child[0]}") for child in kind.children)
        entries = f"list_transform(map_entries({value}), LAMBDA entry : {key} || '=' || coalesce({item}, 'null'))"
        return f"'{{' || array_to_string({entries}, ', ') || '}}'"
    if head == "STRUCT":
        fields = [
            f"{literal(field + '=')} || coalesce({_text(child, f'({value}).{name(field)}')}, 'null')"
            for field, child in kind.children
        ]
        joined = " || ', ' || ".join(fields)
        return f"CASE WHEN {value} IS NOT NULL THEN '{{' || {joined} || '}}' END"
    return _scalar_text(head, value)


def _scalar_text(head: str, value: str) -> str:
    if head == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(CAST({value} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g UTC')"
    if head.startswith("TIMESTAMP"):
        return f"strftime(CAST({value} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')"
    if head in ("DOUBLE", "FLOAT"):
        return f"trino_double_text({value})"
    if head == "BLOB":
        return f"rtrim(regexp_replace(lower(hex({value})), '(..)', '\\1 ', 'g'))"
    if head in _UNSIGNED_OR_WIDE:
        # Trino's widest integer is bigint: what does not fit is an error there too.
        return f"CAST(CAST({value} AS BIGINT) AS VARCHAR)"
    return f"CAST({value} AS VARCHAR)"


def rows_of(body: bytes | mmap.mmap, offset: int, limit: int) -> tuple[list[list[str | None]], int]:
    """At most `limit` rows of a result file from a byte offset, and the offset of the next row (or the file's size).

    A field is text, or None for NULL.
    """
    rows: list[list[str | None]] = []
    position = offset
    for row, position in _parse(body, offset):  # noqa: B007 - the offset after the last row is the answer
        rows.append(row)
        if len(rows) == limit:
            break
    return rows, position


def _parse(body: bytes | mmap.mmap, position: int) -> Iterator[tuple[list[str | None], int]]:
    row: list[str | None] = []
    while position < len(body):
        match = _FIELD.match(body, position)
        quoted = match[1] if match else None
        row.append(None if quoted is None else quoted.replace(b'""', b'"').decode())
        position = match.end() if match else position
        if position >= len(body) or body[position : position + 1] == b"\n":
            position += 1
            yield row, position
            row = []
        else:
            position += 1


def page(
    body: bytes | mmap.mmap, columns: list[ResultColumn], *, has_header: bool, limit: int, token: str | None
) -> dict[str, Any]:
    """One page of GetQueryResults. A query's header row counts as the first row of the first page."""
    if not 1 <= limit <= 1000:
        raise InvalidRequestError(f"MaxResults {limit} is out of range: expected 1 to 1000")
    if token is not None and not token.isdigit():
        raise InvalidRequestError("Invalid NextToken")
    rows, offset = rows_of(body, int(token or 0), limit) if has_header else text_rows(body, int(token or 0), limit)
    answer: dict[str, Any] = {
        "UpdateCount": 0,
        "ResultSet": {
            "Rows": [{"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in rows],
            "ResultSetMetadata": {"ColumnInfo": [_column_info(column) for column in columns]},
        },
    }
    return answer | ({"NextToken": str(offset)} if offset < len(body) else {})


def text_rows(body: bytes | mmap.mmap, offset: int, limit: int) -> tuple[list[list[str | None]], int]:
    """Lines of the plain text result of SHOW and DESCRIBE, one column, from a byte offset."""
    lines = body[offset:].split(b"\n")
    lines = lines[:-1] if lines and not lines[-1] else lines
    taken = lines[:limit]
    return [[line.decode()] for line in taken], offset + sum(len(line) + 1 for line in taken)


def _column_info(column: ResultColumn) -> dict[str, Any]:
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": column.type.name,
        "Precision": column.type.precision,
        "Scale": column.type.scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": column.type.case_sensitive,
    }
