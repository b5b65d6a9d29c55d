"""Is gold right? Compares what readers see with the pipeline's own recomputation, which shares no code with the lake.

`pipelines/<name>/recompute.py` has `recompute(files_by_dataset)`: from bronze files, in the order in which later rows
win, to the rows that every gold table must have, by its name. It gets the files that gold stands for, without the rows
that the gate refused; each path ends with the file's whole bronze key.
"""

import importlib.util
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cli.errors import CliError
from cli.gold import GoldFiles, fetch_gold
from cli.lake import Lake
from cli.screen import Screen
from cli.sources import accepted, sources
from cli.text import count_text
from cli.upload import Upload
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.checksum import checksum
from lakehouse.tokens import key_in, tokenise

SHOWN = 3


@dataclass(frozen=True)
class Verified:
    """A gold table that was found right, row by row."""

    table: str
    rows: int
    checksum: str
    """Of all its rows, whatever engine wrote them in whatever order."""
    run_id: str
    location: str
    bytes: int


def verify(
    lake: Lake, pipeline: Pipeline, uploads: Sequence[Upload], folder: Path, screen: Screen
) -> tuple[Verified, ...]:
    """Check every gold table of a pipeline as the catalog shows it.

    Raises:
        CliError: one differs from the recomputation; shows the first rows that do.
    """
    expected: dict[tuple[tuple[str, int], ...], Mapping[str, duckdb.DuckDBPyRelation]] = {}
    found: list[Verified] = []
    for table in pipeline.gold:
        started = time.monotonic()
        with screen.waiting(f"Checking every row of {table.name}"):
            gold = fetch_gold(lake, table, folder / table.name)
            made_of = tuple(sorted(gold.versions.items()))
            if made_of not in expected:
                expected[made_of] = _expected(lake, pipeline, gold.versions, uploads, folder / f"bronze-{len(found)}")
            wanted = _table_of(pipeline, expected[made_of], table.name).to_arrow_table()
            rows = _compare(table, with_tokens(wanted, table, key_in(lake.keyed[pipeline.name])), gold)
            checked = Verified(table.name, rows, checksum(gold.files), gold.run_id, gold.location, gold.bytes)
        screen.done(
            f"Checked: {count_text(rows, 'row')} of {table.name}, all equal to the recomputation",
            time.monotonic() - started,
        )
        found.append(checked)
    return tuple(found)


def _expected(
    lake: Lake, pipeline: Pipeline, versions: Mapping[str, int], uploads: Sequence[Upload], folder: Path
) -> Mapping[str, duckdb.DuckDBPyRelation]:
    files = sources(lake, pipeline, versions, uploads, folder)
    usable = {
        dataset.name: [accepted(lake, one, folder / "accepted") for one in files if one.record.dataset == dataset.name]
        for dataset in pipeline.datasets
    }
    return _recompute(pipeline, usable)


def with_tokens(rows: pa.Table, table: GoldTable, key: bytes | None) -> pa.Table:
    """A recomputed gold table with tokens where gold has them: a recomputation knows the values alone."""
    if key is None:
        return rows
    for name in (column.name for column in table.columns if column.pii):
        tokens = [None if value is None else tokenise(key, value) for value in rows.column(name).to_pylist()]
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(tokens, pa.string()))
    return rows


def _table_of(
    pipeline: Pipeline, expected: Mapping[str, duckdb.DuckDBPyRelation], table: str
) -> duckdb.DuckDBPyRelation:
    if table not in expected:
        raise CliError(f"pipelines/{pipeline.name}/recompute.py gives {', '.join(expected)}, but not {table}")
    return expected[table]


def _recompute(pipeline: Pipeline, files: Mapping[str, Sequence[Path]]) -> Mapping[str, duckdb.DuckDBPyRelation]:
    script = Path(str(pipeline.folder)) / "recompute.py"
    if not script.is_file():
        raise CliError(f"Pipeline '{pipeline.name}' has no recomputation to check gold with", f"Its place is {script}")
    spec = importlib.util.spec_from_file_location(f"_recompute_{pipeline.name}", script)
    if spec is None or spec.loader is None:
        raise CliError(f"{script} cannot be loaded")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    expected: Mapping[str, duckdb.DuckDBPyRelation] = module.recompute(files)
    return expected


def _as_text(connection: duckdb.DuckDBPyConnection, select: str) -> list[tuple[str | None, ...]]:
    """The rows, to be shown. DuckDB needs a package more for Python's own timestamps."""
    return connection.execute(f"select columns(*)::varchar from ({select})").fetchall()


def _compare(table: GoldTable, expected: pa.Table, gold: GoldFiles) -> int:
    """The number of rows, when both sides hold the same ones equally often."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    want, have = f"select {columns} from expected", f"select {columns} from ({gold.select})"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("expected", expected)
        rows, found = _count(connection, want), _count(connection, have)
        # As many rows on both sides, all of one side different, and each of them on the other side: the same rows.
        if rows == found == _count(connection, f"{want} intersect {have}"):
            return rows
        missing = _as_text(connection, f"({want}) except all ({have})")
        surplus = _as_text(connection, f"({have}) except all ({want})")
    shown = [f"  expected {row}" for row in missing[:SHOWN]] + [f"  found    {row}" for row in surplus[:SHOWN]]
    raise CliError(
        f"Gold table '{table.name}' is wrong: {count_text(len(missing), 'row')} missing, "
        f"{count_text(len(surplus), 'row')} that should not be there, in {gold.location}\n" + "\n".join(shown),
        "This is a fault of the lake, not of your data: please report it with the seed and the rows of the demo",
    )


def _count(connection: duckdb.DuckDBPyConnection, select: str) -> int:
    counted = connection.execute(f"select count(*) from ({select})").fetchone()
    return int(counted[0]) if counted else 0
