"""Puts the rows of several silver files into one. By DuckDB: beside delta-rs pyarrow would not fit into a Lambda."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakehouse import names
from lakehouse.contract.model import Dataset
from lakehouse.engines.duckdb import connect
from lakehouse.engines.duckdb_run import limits_of
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.errors import SilverError
from lakehouse.silver.columns import LINE, ORIGIN, SLOT
from lakehouse.silver.compact import Compaction

if TYPE_CHECKING:
    import duckdb
    from mypy_boto3_s3.client import S3Client


def store_compacted(
    s3: "S3Client", bucket: str, dataset: Dataset, function_memory_mb: int, compaction: Compaction
) -> int:
    """Store the one file of a compaction; its size in bytes. One that is there already is left as it is: the name says
    what it holds, and a version of the table may have its size written down.

    Raises:
        EngineError: the members do not fit the disk.
        SilverError: the members hold another number of rows than the ledger says.
    """
    key = names.silver_prefix(dataset.pipeline, dataset.name) + compaction.path
    with TemporaryDirectory(prefix="compact-") as name:
        folder, file = Path(name), Path(name) / "compacted.parquet"
        paths = SilverCache(s3, bucket, folder / "members").fetch(dataset, compaction.members)
        with connect(limits_of(function_memory_mb, folder / "spill")) as connection:
            slots = [member.slot for member in compaction.members]
            rows = merge(connection, list(zip(slots, paths, strict=True)), file)
        if rows != compaction.rows:
            raise SilverError(
                f"The {len(paths)} files of {dataset.pipeline}/{dataset.name}, batch {compaction.batch}, hold {rows} "
                f"rows; expected {compaction.rows}, as the ledger says. Nothing was changed"
            )
        with file.open("rb") as body:
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if error.response["Error"]["Code"] != "PreconditionFailed":
                    raise
                return s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
        return file.stat().st_size


def merge(connection: "duckdb.DuckDBPyConnection", members: Sequence[tuple[str, Path]], target: Path) -> int:
    """Write the rows of (slot, silver file) pairs to one Parquet file, by slot and line; their number.

    The columns are those of all members, then `_origin`: the row's slot. A column that a member lacks holds null.
    """
    connection.execute(f"create temp table _members (_file varchar, {SLOT} varchar)")
    connection.executemany("insert into _members values (?, ?)", [(str(path), slot) for slot, path in members])
    rows = "read_parquet(?, filename = '_file', union_by_name = true, hive_partitioning = false)"
    connection.execute(
        f"copy (select * exclude (_file, {SLOT}), {SLOT} as {ORIGIN} from {rows} join _members using (_file) "
        f"order by {SLOT}, {LINE}) to '{target}' (format parquet, compression zstd)",
        [[str(path) for _, path in members]],
    )
    found = connection.execute("select count(*) from read_parquet(?)", [str(target)]).fetchone()
    return int(found[0]) if found else 0
