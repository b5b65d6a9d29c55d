"""Gold as readers find it, through the catalog, against what DuckDB computes anew of silver as it should be."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from lakehouse.audit import mend
from lakehouse.audit.anew import Gold, gold_anew
from lakehouse.audit.findings import Checked, Finding, Note, Step
from lakehouse.audit.pointers import Settled, settle_partition, settle_table
from lakehouse.audit.rows import compare_rows
from lakehouse.audit.silver_files import SilverFiles
from lakehouse.audit.sources import Sources, download, file_sha256, objects_below
from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.duckdb import Limits
from lakehouse.errors import BalanceError, EngineError, SilverError
from lakehouse.ledger.items import GoldPartition, GoldPointer, GoldResult, PartitionPointer, RunRecord
from lakehouse.publish.catalog import CatalogPartition
from lakehouse.publish.pointer import Pointer
from lakehouse.silver.slots import SlotFile
from lakehouse.silver.table import active_files, open_table

NOT_COMPUTED = (SilverError, EngineError, BalanceError, duckdb.Error)
"""Silver is so damaged that gold cannot be made of it; what is wrong in silver is told of itself."""


@dataclass
class GoldAudit:
    """One pipeline's gold."""

    sources: Sources
    connection: duckdb.DuckDBPyConnection
    silver: SilverFiles
    pipeline: Pipeline
    sound: Mapping[str, Sequence[SlotFile]]
    """By dataset the files that silver should hold."""
    unfinished: bool
    """A run has not come to its end, and is told of itself: then gold may lack rows or not be there."""
    folder: Path
    before: dict[tuple[tuple[str, int], ...], dict[str, Gold]] = field(default_factory=dict)
    """Gold of older silver versions, where it was asked for."""

    def finding(
        self, table: GoldTable, kind: str, key: str, found: str, expected: str, batch: str | None = None
    ) -> Finding:
        """A finding about a table, a partition or a file of it."""
        name = self.pipeline.name
        return Finding("gold", kind, name, table.name, batch, key, found, expected, mend.replay(name, batch))

    def limits(self) -> Limits:
        return Limits(self.sources.memory_mb, 2, self.folder / "spill")

    def at(self, versions: Mapping[str, int]) -> dict[str, Gold]:
        """Gold of the silver tables at some versions; nothing where they cannot be read any more."""
        which = tuple(sorted(versions.items()))
        if which not in self.before:
            target = self.folder / f"at-{len(self.before)}"
            try:
                files = {
                    one.name: active_files(open_table(self.sources.store, one, versions[one.name]))
                    for one in self.pipeline.datasets
                }
                self.before[which] = gold_anew(self.pipeline, files, self.silver, target, self.limits())
            except (*NOT_COMPUTED, KeyError):
                self.before[which] = {}
        return self.before[which]


def audit_gold(
    sources: Sources,
    connection: duckdb.DuckDBPyConnection,
    silver: SilverFiles,
    pipeline: Pipeline,
    sound: Mapping[str, Sequence[SlotFile]],
    unfinished: bool,
) -> Iterator[Step]:
    """Compare every gold table of a pipeline: pointers, files, rows, CSV files."""
    with TemporaryDirectory(dir=sources.folder) as name:
        one = GoldAudit(sources, connection, silver, pipeline, sound, unfinished, Path(name))
        try:
            expected = gold_anew(pipeline, sound, silver, one.folder / "now", one.limits())
        except NOT_COMPUTED as error:
            yield Note("gold", "not_compared", pipeline.name, "", len(pipeline.gold), str(error).splitlines()[0])
            return
        for table in pipeline.gold:
            gold = expected.get(table.name, Gold(0, None, None, {}))
            if table.partition_by is None:
                yield from _whole_table(one, table, gold)
            else:
                yield from _partitioned(one, table, gold)
            yield Checked("gold", pipeline.name, 0, 0, files_done=1)


def _whole_table(one: GoldAudit, table: GoldTable, expected: Gold) -> Iterator[Step]:
    shown, remembered = yield from _pointers(one, table)
    named = {pointer.run_id for pointer in (shown, remembered) if pointer is not None}
    settled, difference = settle_table(table.name, shown, remembered, _runs(one, named))
    if difference:
        yield one.finding(table, "pointer", "the table", *difference)
    if settled is None:
        if expected.rows and not one.unfinished:
            yield one.finding(table, "no_table", "the table", "never published", f"{expected.rows:,} rows")
        return
    files = [expected.file] if expected.file else []
    right = yield from _files(one, table, None, settled, files, expected.rows)
    if table.csv:
        yield from _csv(one, table, settled.pointer, right or expected)


def _pointers(one: GoldAudit, table: GoldTable) -> Generator[Step, None, tuple[Pointer | None, GoldPointer | None]]:
    """What the catalog and the ledger say of a table."""
    remembered = one.sources.ledger.pointer(one.pipeline.name, table.name)
    glue = one.sources.catalog.client
    try:
        return one.sources.catalog.read(table.name).pointer, remembered
    except glue.exceptions.EntityNotFoundException:
        yield one.finding(table, "no_table", "the table", "not in the catalog", "a table of the stack")
        return None, remembered


def _files(
    one: GoldAudit,
    table: GoldTable,
    value: str | None,
    settled: Settled,
    expected: Sequence[Path],
    rows: int,
) -> Generator[Step, None, Gold | None]:
    """Compare the files at a location. Where gold stands for older silver: that gold.

    Args:
        value: of the partition; None for a whole table.
        expected: the file with the rows that should be there, if any.
    """
    key = settled.pointer.location if value is None else f"{table.partition_by}={value}"
    prefix = settled.pointer.location.removeprefix(f"s3://{one.sources.bucket}/")
    listed = dict(objects_below(one.sources, prefix))
    yield Checked("gold", one.pipeline.name, len(listed), rows)
    with TemporaryDirectory(dir=one.folder) as name:
        found = [_fetched(one.sources, path, Path(name)) for path in sorted(listed) if path.endswith(".parquet")]
        difference = compare_rows(one.connection, found, expected if rows else [], table.key)
        if difference:
            older = one.at(settled.pointer.versions).get(table.name)
            if older and not compare_rows(one.connection, found, _expected(older, value), table.key):
                if not one.unfinished:
                    yield one.finding(table, "behind", key, difference.found, "gold of the present silver", value)
                return older
            want = f"the {rows:,} rows that silver gives"
            yield one.finding(table, difference.kind, key, difference.found, want, value)
            return None
    yield from _figures(one, table, value, settled, listed, rows)
    return None


def _fetched(sources: Sources, key: str, folder: Path) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    if download(sources, key, path) is None:
        path.touch()  # listed a moment ago and gone: no Parquet file
    return path


def _expected(gold: Gold, value: str | None) -> list[Path]:
    if value is None:
        return [gold.file] if gold.file and gold.rows else []
    file, rows = gold.partitions.get(value, (Path(), 0))
    return [file] if rows else []


def _figures(
    one: GoldAudit, table: GoldTable, value: str | None, settled: Settled, listed: Mapping[str, int], rows: int
) -> Iterator[Finding]:
    """The rows are right: are the files those of the run, and its figures true?"""
    result, size = settled.result, sum(listed.values())
    key = f"RUN#{settled.pointer.run_id}"
    if result is None:
        found = f"no run made {settled.pointer.location}"
        yield _of_ledger(one, table, value, key, found, "the run that the pointer names")
        return
    single = len(listed) == 1 and all(path.endswith(".parquet") for path in listed)
    if result.rows != rows and not (isinstance(result, GoldResult) and result.partitions):
        yield _of_ledger(one, table, value, key, f"{result.rows:,} rows", f"{rows:,} rows")
    if result.bytes != size and single:
        yield _of_ledger(one, table, value, key, f"{result.bytes:,} bytes", f"{size:,} bytes")
    elif result.bytes != size:
        where = settled.pointer.location
        found = f"{len(listed)} files of {size:,} bytes"
        yield one.finding(table, "foreign_object", where, found, f"the run's files of {result.bytes:,} bytes", value)


def _of_ledger(one: GoldAudit, table: GoldTable, batch: str | None, key: str, found: str, expected: str) -> Finding:
    name = one.pipeline.name
    return Finding("ledger", "record", name, table.name, batch, key, found, expected, mend.replay(name, batch))


def _csv(one: GoldAudit, table: GoldTable, pointer: Pointer, expected: Gold) -> Iterator[Step]:
    """The CSV file must be the same bytes, whoever made it."""
    where, bucket = pointer.csv or "", f"s3://{one.sources.bucket}/"
    stored = one.folder / "stored.csv"
    content = download(one.sources, where.removeprefix(bucket), stored) if where.startswith(bucket) else None
    yield Checked("gold", one.pipeline.name, 1, 0)
    if content is None:
        yield one.finding(table, "object_gone", where or "CSV", "no CSV file", f"{expected.rows:,} rows")
    elif expected.csv and content != file_sha256(expected.csv):
        yield one.finding(table, "content", where, f"SHA-256 {content}", "the CSV of the table's rows")
    stored.unlink(missing_ok=True)


def _partitioned(one: GoldAudit, table: GoldTable, expected: Gold) -> Iterator[Step]:
    ledger, glue = one.sources.ledger, one.sources.catalog.client
    try:
        shown = {part.value: part for part in one.sources.catalog.partitions(table.name)}
        root = one.sources.catalog.read(table.name)
    except glue.exceptions.EntityNotFoundException:
        yield one.finding(table, "no_table", "the table", "not in the catalog", "a table of the stack")
        return
    remembered = {part.value: part for part in ledger.partitions(one.pipeline.name, table.name)}
    whole = ledger.pointer(one.pipeline.name, table.name)
    run_ids = {part.run_id for part in shown.values()} | {part.run_id for part in remembered.values()}
    runs = _runs(one, run_ids | {pointer.run_id for pointer in (whole, root.pointer) if pointer})
    _, difference = settle_table(table.name, root.pointer, whole, runs)
    if difference:
        yield one.finding(table, "pointer", "the table", *difference)
    yield from _root(one, table, str(root.definition["StorageDescriptor"]["Location"]))
    for value in sorted({*shown, *remembered, *expected.partitions}):
        yield from _partition(one, table, value, shown.get(value), remembered.get(value), runs, expected)


def _root(one: GoldAudit, table: GoldTable, location: str) -> Iterator[Finding]:
    for key, _ in objects_below(one.sources, location.removeprefix(f"s3://{one.sources.bucket}/")):
        yield one.finding(table, "foreign_object", key, "an object in the table's root", "nothing: partitions hold all")


def _partition(
    one: GoldAudit,
    table: GoldTable,
    value: str,
    shown: CatalogPartition | None,
    remembered: PartitionPointer | None,
    runs: Mapping[str, RunRecord],
    expected: Gold,
) -> Iterator[Step]:
    file, rows = expected.partitions.get(value, (Path(), 0))
    settled, difference = settle_partition(shown, remembered, runs)
    key = f"{table.partition_by}={value}"
    if difference:
        yield one.finding(table, "pointer", key, *difference, value)
    if settled is None:
        if rows and not difference and not one.unfinished:
            yield one.finding(table, "rows_missing", key, "no partition", f"{rows:,} rows", value)
        return
    yield from _files(one, table, value, settled, [file], rows)
    right = settled.result
    if remembered is None or not isinstance(right, GoldPartition) or remembered.location != right.location:
        return
    if (remembered.rows, remembered.bytes) != (right.rows, right.bytes):
        item = f"PART#{table.name}#{value}"
        found = f"{remembered.rows:,} rows, {remembered.bytes:,} bytes"
        expect = f"{right.rows:,} rows, {right.bytes:,} bytes, as its run wrote"
        yield _of_ledger(one, table, value, item, found, expect)


def _runs(one: GoldAudit, run_ids: set[str]) -> dict[str, RunRecord]:
    """Runs of the pipeline by id; the others are read and let go."""
    return {run.run_id: run for run in one.sources.ledger.runs(one.pipeline.name) if run.run_id in run_ids}
