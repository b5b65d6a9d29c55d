"""A silver table's Delta log against what is in force, and its folder against both."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import duckdb

from lakehouse import names
from lakehouse.audit import mend
from lakehouse.audit.findings import Checked, Difference, Finding, Note, Step
from lakehouse.audit.rows import compare_rows
from lakehouse.audit.silver_files import SilverFiles
from lakehouse.audit.sources import Sources, download, objects_below
from lakehouse.contract.model import Dataset
from lakehouse.engines.duckdb_compact import merge
from lakehouse.errors import SilverError
from lakehouse.silver.columns import LINE, ORIGIN, SEVERAL
from lakehouse.silver.slots import SlotFile, decide_swap
from lakehouse.silver.table import active_files, open_table


@dataclass(frozen=True)
class Wanted:
    """The files that a table should hold of one batch."""

    files: tuple[SlotFile, ...]
    committed: bool
    """Exactly these. Otherwise the table holds what an earlier run committed, or nothing."""
    former: frozenset[str]
    """Ids of the accepted files that the batch ever had."""


def audit_silver(
    sources: Sources,
    connection: duckdb.DuckDBPyConnection,
    silver: SilverFiles,
    dataset: Dataset,
    wanted: Mapping[str, Wanted],
) -> Generator[Step, None, list[SlotFile]]:
    """Compare one table; the files that it should hold, by batch what the ledger says, original files all of them."""
    held = _held(sources, dataset)
    if held is None and any(one.committed and one.files for one in wanted.values()):
        yield _finding(dataset, None, "no_table", "_delta_log", "no table", "the files in force")
    by_batch: dict[str, list[SlotFile]] = {batch: [] for batch in wanted}
    for file in held or []:
        by_batch.setdefault(file.batch, []).append(file)
    sound: list[SlotFile] = []
    for batch, have in sorted(by_batch.items()):
        want = wanted.get(batch, Wanted((), True, frozenset()))
        if held is not None:
            yield from compare_batch(dataset, batch, want, have)
            yield from _compacted(sources, connection, silver, dataset, want, have)
        sound += want.files if want.committed else [file for file in have if _known(file, want)]
    yield from _left_over(sources, dataset, held or [], wanted)
    return sound


def _held(sources: Sources, dataset: Dataset) -> list[SlotFile] | None:
    try:
        return active_files(open_table(sources.store, dataset))
    except SilverError:
        return None


def compare_batch(dataset: Dataset, batch: str, want: Wanted, have: Collection[SlotFile]) -> Iterator[Finding]:
    """What the Delta log says of a batch against what is in force. Pure."""
    if not want.committed:
        for file in have:
            if not _known(file, want):
                yield _foreign(dataset, file)
        return
    swap = decide_swap(want.files, have)
    if not any(file.slot == SEVERAL for file in swap.remove):
        # Where a compacted file gives way, its members are not missing on their own account.
        for file in swap.add:
            expected = f"active, {file.rows:,} rows in force"
            yield _finding(dataset, batch, "not_active", file.path, f"not active, slot {file.slot}", expected)
    for file in swap.remove:
        yield _foreign(dataset, file)
    expected_files = {(file.slot, file.path): file for file in want.files}
    for file in have:
        right = expected_files.get((file.slot, file.path))
        if right is not None and right != file:
            found = f"{file.rows:,} rows, {file.bytes:,} bytes"
            expected = f"{right.rows:,} rows, {right.bytes:,} bytes"
            yield _finding(dataset, batch, "delta_figures", file.path, found, expected)


def _known(file: SlotFile, want: Wanted) -> bool:
    return file.slot == SEVERAL or PurePosixPath(file.path).stem in want.former


def _compacted(
    sources: Sources,
    connection: duckdb.DuckDBPyConnection,
    silver: SilverFiles,
    dataset: Dataset,
    want: Wanted,
    have: Iterable[SlotFile],
) -> Iterator[Step]:
    """A compacted file must hold the rows of its members, each with its slot."""
    for file in have:
        if file.slot != SEVERAL or not want.committed or decide_swap(want.files, [file]):
            continue
        key = names.silver_prefix(dataset.pipeline, dataset.name) + file.path
        stored, expected = silver.folder / "compacted-stored", silver.folder / "compacted-expected"
        yield Checked("silver", dataset.pipeline, 1, file.rows)
        try:
            members = sorted(want.files, key=lambda member: member.slot)
            paths = silver.fetch(dataset, members)
            rows = merge(connection, [(one.slot, path) for one, path in zip(members, paths, strict=True)], expected)
            if download(sources, key, stored) is None:
                yield _finding(dataset, file.batch, "object_gone", key, "no object", f"{rows:,} rows")
                continue
            difference = compare_rows(connection, [stored], [expected], [ORIGIN, LINE])
            if difference:
                yield _damaged(sources, dataset, file.batch, key, difference)
            elif (file.rows, file.bytes) != (rows, stored.stat().st_size):
                found, right = (
                    f"{file.rows:,} rows, {file.bytes:,} bytes",
                    f"{rows:,} rows, {stored.stat().st_size:,} bytes",
                )
                yield _finding(dataset, file.batch, "delta_figures", file.path, found, right)
        finally:
            connection.execute("drop table if exists _members")
            stored.unlink(missing_ok=True)
            expected.unlink(missing_ok=True)


def _left_over(
    sources: Sources, dataset: Dataset, held: Iterable[SlotFile], wanted: Mapping[str, Wanted]
) -> Iterator[Step]:
    """Count what lies in the data folder and nothing names."""
    prefix = names.silver_prefix(dataset.pipeline, dataset.name) + "data/"
    known = {PurePosixPath(file.path).name for file in held}
    known.update(f"{file_id}.parquet" for one in wanted.values() for file_id in one.former)
    count = sum(1 for key, _ in objects_below(sources, prefix) if key.removeprefix(prefix) not in known)
    if count:
        yield Note("silver", "left_over", dataset.pipeline, dataset.name, count, prefix)


def _foreign(dataset: Dataset, file: SlotFile) -> Finding:
    found = f"active, {file.rows:,} rows, slot {file.slot}"
    return _finding(dataset, file.batch, "foreign_active", file.path, found, "only files in force")


def _damaged(sources: Sources, dataset: Dataset, batch: str, key: str, difference: Difference) -> Finding:
    how = mend.undo(sources.bucket, key, "bring one of the batch's files corrected: the originals come back")
    expected = "the rows of its members"
    return Finding(
        "silver", difference.kind, dataset.pipeline, dataset.name, batch, key, difference.found, expected, how
    )


def _finding(dataset: Dataset, batch: str | None, kind: str, key: str, found: str, expected: str) -> Finding:
    how = mend.replay(dataset.pipeline, batch)
    return Finding("silver", kind, dataset.pipeline, dataset.name, batch, key, found, expected, how)
