"""SQL test cases as folders: inputs and the rows expected of them, collected without any Python per case.

tests/sql/<pipeline>/<table>/<case>/
    input/<path>        a valid bronze file; its key is bronze/<pipeline>/<path>, which says dataset and batch
    input-2/…           optional: what arrives later; a file of the same name replaces the earlier one
    expected.ndjson     the gold rows, in any order; without any input folder nothing has arrived yet
"""

import json
import re
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lakehouse.contract.model import Dataset, GoldTable, Pipeline, Place
from lakehouse.contract.route import place_of
from lakehouse.gate.judge import judge
from lakehouse.ledger.items import SlotInForce
from lakehouse.names import digest, silver_data_path
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
    """One input file and the slot that it fills. Its path ends with its bronze key."""

    place: Place
    file: Path


class LocalSilver:
    """Silver tables in a folder, filled by the gate's judging and the commit, with the bronze files beside them."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        self.store = SilverStore(str(folder / "lake"))
        self.pipeline = pipeline
        self.slots: dict[str, dict[str, SlotInForce]] = {}
        self.in_force: dict[tuple[str, str], Arrived] = {}
        self._folder = folder

    def bring_all(self, steps: list[Path]) -> dict[str, int]:
        """Commit the files of one step after another; the version of every table afterwards."""
        for step in steps:
            for file in sorted(path for path in step.rglob("*") if path.is_file()):
                self._bring(self._arrived(step, file))
            for batch in sorted(self.slots):
                for dataset in self.pipeline.datasets:
                    commit_dataset(self.store, dataset, batch, lambda batch=batch: self.slots[batch])
        return {dataset.name: commit_dataset(self.store, dataset, "none", dict) for dataset in self.pipeline.datasets}

    def files_in_force(self) -> dict[str, list[Path]]:
        """By dataset, in ascending order of (batch, key): what the independent recomputation reads."""
        found: dict[str, list[Path]] = {dataset.name: [] for dataset in self.pipeline.datasets}
        for _, one in sorted(self.in_force.items()):
            found[one.place.dataset].append(one.file)
        return found

    def _arrived(self, step: Path, file: Path) -> Arrived:
        key = f"bronze/{self.pipeline.name}/{file.relative_to(step).as_posix()}"
        place = place_of(key, {self.pipeline.name: self.pipeline})
        assert isinstance(place, Place), place
        bronze = self._folder / step.name / key
        bronze.parent.mkdir(parents=True, exist_ok=True)
        return Arrived(place, shutil.copyfile(file, bronze))

    def _bring(self, one: Arrived) -> None:
        slot = self._judged(self.pipeline.dataset(one.place.dataset), one)
        self.slots.setdefault(one.place.batch, {})[one.place.slot_id] = slot
        self.in_force[one.place.batch, one.place.key] = one

    def _judged(self, dataset: Dataset, one: Arrived) -> SlotInForce:
        """The silver file of an input file that the gate accepts without a refused row."""
        workdir = self._folder / "gate"
        workdir.mkdir(exist_ok=True)
        with one.file.open("rb") as stream:
            found = judge(stream, one.place.key, replace(dataset, max_bad_share=Decimal(1)), workdir)
        refused = found.quarantine_rows.read_text() if found.quarantine_rows else ""
        assert found.parquet is not None, f"{one.place.key}: {found.message}"
        assert not refused, f"{one.place.key}: a case's input is valid, but {refused}"
        name = digest(one.place.key, found.content_sha256)
        path = Path(self.store.uri(dataset.pipeline, dataset.name)) / silver_data_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found.parquet, path)
        size = path.stat().st_size
        return SlotInForce(dataset.name, one.place.key, name, found.rows_accepted, found.bytes, size, revision=1)
