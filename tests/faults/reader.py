"""A reader of gold, who goes through the catalog as Athena does, and of silver, who reads the Delta log by hand."""

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq

from tests.faults.contents import Content, Row
from tests.faults.recomputation import DATASETS, PARTED, WHOLE, GoldRow, Slot, parted, whole
from tests.faults.world import World


class Violation(AssertionError):  # noqa: N818 (an invariant is broken: the test's own word for it)
    """An invariant does not hold."""


def must(holds: bool, what: str, *about: object) -> None:
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(f"{what}: {', '.join(map(repr, about))}")


@dataclass
class SilverLog:
    """The versions of a silver table, from its log's JSON files."""

    world: World
    pipeline: str
    dataset: str
    versions: list[dict[tuple[str, str], tuple[str, ...]]] = field(default_factory=list)
    """By version: (batch, slot) → file ids."""

    def at(self, version: int) -> dict[tuple[str, str], tuple[str, ...]]:
        while len(self.versions) <= version:
            self.versions.append(self._next())
        return self.versions[version]

    def newest(self) -> int:
        """Number of the newest version; -1 without a table."""
        logs = self.world.objects(f"silver/{self.pipeline}/{self.dataset}/_delta_log/")
        return max((int(key.rsplit("/", 1)[1][:-5]) for key in logs if _is_commit(key)), default=-1)

    def _next(self) -> dict[tuple[str, str], tuple[str, ...]]:
        held = {place: list(files) for place, files in (self.versions[-1] if self.versions else {}).items()}
        key = f"silver/{self.pipeline}/{self.dataset}/_delta_log/{len(self.versions):020d}.json"
        for line in self.world.body(key).splitlines():
            action = json.loads(line)
            for kind in ("remove", "add"):
                if kind not in action:
                    continue
                values = action[kind]["partitionValues"]
                files = held.setdefault((values["_batch"], values["_slot"]), [])
                file_id = action[kind]["path"].removeprefix("data/").removesuffix(".parquet")
                if kind == "add":
                    files.append(file_id)
                elif file_id in files:
                    files.remove(file_id)
        return {place: tuple(sorted(files)) for place, files in held.items() if files}


def _text(value: object) -> str:
    """As the CSV files write it: money to the cent."""
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)


def _is_commit(key: str) -> bool:
    name = key.rsplit("/", 1)[1]
    return name.endswith(".json") and name[:-5].isdigit()


class Reader:
    """Looks at gold now and then; every look must show complete versions, and none older than the look before."""

    def __init__(self, world: World, uploaded: dict[tuple[str, str], Content]) -> None:
        self.world = world
        self.uploaded = uploaded
        """By object key and SHA-256 of the bytes."""
        self.logs = {
            (pipeline, dataset): SilverLog(world, pipeline, dataset)
            for pipeline, datasets in DATASETS.items()
            for dataset in datasets
        }
        self.seen: dict[str, dict[str, int]] = {}
        self.runs: dict[str, tuple[str, str]] = {}
        """Pipeline and batch by run id."""
        self._right: set[tuple[object, ...]] = set()
        self._contents: dict[str, Content] = {}

    def look(self, *pipelines: str) -> None:
        """Read every gold table of these pipelines as it is shown now; without a name, of those that have run."""
        etags = self.world.objects("gold/")
        for pipeline in pipelines or sorted({pipeline for pipeline, _ in self.runs.values()}):
            for table in WHOLE.get(pipeline, ()):
                self._look_at_whole(pipeline, table, etags)
            for table in PARTED.get(pipeline, ()):
                self._look_at_parted(pipeline, table, etags)

    def silver(self, pipeline: str, versions: dict[str, int]) -> dict[str, list[Slot]]:
        """What silver held at these versions, with the rows that the tests wrote."""
        return {dataset: self._slots(pipeline, dataset, versions[dataset]) for dataset in DATASETS[pipeline]}

    def newest(self, pipeline: str) -> dict[str, int]:
        return {dataset: self.logs[pipeline, dataset].newest() for dataset in DATASETS[pipeline]}

    def rows(self, keys: list[str]) -> Counter[GoldRow]:
        """All rows of Parquet files."""
        found: Counter[GoldRow] = Counter()
        for key in keys:
            table = pq.read_table(io.BytesIO(self.world.body(key)))
            found.update(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return found

    def shown(self, table: str) -> tuple[Any, dict[str, int]]:
        """A catalog table and the silver versions that it says to stand for; none before the first publishing."""
        found = self.world.glue.get_table(DatabaseName=self.world.settings.gold_database, Name=table)["Table"]
        return found, json.loads(found["Parameters"].get("lakegate.versions", "{}"))

    def partitions(self, table: str) -> dict[str, tuple[str, str]]:
        """Location and run id by value."""
        pages = self.world.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.world.settings.gold_database, TableName=table
        )
        return {
            one["Values"][0]: (one["StorageDescriptor"]["Location"], one["Parameters"]["lakegate.run_id"])
            for page in pages
            for one in page["Partitions"]
        }

    def _look_at_whole(self, pipeline: str, table: str, etags: dict[str, str]) -> None:
        found, versions = self.shown(table)
        self._never_back(table, versions)
        if not versions:
            return
        keys = self._below(found["StorageDescriptor"]["Location"], etags)
        csv_uri = found["Parameters"].get("lakegate.csv")
        state = (table, tuple((key, etags[key]) for key in keys), tuple(sorted(versions.items())), csv_uri)
        if state in self._right:
            return
        want = whole(table, self.silver(pipeline, versions))
        have = self.rows(keys)
        must(have == want, f"gold.{table} is not what silver {versions} gives", have, want)
        must(csv_uri is not None, f"gold.{table} names no CSV file")
        self._check_csv(table, csv_uri, want)
        self._right.add(state)

    def _look_at_parted(self, pipeline: str, table: str, etags: dict[str, str]) -> None:
        for value, (location, run_id) in self.partitions(table).items():
            of, batch = self.runs[run_id]
            run = self.world.ledger.run(of, batch, run_id)
            must(run is not None, f"gold.{table}/{value} is of a run that nobody knows", run_id)
            assert run is not None
            versions = dict(run.versions)
            self._never_back(f"{table}/{value}", versions)
            keys = self._below(location, etags)
            state = (table, value, tuple((key, etags[key]) for key in keys), tuple(sorted(versions.items())))
            if state in self._right:
                continue
            want = parted(table, self.silver(pipeline, versions)).get(value, Counter())
            have = self.rows(keys)
            must(have == want, f"gold.{table}/{value} is not what silver {versions} gives", have, want)
            self._right.add(state)

    def _check_csv(self, table: str, uri: str, want: Counter[GoldRow]) -> None:
        text = self.world.body(uri.removeprefix(f"s3://{self.world.bucket}/")).decode("utf-8-sig")
        have = Counter(tuple(row) for row in list(csv.reader(io.StringIO(text)))[1:])
        texts = Counter(tuple(_text(value) for value in row) for row in want.elements())
        must(have == texts, f"the CSV file of gold.{table} is not its rows", have, texts)

    def _never_back(self, what: str, versions: dict[str, int]) -> None:
        before = self.seen.get(what, {})
        older = {dataset for dataset, version in before.items() if versions.get(dataset, -1) < version}
        must(not older, f"gold.{what} went back", before, versions)
        self.seen[what] = versions

    def keys_of(self, location: str) -> list[str]:
        """The Parquet files below a location."""
        prefix = location.removeprefix(f"s3://{self.world.bucket}/")
        return self._below(location, self.world.objects(prefix))

    def _below(self, location: str, etags: dict[str, str]) -> list[str]:
        prefix = location.removeprefix(f"s3://{self.world.bucket}/")
        return sorted(key for key in etags if key.startswith(prefix) and key.endswith(".parquet"))

    def _slots(self, pipeline: str, dataset: str, version: int) -> list[Slot]:
        held = self.logs[pipeline, dataset].at(version)
        doubled = [place for place, files in held.items() if len(files) != 1]
        must(not doubled, f"silver {dataset} version {version} holds several files of a slot", doubled)
        return [
            Slot(batch, key, self._content(pipeline, batch, key, files[0]).accepted)
            for (batch, key), files in held.items()
        ]

    def _content(self, pipeline: str, batch: str, key: str, file_id: str) -> Content:
        if file_id not in self._contents:
            record = self.world.ledger.file(pipeline, batch, file_id)
            must(record is not None, "silver holds a file that the ledger does not know", key, file_id)
            assert record is not None
            found = self.uploaded.get((key, record.content_sha256))
            must(found is not None, "silver holds a file that nobody brought", key, file_id)
            assert found is not None
            must(not found.refused, "silver holds a file that must be refused", key, file_id)
            self._contents[file_id] = found
        return self._contents[file_id]

    def silver_rows(self, pipeline: str, dataset: str, file_id: str) -> Counter[Row]:
        """The rows in a silver file, without the columns that are the lake's own."""
        body = self.world.body(f"silver/{pipeline}/{dataset}/data/{file_id}.parquet")
        table = pq.read_table(io.BytesIO(body)).select(["sale_id", "city", "amount"])
        return Counter(zip(*(column.to_pylist() for column in table.columns), strict=True))
