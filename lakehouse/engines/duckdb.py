"""Gold by DuckDB, in one process: for batches that fit a Lambda.

DuckDB's S3 and Delta extensions would have to be downloaded at run time. So the silver files of the pinned version are
listed by delta-rs, fetched to local disk and read as plain Parquet.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lakehouse.contract.model import Dataset, GoldTable, Pipeline
from lakehouse.contract.personal import stored_columns
from lakehouse.contract.types import column_type
from lakehouse.engines.csv_export import csv_name, rows_sql, write_csv
from lakehouse.engines.current import current_rows, silver_relation
from lakehouse.engines.dialect import to_duckdb
from lakehouse.engines.gold_sql import gold_sql
from lakehouse.engines.partitions import check_values, of_batches, sharing_batches
from lakehouse.engines.result import Figures, check_columns
from lakehouse.engines.seeds import seed_rows
from lakehouse.engines.totals import check_counts, check_result, checks_sql
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
) -> dict[str, int]:
    """Make each dataset's current rows at its pinned version, and each seed, a relation of its name.

    Returns:
        Slots by dataset at these versions, for `show_current`.

    Raises:
        SilverError: a table does not exist.
        BalanceError: a file does not hold the rows that the Delta log says.
        ContractError: a seed's file is wrong.
    """
    tables = ((dataset, open_table(store, dataset, versions[dataset.name])) for dataset in pipeline.datasets)
    return register_files(connection, pipeline, {dataset.name: active_files(table) for dataset, table in tables}, fetch)


def register_files(
    connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, held: Mapping[str, Sequence[SlotFile]], fetch: Fetch
) -> dict[str, int]:
    """The same of silver files by dataset, whatever table or version has them.

    Raises:
        BalanceError: a file does not hold the rows that are said of it.
        ContractError: a seed's file is wrong.
    """
    slots = {}
    for dataset in pipeline.datasets:
        files = held[dataset.name]
        places = list(zip(files, fetch(dataset, files), strict=True))
        _check_rows(connection, dataset, places)
        _register_files(connection, dataset, silver_relation(dataset), places)
        slots[dataset.name] = slot_count(files)
    show_current(connection, pipeline, slots)
    for seed in pipeline.seeds:
        rows = to_duckdb(seed_rows(seed), f"seeds/{seed.name}.csv of pipeline {pipeline.name}")
        connection.execute(f'create table "{seed.name}" as {rows}')
    return slots


def show_current(
    connection: duckdb.DuckDBPyConnection,
    pipeline: Pipeline,
    slots: Mapping[str, int],
    batches: Collection[str] | None = None,
) -> None:
    """Let each dataset's view show its current rows: all, or those of some batches for a partitioned table's SELECT."""
    for dataset in pipeline.datasets:
        current = current_rows(dataset, silver_relation(dataset), slots[dataset.name])
        shown = current if batches is None else of_batches(current, batches)
        select = to_duckdb(shown, f"current rows of {dataset.name}")
        connection.execute(f'create or replace view "{dataset.name}" as {select}')


def touched_batches(
    connection: duckdb.DuckDBPyConnection,
    pipeline: Pipeline,
    batch: str,
    former: Mapping[str, Sequence[SlotFile]],
    fetch: Fetch,
) -> frozenset[str]:
    """The batches whose partitions a run of `batch` makes again; `former`: files that it holds no more, by dataset."""
    touched = {batch}
    for dataset in pipeline.datasets:
        files, relation = former.get(dataset.name, ()), f"_former_{dataset.name}"
        if files and dataset.key:
            _register_files(connection, dataset, relation, list(zip(files, fetch(dataset, files), strict=True)))
        sharing = sharing_batches(dataset, silver_relation(dataset), batch, relation if files else None)
        if sharing:
            select = to_duckdb(sharing, f"batches that share keys of {dataset.name}")
            touched.update(str(name) for (name,) in connection.execute(select).fetchall())
    return frozenset(touched)


def write_gold(
    connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, table: GoldTable, folder: Path
) -> tuple[Path, Figures]:
    """Run a gold table's SELECT into one Parquet file in `folder` and check it against the contract.

    Raises:
        EngineError: the SQL cannot be translated, or columns, types, keys or totals are not what the contract declares.
        duckdb.Error: the SQL is broken.
    """
    where = f"gold/{table.name}.sql of pipeline {pipeline.name}"
    select = to_duckdb(gold_sql(pipeline, table), where)
    check_columns(table, _columns_of(connection, select))
    file = folder / PART
    connection.execute(f"copy ({select}) to {_text(file)} (format parquet, compression zstd)")
    checks = to_duckdb(checks_sql(table, "_result"), f"{where}, or its totals")
    connection.execute(f"create or replace temp view _result as select * from read_parquet({_text(file)})")
    return file, check_result(table, connection.execute(checks).fetchall()[0])


def write_partitions(
    connection: duckdb.DuckDBPyConnection,
    pipeline: Pipeline,
    table: GoldTable,
    folder: Path,
    batches: Collection[str],
) -> tuple[dict[str, tuple[Path, int]], Figures]:
    """Make the partitions of some batches, whose current rows alone must be shown: a file each, without the column.

    Returns:
        By value the file and its rows (no file lies there when it has none), and what was counted over all of them.

    Raises:
        EngineError: as `write_gold`, or a row lies in another partition.
        duckdb.Error: the SQL is broken.
    """
    column = f'"{table.partition_by}"'
    whole, figures = write_gold(connection, pipeline, table, folder)
    counted = connection.execute(f"select {column}::varchar, count(*) from _result group by {column}").fetchall()
    rows = {value: int(count) for value, count in counted}
    check_values(table, list(rows), batches)
    made = {}
    for place, value in enumerate(sorted(batches)):
        file = folder / str(place) / PART
        if value in rows:
            file.parent.mkdir()
            select = f"select * exclude ({column}) from _result where {column}::varchar = {_text(value)}"
            connection.execute(f"copy ({select}) to {_text(file)} (format parquet, compression zstd)")
        made[value] = (file, rows.get(value, 0))
    whole.unlink()
    return made, figures


def export_csv(connection: duckdb.DuckDBPyConnection, pipeline: Pipeline, table: GoldTable, folder: Path) -> Path:
    """The result that was written last, as one CSV file. Raises EngineError: its SELECT orders by no result column."""
    file = folder / csv_name(table)
    found = connection.execute(to_duckdb(rows_sql(pipeline, table, "_result"), f"CSV of {table.name}"))
    write_csv(table, _fetched(found), file)
    return file


def _fetched(found: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
    while rows := found.fetchmany(10_000):
        yield from rows


def _register_files(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, silver: str, files: Sequence[tuple[SlotFile, Path]]
) -> None:
    """A view of a table's rows with `_line`, `_origin`, `_batch`, `_slot`. A column that no file has yet holds null."""
    typed = [*((column.name, _duckdb_type(column.type)) for column in stored_columns(dataset.columns)), *_OWN]
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


def _check_rows(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, files: Sequence[tuple[SlotFile, Path]]
) -> None:
    """Compare the number of rows in each file's footer with the one that its table's log says."""
    if not files:
        return
    paths = ", ".join(_text(path) for _, path in files)
    found = connection.execute(f"select file_name, num_rows from parquet_file_metadata([{paths}])").fetchall()
    rows = {str(name): int(count) for name, count in found}
    counted = {file.path: rows[str(path)] for file, path in files}
    check_counts(f"{dataset.pipeline}/{dataset.name}", {file.path: file.rows for file, _ in files}, counted)


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
