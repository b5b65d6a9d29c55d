"""Gold by DuckDB, in one process: for batches that fit a Lambda.

DuckDB's S3 and Delta extensions would have to be downloaded at run time. So the silver files of the pinned version are
listed by delta-rs, fetched to local disk and read as plain Parquet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lakehouse.contract.model import Dataset, GoldTable, Pipeline
from lakehouse.contract.types import column_type
from lakehouse.engines.current import current_rows
from lakehouse.engines.dialect import to_duckdb
from lakehouse.engines.gold_sql import gold_sql
from lakehouse.engines.result import Figures, check_columns, check_figures, figures_of, figures_sql
from lakehouse.silver.columns import BATCH, LINE, ORIGIN, SLOT
from lakehouse.silver.slots import SlotFile, slot_count
from lakehouse.silver.table import SilverStore, active_files, open_table

Fetch = Callable[[Dataset, Sequence[SlotFile]], Sequence[Path]]
"""Brings a dataset's silver files to local disk and says where each lies, in the same order."""

PART = "part-00000.parquet"
_SPARK_NAMES = {"VARCHAR": "string", "INTEGER": "int", "TIMESTAMP WITH TIME ZONE": "timestamp"}


@dataclass(frozen=True)
class Limits:
    """What DuckDB may use. Beyond the memory it spills into `spill_dir`."""

    memory_mb: int
    threads: int
    spill_dir: Path


def connect(limits: Limits) -> duckdb.DuckDBPyConnection:
    """A database in memory with UTC as its time zone, that never looks for extensions on the network."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{limits.memory_mb}MB",
            "threads": limits.threads,
            "temp_directory": str(limits.spill_dir),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return connection


def register_silver(
    connection: duckdb.DuckDBPyConnection,
    pipeline: Pipeline,
    store: SilverStore,
    versions: Mapping[str, int],
    fetch: Fetch,
) -> None:
    """Make each dataset's current rows at its pinned version a view of the dataset's name.

    Raises:
        SilverError: a table does not exist.
    """
    for dataset in pipeline.datasets:
        files = active_files(open_table(store, dataset, versions[dataset.name]))
        silver = f"_silver_{dataset.name}"
        _register_files(connection, dataset, silver, list(zip(files, fetch(dataset, files), strict=True)))
        current = to_duckdb(current_rows(dataset, silver, slots=slot_count(files)), f"current rows of {dataset.name}")
        connection.execute(f'create view "{dataset.name}" as {current}')


def write_gold(
    connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, table: GoldTable, folder: Path
) -> tuple[Path, Figures]:
    """Run a gold table's SELECT into one Parquet file in `folder` and check it against the contract.

    Raises:
        EngineError: the SQL cannot be translated, or columns, types or keys are not what the contract declares.
        duckdb.Error: the SQL is broken.
    """
    where = f"gold/{table.name}.sql of pipeline {pipeline.name}"
    select = to_duckdb(gold_sql(pipeline, table), where)
    check_columns(table, _columns_of(connection, select))
    file = folder / PART
    connection.execute(f"copy ({select}) to {_text(file)} (format parquet, compression zstd)")
    count = to_duckdb(figures_sql(table, "_result"), where)
    connection.execute(f"create or replace temp view _result as select * from read_parquet({_text(file)})")
    row = connection.execute(count).fetchone()
    figures = figures_of(table, row or ())
    check_figures(table, figures)
    return file, figures


def _register_files(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: str, files: Sequence[tuple[SlotFile, Path]]
) -> None:
    """A view of a table's rows with `_line`, `_origin`, `_batch`, `_slot`. A column that no file has yet holds null."""
    typed = [*((column.name, _duckdb_type(column.type)) for column in dataset.columns), *_OWN]
    if not files:
        nothing = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in [*typed, *_PARTITION])
        connection.execute(f"create view {silver} as select {nothing} where false")
        return
    slots = ", ".join(f"({_text(path)}, {_text(file.batch)}, {_text(file.slot)})" for file, path in files)
    connection.execute(f"create table {silver}_slots as select * from (values {slots}) as s(_file, {BATCH}, {SLOT})")
    paths = ", ".join(_text(path) for _, path in files)
    rows = f"read_parquet([{paths}], filename = '_file', union_by_name = true, hive_partitioning = false)"
    present = {name for name, _ in _columns_of(connection, f"select * from {rows}")}
    columns = [f'"{name}"' if name in present else f'cast(null as {kind}) as "{name}"' for name, kind in typed]
    selected = ", ".join([*columns, BATCH, SLOT])
    connection.execute(f"create view {silver} as select {selected} from {rows} join {silver}_slots using (_file)")


_OWN = ((LINE, "BIGINT"), (ORIGIN, "VARCHAR"))
_PARTITION = ((BATCH, "VARCHAR"), (SLOT, "VARCHAR"))


def _columns_of(connection: duckdb.DuckDBPyConnection, select: str) -> list[tuple[str, str]]:
    """Names and Spark types of a SELECT's columns."""
    rows = connection.execute(f"describe {select}").fetchall()
    return [(str(name), _SPARK_NAMES.get(kind, str(kind).lower())) for name, kind, *_ in rows]


def _duckdb_type(text: str) -> str:
    found = column_type(text)
    if found.name == "decimal":
        return f"DECIMAL({found.precision},{found.scale})"
    return {"string": "VARCHAR", "long": "BIGINT", "timestamp": "TIMESTAMPTZ"}.get(found.name, found.name.upper())


def _text(value: object) -> str:
    """A string literal."""
    return "'" + str(value).replace("'", "''") + "'"
