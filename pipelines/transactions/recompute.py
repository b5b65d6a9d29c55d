"""What gold must be, computed once more and in another way: from the bronze files, without any code of the lake.

It shares no code with `lakehouse` and no SQL with `gold/`, so that a fault in either shows.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

DAY = re.compile(r"/date=(\d{4}-\d\d-\d\d)/")
SCHEMA = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("timestamp", pa.timestamp("us", "UTC")),
        *((name, pa.string()) for name in ("customer_id", "product_id", "product_name", "category")),
        ("quantity", pa.int32()),
        *((name, pa.decimal128(12, 2)) for name in ("price", "total_amount")),
        *((name, pa.int32()) for name in ("year", "month", "day", "hour", "day_of_week")),
        ("date", pa.date32()),
    ]
)


def recompute(files: Mapping[str, Sequence[Path]]) -> Mapping[str, duckdb.DuckDBPyRelation]:
    """Gold table → the rows that it must have, in no order.

    Args:
        files: for `transactions` the files in force, without refused rows, in ascending order of (batch, object key):
            of rows with the same id the last file's counts. Each path has the day in it, as in the bronze key.
    """
    current: dict[str, dict[str, Any]] = {}
    for path in files.get("transactions", ()):
        found = DAY.search(path.as_posix())
        if found is None:
            raise ValueError(f"{path}: expected the whole bronze key with date=yyyy-MM-dd")
        for row in _rows(path):
            current[row["transaction_id"]] = _with_parts(row, date.fromisoformat(found[1]))
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return {"transactions": connection.from_arrow(pa.Table.from_pylist(list(current.values()), SCHEMA))}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSON document (an object, an array, an object that holds one array) or of NDJSON."""
    text = path.read_text(encoding="utf-8-sig")
    try:
        found = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError:
        found = [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
    if isinstance(found, dict):
        inner = list(found.values())
        found = inner[0] if len(inner) == 1 and isinstance(inner[0], list) else [found]
    yield from found


def _with_parts(row: Mapping[str, Any], day: date) -> dict[str, Any]:
    moment = datetime.fromisoformat(row["timestamp"])
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    amounts = {name: Decimal(row[name]).quantize(Decimal("0.01")) for name in ("price", "total_amount")}
    parts = {name: getattr(moment, name) for name in ("year", "month", "day", "hour")}
    return {**row, **amounts, **parts, "timestamp": moment, "day_of_week": moment.weekday(), "date": day}
