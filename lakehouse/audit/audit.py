"""The whole audit, pipeline by pipeline, batch by batch, file by file."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

import duckdb

from lakehouse.audit.batch import Batches, BatchView
from lakehouse.audit.bronze import audit_bronze
from lakehouse.audit.findings import Checked, Step
from lakehouse.audit.gold import audit_gold
from lakehouse.audit.judged import audit_file
from lakehouse.audit.ledger import BatchAudit, audit_batch
from lakehouse.audit.silver import Wanted, audit_silver
from lakehouse.audit.silver_files import SilverFiles
from lakehouse.audit.sources import Sources
from lakehouse.contract.model import Dataset, Pipeline
from lakehouse.engines.duckdb import Limits, connect
from lakehouse.ledger.items import FileRecord
from lakehouse.names import UNKNOWN
from lakehouse.silver.slots import SlotFile


def audit(sources: Sources, wanted: Sequence[str] = ()) -> Iterator[Step]:
    """Look at everything that the lake holds, or at some pipelines; what was looked at and found, as it is found.

    Nothing is changed. At rest a sound lake gives no finding; while files arrive and runs work, what they are at may be
    reported as not done yet.

    Args:
        wanted: names of pipelines; none for all of them, with the files that fit no contract.

    Raises:
        LakeError: an item of the ledger is no such item, or a contract is wrong.
        botocore's ClientError: a permission is missing.
    """
    batches = Batches(sources.ledger)
    for prefix in wanted or (None,):
        yield from audit_bronze(sources, batches, prefix)
    limits = Limits(sources.memory_mb, 2, sources.folder / "spill")
    with connect(limits) as connection:
        for name in wanted or sources.pipelines:
            yield from _pipeline(sources, connection, batches, sources.pipelines[name])
        if not wanted:
            yield from _unknown(sources, connection, batches)


def extent(sources: Sources, wanted: Sequence[str] = ()) -> int:
    """How many judged files and gold tables there are to look at: what `Checked.files_done` adds up to."""
    chosen = wanted or (*sources.pipelines, UNKNOWN)
    files = sum(1 for name in chosen for _ in sources.ledger.files(name))
    return files + sum(len(sources.pipelines[name].gold) for name in wanted or sources.pipelines)


def _pipeline(
    sources: Sources, connection: duckdb.DuckDBPyConnection, batches: Batches, pipeline: Pipeline
) -> Iterator[Step]:
    silver = SilverFiles(sources, pipeline.name)
    try:
        wanted: dict[str, dict[str, Wanted]] = {dataset.name: {} for dataset in pipeline.datasets}
        unfinished = False
        for batch in batches.named(pipeline.name):
            view = batches.view(pipeline.name, batch)
            found, truths = yield from _batch(sources, connection, silver, view, pipeline)
            unfinished |= found.open
            for dataset in pipeline.datasets:
                wanted[dataset.name][batch] = _wanted(found, batch, dataset, truths)
        sound: dict[str, Sequence[SlotFile]] = {}
        for dataset in pipeline.datasets:
            sound[dataset.name] = yield from audit_silver(sources, connection, silver, dataset, wanted[dataset.name])
        yield from audit_gold(sources, connection, silver, pipeline, sound, unfinished)
    finally:
        silver.clear()


def _unknown(sources: Sources, connection: duckdb.DuckDBPyConnection, batches: Batches) -> Iterator[Step]:
    """Files that fit no contract: only their bytes, verdicts and places in quarantine."""
    silver = SilverFiles(sources, UNKNOWN)
    try:
        for batch in batches.named(UNKNOWN):
            yield from _batch(sources, connection, silver, batches.view(UNKNOWN, batch), None)
    finally:
        silver.clear()


def _batch(
    sources: Sources,
    connection: duckdb.DuckDBPyConnection,
    silver: SilverFiles,
    view: BatchView,
    pipeline: Pipeline | None,
) -> Generator[Step, None, tuple[BatchAudit, Mapping[str, FileRecord]]]:
    """Judge a batch's files again, then compare its items."""
    datasets = {dataset.name: dataset for dataset in pipeline.datasets} if pipeline else {}
    truths = {}
    for record in view.files.values():
        dataset = datasets.get(record.dataset)
        truths[record.file_id] = yield from audit_file(sources, connection, silver, view, record, dataset)
    found = audit_batch(pipeline, view, truths)
    yield Checked("ledger", view.pipeline, len(view.slots) + len(view.runs) + (view.state is not None))
    yield from found.findings
    return found, truths


def _wanted(found: BatchAudit, batch: str, dataset: Dataset, truths: Mapping[str, FileRecord]) -> Wanted:
    files: Iterable[SlotFile] = found.wanted(batch, dataset.name)
    former = (one.file_id for one in truths.values() if one.dataset == dataset.name and one.verdict == "accepted")
    return Wanted(tuple(files), found.committed, frozenset(former))
