"""A gold table as one CSV file, for spreadsheets: UTF-8, a header, CRLF and quotes as RFC 4180 says.

Both engines hand their rows to this one writer, so the same table is the same bytes whoever made it. Instants are UTC:
`2026-01-31T23:59:59Z`. A missing value is empty.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.gold_sql import gold_sql
from lakehouse.engines.spark_sql import quoted
from lakehouse.errors import EngineError

_COMMENT_OR_TEXT = re.compile(r"""--[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""", re.DOTALL)
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_ORDER_BY = re.compile(r"\border\s+by\s+(?P<terms>.*?)\s*(\b(limit|offset)\b.*)?;?\s*$", re.DOTALL | re.IGNORECASE)
_TERM = re.compile(r"`?(?P<name>\w+)`?(\s+(?P<direction>asc|desc))?(\s+nulls\s+(?P<nulls>first|last))?", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def csv_name(table: GoldTable) -> str:
    """Name of the file."""
    return f"{table.name}.csv"


def rows_sql(pipeline: Pipeline, table: GoldTable, relation: str) -> str:
    """Spark SQL that gives a result's rows in their final order: as its SELECT orders them, then by the key.

    Timestamps come as microseconds since 1970, which no engine or time zone bends.

    Raises:
        EngineError: the SELECT orders by something else than columns of its result.
    """
    columns = ", ".join(
        f"unix_micros({quoted(column.name)}) as {quoted(column.name)}"
        if column.type == "timestamp"
        else quoted(column.name)
        for column in table.columns
    )
    order = [*_order_of(pipeline, table), *(quoted(name) for name in table.key)]
    return f"select {columns} from {relation} as result order by {', '.join(f'result.{term}' for term in order)}"


def write_csv(table: GoldTable, rows: Iterable[Sequence[object]], file: Path) -> None:
    """Write the rows that `rows_sql` gives."""
    instants = {place for place, column in enumerate(table.columns) if column.type == "timestamp"}
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow([column.name for column in table.columns])
        for row in rows:
            writer.writerow([_text(value, place in instants) for place, value in enumerate(row)])


def _order_of(pipeline: Pipeline, table: GoldTable) -> list[str]:
    """The terms of the SELECT's own ORDER BY. Found without an SQL parser: Glue has none but Spark's."""
    text, inner = _COMMENT_OR_TEXT.sub(" ", gold_sql(pipeline, table)), None
    while text != inner:  # what stands in parentheses orders something else
        inner, text = text, _IN_PARENTHESES.sub("?", text)
    order = _ORDER_BY.search(text)
    names = {column.name for column in table.columns}
    terms = []
    for term in order["terms"].split(",") if order else ():
        found = _TERM.fullmatch(term.strip())
        if found is None or found["name"] not in names:
            raise EngineError(
                f"gold/{table.name}.sql of pipeline {table.pipeline}: orders by '{term.strip()}'; with csv = true "
                f"expected columns of the result, {sorted(names)}"
            )
        direction = (found["direction"] or "asc").lower()
        nulls = (found["nulls"] or ("last" if direction == "desc" else "first")).lower()
        terms.append(f"{quoted(found['name'])} {direction} nulls {nulls}")
    return terms


def _text(value: object, instant: bool) -> str:
    if value is None:
        return ""
    if instant:
        at = _EPOCH + timedelta(microseconds=int(str(value)))
        return at.isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
