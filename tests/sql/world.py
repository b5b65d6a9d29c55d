"""Gold tables of generated files in the embedded Athena, and the rows they were made of, for checking queries."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import GoldTable
from lakehouse.contract.types import column_type
from lakehouse.generate import load_generator
from tests.aws.athena_client import Athena
from tests.sql.independent import recomputation

ROWS = {"activity": 400, "carts": 115, "sales": 60, "shipping": 30, "transactions": 9}
"""Rows a file: few enough that some customers, products and days tie, many enough that every query has rows."""
WISHES: dict[str, dict[str, Any]] = {"carts": {"products": (0, 70), "customers": (0, 20)}}
START = datetime(2026, 2, 25, 1, 30, tzinfo=UTC)
FILES = {"activity": 1, "carts": 2, "sales": 4, "shipping": 3, "transactions": 60}
STEP = {"transactions": timedelta(hours=3, minutes=1)}


@dataclass(frozen=True)
class World:
    """One pipeline's sample: what lies in bronze, and gold as Athena's tables."""

    rows: Mapping[str, list[dict[str, Any]]]
    """By dataset, as Python reads the files: CSV as texts, JSON with exact decimals."""
    athena: Athena


def build(pipeline: str, athena: Athena, folder: Path) -> World:
    """Generate files over some days (a month's end among them) and make their gold tables known to Athena."""
    contract = pipelines()[pipeline]
    generate, files = load_generator(contract), dict[str, list[Path]]()
    for number in range(FILES[pipeline]):
        at = START + number * STEP.get(pipeline, timedelta(days=1, hours=5))
        bronze = folder / "bronze" / pipeline
        made = generate(bronze, ROWS[pipeline], 11 + number, at=at, **WISHES.get(pipeline, {}))
        for dataset, path in made.items():
            files.setdefault(dataset, []).append(path)
    expected = recomputation(pipeline)(files)
    for table in contract.gold:
        publish(athena, table, expected[table.name], folder)
    return World({name: [row for path in paths for row in rows_of(path)] for name, paths in files.items()}, athena)


def publish(athena: Athena, table: GoldTable, rows: duckdb.DuckDBPyRelation, folder: Path) -> None:
    """A table of the catalog with its rows as Parquet, in a partition each where the contract says so."""
    types = {column.name: hive_type(column.type) for column in table.columns}
    if table.partition_by is None:
        athena.put(f"{table.name}/part.parquet", parquet(rows, folder))
        athena.make_table(table.name, types, f"{table.name}/")
        return
    by = table.partition_by
    athena.make_table(table.name, types, f"{table.name}/root/", partition_keys={by: types.pop(by)})
    for (value,) in rows.unique(by).fetchall():
        location = f"{table.name}/run=1/{by}={value}/"
        kept = rows.filter(f"{by} = '{value}'").project(f"* exclude ({by})")
        athena.put(f"{location}part.parquet", parquet(kept, folder))
        athena.add_partition(table.name, [str(value)], location)


def parquet(rows: duckdb.DuckDBPyRelation, folder: Path) -> bytes:
    path = folder / "rows.parquet"
    rows.write_parquet(str(path))
    return path.read_bytes()


def hive_type(text: str) -> str:
    kind = column_type(text)
    return {"long": "bigint"}.get(kind.name, text)


def rows_of(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    if text.startswith("["):
        return list(json.loads(text, parse_float=Decimal))
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
