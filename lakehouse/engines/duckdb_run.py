"""A run's gold by DuckDB in a Lambda: silver files from S3 to local disk, gold files back to S3."""

import shutil
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lakehouse import names
from lakehouse.contract.model import Dataset, GoldTable, Pipeline
from lakehouse.engines.duckdb import Limits, connect, register_silver, write_gold
from lakehouse.errors import EngineError
from lakehouse.ledger.items import GoldResult
from lakehouse.log import log
from lakehouse.plan import RunPlan
from lakehouse.silver.slots import SlotFile
from lakehouse.silver.table import SilverStore

if TYPE_CHECKING:
    import duckdb
    from mypy_boto3_s3.client import S3Client

PARALLEL_DOWNLOADS = 8
DISK_RESERVE = 2
"""Free disk wanted, as a multiple of the silver files: they, the result and what DuckDB spills."""
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
    pipeline: Pipeline, plan: RunPlan, store: SilverStore, s3: "S3Client", bucket: str, function_memory_mb: int
) -> dict[str, GoldResult]:
    """Make every gold table of a run, each in a folder of this attempt. Local files are gone afterwards.

    Raises:
        EngineError: the silver files do not fit the disk, or a result is not what the contract declares.
        SilverError: a silver table does not exist.
        duckdb.Error: a SELECT is broken.
    """
    attempt = uuid.uuid4().hex[:12]
    with TemporaryDirectory(prefix="gold-") as name:
        folder = Path(name)
        with connect(limits_of(function_memory_mb, folder / "spill")) as connection:
            started = time.monotonic()

            def fetch(dataset: Dataset, files: Sequence[SlotFile]) -> list[Path]:
                return fetch_files(s3, bucket, dataset, files, folder / dataset.name)

            register_silver(connection, pipeline, store, plan.versions, fetch)
            seconds = time.monotonic() - started
            log("silver_fetched", pipeline=pipeline.name, batch=plan.batch, run_id=plan.run_id, seconds=seconds)
            return {
                table.name: _make(connection, pipeline, table, plan, s3, bucket, folder, attempt)
                for table in pipeline.gold
            }


def fetch_files(s3: "S3Client", bucket: str, dataset: Dataset, files: Sequence[SlotFile], folder: Path) -> list[Path]:
    """Download a dataset's silver files, several at a time, to `folder`; their places in the same order.

    Raises:
        EngineError: they and the work on them do not fit the disk.
    """
    folder.mkdir()
    wanted, free = sum(file.bytes for file in files), shutil.disk_usage(folder).free
    if wanted * DISK_RESERVE > free:
        raise EngineError(
            f"Silver of {dataset.pipeline}/{dataset.name} is {wanted} bytes and {folder.anchor} has {free} free; "
            f"expected {DISK_RESERVE} times as much. Give the function more storage or set engine = 'spark'"
        )
    prefix = names.silver_prefix(dataset.pipeline, dataset.name)
    paths = [folder / Path(file.path).name for file in files]

    def download(file: SlotFile, path: Path) -> None:
        s3.download_file(bucket, prefix + file.path, str(path))

    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        list(pool.map(download, files, paths))
    return paths


def _make(
    connection: "duckdb.DuckDBPyConnection",
    pipeline: Pipeline,
    table: GoldTable,
    plan: RunPlan,
    s3: "S3Client",
    bucket: str,
    folder: Path,
    attempt: str,
) -> GoldResult:
    started = time.monotonic()
    target = folder / f"gold-{table.name}"
    target.mkdir()
    file, figures = write_gold(connection, pipeline, table, target)
    prefix = names.gold_run_prefix(pipeline.name, table.name, plan.run_id, attempt)
    size = file.stat().st_size
    s3.upload_file(str(file), bucket, prefix + file.name)
    file.unlink()
    seconds = time.monotonic() - started
    log(
        "gold_written",
        pipeline=pipeline.name,
        batch=plan.batch,
        run_id=plan.run_id,
        table=table.name,
        engine="duckdb",
        rows=figures.rows,
        bytes=size,
        seconds=seconds,
    )
    return GoldResult(f"s3://{bucket}/{prefix}", figures.rows, size, attempt, "duckdb", seconds)
