"""What gold must be, computed once more and in another way: from the bronze files, without any code of the lake.

It shares no code with `lakehouse` and no SQL with `gold/`, so that a fault in either shows.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("shipping_id", pa.int32()),
        ("shipping_date", pa.date32()),
        ("destination_city", pa.string()),
        ("shipping_cost", pa.decimal128(12, 2)),
        ("shipping_distance", pa.int32()),
        ("quantity", pa.int32()),
        ("product_id", pa.int32()),
    ]
)


def recompute(files: Mapping[str, Sequence[Path]]) -> Mapping[str, duckdb.DuckDBPyRelation]:
    """Gold table → the rows that it must have, in no order.

    Args:
        files: for `shipments` the NDJSON or JSON array files in force, without refused rows, in ascending order of
            (batch, object key): of rows with the same id the last file's counts.
    """
    current: dict[int, dict[str, Any]] = {}
    for path in files.get("shipments", ()):
        text = path.read_text(encoding="utf-8-sig").strip()
        rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.split("\n") if line]
        for row in rows:
            # A cost of up to 10000.00 has at most seven digits, which a float keeps.
            cost = Decimal(str(row["shipping_cost"])).quantize(Decimal("0.01"))
            day = datetime.strptime(row["shipping_date"], "%Y/%m/%d").date()
            current[row["shipping_id"]] = {**row, "shipping_cost": cost, "shipping_date": day}
    rows = [{name: row.get(name) for name in SCHEMA.names} for row in current.values()]
    return {"shipments": duckdb.connect().from_arrow(pa.Table.from_pylist(rows, SCHEMA))}
