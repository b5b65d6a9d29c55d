"""A run's gold by DuckDB in a Lambda: silver files from S3 to local disk, gold files back to S3."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.duckdb import (
    PART,
    Limits,
    connect,
    export_csv,
    register_silver,
    show_current,
    touched_batches,
    write_gold,
    write_partitions,
)
from lakehouse.engines.former import FormerFiles
from lakehouse.engines.result import Figures
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.ledger.items import GoldPartition, GoldResult
from lakehouse.log import log
from lakehouse.plan import RunPlan
from lakehouse.silver.table import SilverStore

if TYPE_CHECKING:
    import duckdb
    from mypy_boto3_s3.client import S3Client

MB_PER_VCPU = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""


def limits_of(function_memory_mb: int, spill_dir: Path) -> Limits:
    """DuckDB's share of a Lambda's memory: the rest is for Python and the Parquet that is being sent."""
    return Limits(
        memory_mb=max(128, function_memory_mb * 6 // 10),
        threads=min(6, max(1, round(function_memory_mb / MB_PER_VCPU))),
        spill_dir=spill_dir,
    )


def run_duckdb(
    pipeline: Pipeline,
    plan: RunPlan,
    tables: Sequence[GoldTable],
    store: SilverStore,
    former: FormerFiles,
    cache: SilverCache,
    function_memory_mb: int,
) -> dict[str, GoldResult]:
    """Make gold tables of a run, each in a folder of this attempt of the bucket that the silver files come from.

    Of a partitioned table only the partitions that the run touches are made. Local files are gone afterwards, but for
    what the cache keeps of silver.

    Raises:
        EngineError: the silver files do not fit the disk, or a result is not what the contract declares.
        SilverError: a silver table does not exist.
        duckdb.Error: a SELECT is broken.
    """
    with TemporaryDirectory(prefix="gold-") as name:
        folder = Path(name)
        with connect(limits_of(function_memory_mb, folder / "spill")) as connection:
            slots = register_silver(connection, pipeline, store, plan.versions, cache.fetch)
            attempt = _Attempt(connection, pipeline, plan, cache.s3, cache.bucket, folder, uuid.uuid4().hex[:12])
            whole = {table.name: attempt.make(table) for table in tables if table.partition_by is None}
            parted = [table for table in tables if table.partition_by is not None]
            if parted:
                batches = touched_batches(connection, pipeline, plan.batch, former(), cache.fetch)
                show_current(connection, pipeline, slots, batches)
            made = whole | {table.name: attempt.make_partitions(table, batches) for table in parted}
    cache.trim()
    return made


@dataclass(frozen=True)
class _Attempt:
    """One attempt's connection and places."""

    connection: "duckdb.DuckDBPyConnection"
    pipeline: Pipeline
    plan: RunPlan
    s3: "S3Client"
    bucket: str
    folder: Path
    name: str

    def make(self, table: GoldTable) -> GoldResult:
        """A whole table, and its CSV file where it has one."""
        started, target, prefix = time.monotonic(), self._new_folder(table), self._prefix(table)
        file, figures = write_gold(self.connection, self.pipeline, table, target)
        size = self._send(file, prefix + file.name)
        csv = None
        if table.csv:
            exported = export_csv(self.connection, self.pipeline, table, target)
            key = names.export_prefix(self.pipeline.name, table.name, self.plan.run_id, self.name) + exported.name
            self._send(exported, key)
            csv = f"s3://{self.bucket}/{key}"
        file.unlink()
        return self._result(table, started, figures, size, csv=csv)

    def make_partitions(self, table: GoldTable, batches: frozenset[str]) -> GoldResult:
        """The partitions of some batches."""
        started, target, prefix = time.monotonic(), self._new_folder(table), self._prefix(table)
        made, figures = write_partitions(self.connection, self.pipeline, table, target, batches)
        partitions = {}
        for value, (file, rows) in made.items():
            place = prefix + names.partition_folder(str(table.partition_by), value)
            size = self._send(file, place + PART) if rows else 0
            partitions[value] = GoldPartition(f"s3://{self.bucket}/{place}", rows, size)
        size = sum(one.bytes for one in partitions.values())
        return self._result(table, started, figures, size, partitions=partitions)

    def _new_folder(self, table: GoldTable) -> Path:
        target = self.folder / f"gold-{table.name}"
        target.mkdir()
        return target

    def _prefix(self, table: GoldTable) -> str:
        return names.gold_run_prefix(self.pipeline.name, table.name, self.plan.run_id, self.name)

    def _send(self, file: Path, key: str) -> int:
        """Upload; the size in bytes."""
        self.s3.upload_file(str(file), self.bucket, key)
        return file.stat().st_size

    def _result(
        self,
        table: GoldTable,
        started: float,
        figures: Figures,
        size: int,
        csv: str | None = None,
        partitions: dict[str, GoldPartition] | None = None,
    ) -> GoldResult:
        seconds = time.monotonic() - started
        log(
            "gold_written",
            pipeline=self.pipeline.name,
            batch=self.plan.batch,
            run_id=self.plan.run_id,
            table=table.name,
            engine="duckdb",
            rows=figures.rows,
            bytes=size,
            partitions=len(partitions or {}),
            seconds=seconds,
        )
        location = f"s3://{self.bucket}/{self._prefix(table)}"
        return GoldResult(
            location, figures.rows, size, self.name, "duckdb", seconds, csv, partitions or {}, figures.totals
        )
