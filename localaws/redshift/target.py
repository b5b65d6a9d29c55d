"""The table that COPY fills: its columns as PostgreSQL has them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pg8000.native import Connection

from localaws.redshift.errors import failed

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_attribute a
WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_TYPE = re.compile(r"([a-z ]+?)(?:\((\d+)(?:,(\d+))?\))?( without time zone| with time zone)?")


@dataclass(frozen=True)
class Column:
    """One column. `length` is a varchar's in bytes or a decimal's precision; 0 for other types."""

    name: str
    type: str
    """`integer`, `character varying`, `numeric`, `timestamp without time zone`, …"""
    length: int
    scale: int
    required: bool

    @property
    def sql_type(self) -> str:
        """As Redshift writes it."""
        name = {"character varying": "VARCHAR", "character": "CHAR", "numeric": "DECIMAL"}.get(self.type)
        if name is None:
            return self.type.upper()
        return f"{name}({self.length},{self.scale})" if name == "DECIMAL" else f"{name}({self.length})"


def columns_of(connection: Connection, table: str, named: Sequence[str]) -> list[Column]:
    """The columns that a COPY fills, in its order.

    Raises:
        StatementError: no such table, or no such column in it.
    """
    rows = connection.run(_COLUMNS, name=quoted(table))
    if not rows:
        raise failed(f"Cannot COPY into nonexistent table {table}")
    found = {name: _column(name, text, required) for name, text, required in rows}
    for name in named:
        if name not in found:
            raise failed(f'column "{name}" of relation "{table}" does not exist')
    return [found[name] for name in named] if named else list(found.values())


def quoted(table: str) -> str:
    """`schema.table` with each part in quotation marks."""
    return ".".join(f'"{part}"' for part in table.split("."))


def _column(name: str, text: str, required: bool) -> Column:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise failed(f'column "{name}" has type {text}, which COPY does not fill')
    kind = match[1] + (match[4] or "")
    return Column(name, kind, int(match[2] or 0), int(match[3] or 0), required)
