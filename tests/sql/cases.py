"""SQL test cases as folders: inputs and the rows expected of them, collected without any Python per case.

tests/sql/<pipeline>/<table>/<case>/
    input/users.ndjson              a file of the batch `default`; its key is bronze/<pipeline>/users.ndjson
    input/orders/<batch>/<file>     a file of another batch
    input-2/…                       optional: what arrives later; a file of the same name replaces the earlier one
    expected.ndjson                 the gold rows, in any order
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from lakehouse.contract.model import Dataset, GoldTable, Pipeline
from lakehouse.ledger.items import SlotInForce
from lakehouse.names import DEFAULT_BATCH, digest, silver_data_path
from lakehouse.silver.commit import commit_dataset
from lakehouse.silver.table import SilverStore

ROOT = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One folder."""

    pipeline: str
    table: str
    folder: Path

    def steps(self) -> list[Path]:
        return sorted(self.folder.glob("input*"))

    def expected(self, table: GoldTable) -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in (self.folder / "expected.ndjson").read_text().splitlines()]
        types = {column.name: column.type for column in table.columns}
        assert all(list(row) == list(types) for row in rows), "expected.ndjson: columns in the contract's order"
        return [{name: typed(value, types[name]) for name, value in row.items()} for row in rows]


def all_cases() -> list[Case]:
    """Every case below this folder."""
    return [
        Case(folder.parent.parent.name, folder.parent.name, folder)
        for folder in sorted(path.parent for path in ROOT.glob("*/*/*/expected.ndjson"))
    ]


def typed(value: Any, kind: str) -> Any:
    """A JSON value as a contract's type."""
    if value is None:
        return None
    if kind.startswith("decimal"):
        scale = int(re.findall(r"\d+", kind)[1])
        return Decimal(value).quantize(Decimal(1).scaleb(-scale))
    if kind == "date":
        return date.fromisoformat(value)
    if kind == "timestamp":
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


@dataclass(frozen=True)
class Arrived:
    """One input file and the slot that it fills."""

    dataset: str
    batch: str
    key: str
    file: Path


def arrived(pipeline: str, step: Path) -> list[Arrived]:
    """The files of one step, by (batch, key)."""
    found = []
    for file in step.rglob("*.ndjson"):
        parts = file.relative_to(step).parts
        dataset = parts[0].removesuffix(".ndjson")
        batch = parts[1] if len(parts) == 3 else DEFAULT_BATCH
        found.append(Arrived(dataset, batch, f"bronze/{pipeline}/{'/'.join(parts)}", file))
    return sorted(found, key=lambda one: (one.batch, one.key))


class LocalSilver:
    """Silver tables in a folder, filled as the gate and the commit fill them."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        self.store = SilverStore(str(folder))
        self.pipeline = pipeline
        self.slots: dict[str, dict[str, SlotInForce]] = {}
        self.in_force: dict[tuple[str, str], Arrived] = {}

    def bring(self, step: Path) -> dict[str, int]:
        """Commit one step's files; the version of every table afterwards."""
        for one in arrived(self.pipeline.name, step):
            dataset = next(found for found in self.pipeline.datasets if found.name == one.dataset)
            self.slots.setdefault(one.batch, {})[digest(one.key)] = self._write(dataset, one)
            self.in_force[one.batch, one.key] = one
        for batch in sorted(self.slots):
            for dataset in self.pipeline.datasets:
                commit_dataset(self.store, dataset, batch, lambda batch=batch: self.slots[batch])
        return {dataset.name: commit_dataset(self.store, dataset, "none", dict) for dataset in self.pipeline.datasets}

    def files_in_force(self) -> dict[str, list[Path]]:
        """By dataset, in ascending order of (batch, key): what the independent recomputation reads."""
        found: dict[str, list[Path]] = {dataset.name: [] for dataset in self.pipeline.datasets}
        for _, one in sorted(self.in_force.items()):
            found[one.dataset].append(one.file)
        return found

    def _write(self, dataset: Dataset, one: Arrived) -> SlotInForce:
        """The typed Parquet file of an input file, named by its content and slot."""
        name = digest(one.key, one.file.read_text())
        path = Path(self.store.uri(dataset.pipeline, dataset.name)) / silver_data_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = write_silver(dataset, one.file, path)
        size = path.stat().st_size
        return SlotInForce(dataset.name, one.key, name, rows, one.file.stat().st_size, size, revision=1)


def write_silver(dataset: Dataset, ndjson: Path, parquet: Path) -> int:
    """A silver data file from valid NDJSON; its number of rows."""
    kinds = {"string": "VARCHAR", "int": "INTEGER", "long": "BIGINT", "timestamp": "TIMESTAMPTZ"}
    columns: Mapping[str, str] = {one.name: kinds.get(one.type, one.type.upper()) for one in dataset.columns}
    schema = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in columns) + "}"
    select = ", ".join(
        f'cast("{name}"::timestamptz at time zone \'UTC\' as date) as "{name}"'
        if kind == "DATE"
        else f'cast("{name}" as {kind}) as "{name}"'
        for name, kind in columns.items()
    )
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        source = f"read_json('{ndjson}', format = 'newline_delimited', columns = {schema})"
        query = f"select {select}, row_number() over () as _line from {source}"
        connection.execute(f"copy ({query}) to '{parquet}' (format parquet, compression zstd)")
        found = connection.execute(f"select count(*) from read_parquet('{parquet}')").fetchone()
    assert found is not None
    return int(found[0])
