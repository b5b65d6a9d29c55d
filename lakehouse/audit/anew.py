"""Gold computed anew by DuckDB: what every table, partition and CSV file should hold, on local disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse.audit.silver_files import SilverFiles
from lakehouse.contract.model import Pipeline
from lakehouse.engines.duckdb import (
    Limits,
    connect,
    export_csv,
    register_files,
    show_current,
    write_gold,
    write_partitions,
)
from lakehouse.silver.slots import SlotFile


@dataclass(frozen=True)
class Gold:
    """One table as it should be."""

    rows: int
    file: Path | None
    """All rows of a table without partitions."""
    csv: Path | None
    partitions: Mapping[str, tuple[Path, int]]
    """By value: file, if it has a row, and rows."""


def gold_anew(
    pipeline: Pipeline, files: Mapping[str, Sequence[SlotFile]], silver: SilverFiles, folder: Path, limits: Limits
) -> dict[str, Gold]:
    """Every gold table of a pipeline, of these silver files by dataset.

    Raises:
        SilverError: a silver file is gone.
        EngineError: a result is not what the contract declares.
        duckdb.Error: a silver file cannot be read.
    """
    made = {}
    with connect(limits) as connection:
        slots = register_files(connection, pipeline, files, silver.fetch)
        for table in pipeline.gold:
            if table.partition_by is None:
                file, figures = write_gold(connection, pipeline, table, _folder(folder, table.name))
                csv = export_csv(connection, pipeline, table, file.parent) if table.csv else None
                made[table.name] = Gold(figures.rows, file, csv, {})
        batches = frozenset(file.batch for held in files.values() for file in held)
        show_current(connection, pipeline, slots, batches)
        for table in pipeline.gold:
            if table.partition_by is not None and batches:
                target = _folder(folder, table.name)
                parts, figures = write_partitions(connection, pipeline, table, target, batches)
                made[table.name] = Gold(figures.rows, None, None, parts)
    return made


def _folder(folder: Path, table: str) -> Path:
    made = folder / table
    made.mkdir(parents=True)
    return made
