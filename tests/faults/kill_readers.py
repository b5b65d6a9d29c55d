"""Readers who ask for gold through the catalog all the time, and what they may be answered.

A place is a table, or one partition of it. Of each place the complete versions that a reader may see at this moment
are known; an answer that is none of them (empty, a part, a mixture) or that is older than an earlier one to the same
reader is a violation.
"""

import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from lakehouse.publish.pointer import RUN_ID
from tests.faults import tally
from tests.faults.kill_lake import KillLake

Row = tuple[str, ...]
Rows = tuple[Row, ...]
NOTHING: Rows = ()
"""What a place shows before its first publication, and never again."""
_NO_FILES: Rows = (("no file",),)
"""A published place without files: never right."""


@dataclass(frozen=True)
class Place:
    """A gold table, or one partition of it, and the columns that are asked for."""

    table: str
    columns: tuple[str, ...]
    by: str = ""
    """Column that the table is partitioned by."""
    value: str = ""


class Allowed:
    """The complete versions of each place that readers may see now, oldest first. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._versions: dict[Place, dict[int, Rows]] = {}

    def also(self, place: Place, number: int, rows: Rows) -> None:
        """From now on a newer version may be seen too."""
        with self._lock:
            self._versions[place] = {**self._versions.get(place, {}), number: rows}

    def only(self, place: Place, number: int) -> None:
        """From now on nothing older may be seen: whoever begins to read now."""
        with self._lock:
            self._versions[place] = {one: rows for one, rows in self._versions[place].items() if one >= number}

    def forget(self, place: Place) -> None:
        with self._lock:
            del self._versions[place]

    def now(self) -> dict[Place, dict[int, Rows]]:
        with self._lock:
            return {place: dict(versions) for place, versions in self._versions.items()}


Read = Callable[[Place], Rows]


@dataclass
class Reader:
    """One who reads every place again and again."""

    name: str
    read: Read
    pause_seconds: float
    allowed: Allowed
    violations: list[str] = field(default_factory=list)
    reads: int = 0
    _seen: dict[Place, int] = field(default_factory=dict)

    def follow(self, stop: threading.Event) -> None:
        """Read until told to stop."""
        while not stop.is_set():
            for place in self.allowed.now():
                self.look(place)
            stop.wait(self.pause_seconds)

    def look(self, place: Place) -> None:
        """One answer, judged by what was allowed when it was asked for and when it came."""
        before = self.allowed.now().get(place)
        if before is None:
            return
        rows = self.read(place)
        after = self.allowed.now().get(place, {})
        self.reads += 1
        number = next((one for one, known in sorted({**before, **after}.items()) if known == rows), None)
        where = f"{self.name}: {place.table} {place.value}"
        if number is None:
            self.violations.append(
                f"{where} shows {rows[:5]} ({len(rows)} rows), none of {sorted({**before, **after})}"
            )
        elif number < self._seen.get(place, number):
            self.violations.append(f"{where} went back from version {self._seen[place]} to {number}")
        else:
            self._seen[place] = number


@dataclass(frozen=True)
class Audience:
    """Readers who read all the time, and the same kinds of readers who read when they are asked."""

    allowed: Allowed
    always: tuple[Reader, ...]
    asked: tuple[Reader, ...]

    def look(self) -> None:
        """Every kind of reader reads every place now."""
        for reader in self.asked:
            for place in self.allowed.now():
                reader.look(place)


@contextmanager
def audience(kinds: Mapping[str, tuple[Read, float]]) -> Iterator[Audience]:
    """Readers (how they read, and their pause in seconds, by name) who read meanwhile.

    Raises what a reader raised; each must have read, and none may have seen a violation.
    """
    allowed, stop = Allowed(), threading.Event()
    always = tuple(Reader(name, read, pause, allowed) for name, (read, pause) in kinds.items())
    asked = tuple(Reader(f"{name}, asked", read, pause, allowed) for name, (read, pause) in kinds.items())
    with ThreadPoolExecutor(len(always), thread_name_prefix="reader") as pool:
        ended: list[Future[None]] = [pool.submit(reader.follow, stop) for reader in always]
        try:
            yield Audience(allowed, always, asked)
        finally:
            stop.set()
    for future in ended:
        future.result()
    readers = (*always, *asked)
    found = [violation for reader in readers for violation in reader.violations]
    tally.add("reads", sum(reader.reads for reader in readers))
    tally.add("violations", len(found))
    assert not found, "\n".join(found[:20])
    assert all(reader.reads for reader in readers), [(reader.name, reader.reads) for reader in readers]


def by_duckdb(lake: KillLake) -> Read:
    """DuckDB over the files that the catalog's location holds."""

    def read(place: Place) -> Rows:
        location = _location(lake, place)
        if location is None:
            return NOTHING
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        listed = lake.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        bodies = [lake.s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read() for one in listed]
        files = [pq.read_table(io.BytesIO(body)) for body in bodies]
        if not files:
            return _NO_FILES
        return _rows(duckdb.connect().from_arrow(pa.concat_tables(files)).project(_list(place)).fetchall())

    return read


def by_athena(lake: KillLake) -> Read:
    """Athena's API."""
    client: Any = lake.aws.client("athena")
    request = {
        "QueryExecutionContext": {"Database": lake.settings.gold_database},
        "ResultConfiguration": {"OutputLocation": f"s3://{lake.lake.bucket}/athena-results/"},
    }

    def read(place: Place) -> Rows:
        where = f" where {place.by} = date '{place.value}'" if place.by else ""
        text = f'select {_list(place)} from "{place.table}"{where}'
        query = client.start_query_execution(QueryString=text, **request)["QueryExecutionId"]
        while (status := client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"])["State"] in (
            "QUEUED",
            "RUNNING",
        ):
            time.sleep(0.01)
        assert status["State"] == "SUCCEEDED", status
        found = client.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"][1:]
        return _rows([value.get("VarCharValue") for value in row["Data"]] for row in found)

    return read


def by_spark(lake: KillLake, spark: SparkSession) -> Read:
    """A Spark session over the catalog's location."""

    def read(place: Place) -> Rows:
        location = _location(lake, place)
        if location is None:
            return NOTHING
        return _rows(tuple(row) for row in spark.read.parquet(location).select(*place.columns).collect())

    return read


def _location(lake: KillLake, place: Place) -> str | None:
    """What the catalog says; None for a table that no run has published and for a partition that it does not have."""
    named = {"DatabaseName": lake.settings.gold_database}
    if not place.by:
        table = lake.glue.get_table(Name=place.table, **named)["Table"]
        return str(table["StorageDescriptor"]["Location"]) if RUN_ID in table["Parameters"] else None
    try:
        found = lake.glue.get_partition(TableName=place.table, PartitionValues=[place.value], **named)
    except lake.glue.exceptions.EntityNotFoundException:
        return None
    return str(found["Partition"]["StorageDescriptor"]["Location"])


def _list(place: Place) -> str:
    return ", ".join(f'"{column}"' for column in place.columns)


def _rows(rows: Any) -> Rows:
    """As text and sorted, so that all readers' answers compare."""
    return tuple(sorted(tuple(str(value) for value in row) for row in rows))
