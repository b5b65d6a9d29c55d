"""The first step of a run: make silver hold what is in force in the run's batch.

The table's version is read first and the ledger after it, and the commit is only made as the very next version. So
what is committed was in force after the last commit to the table, and a slow or repeated run that decided on an older
state of the ledger finds its version taken and decides again: old rows never come back. For that to hold also where
a run finds nothing to change, it marks the table with its generation all the same: otherwise a slow run that decided
on an older state, and on the very version that this one left alone, would still be the next to commit
(docs/decisions/0021-a-run-that-changes-nothing-leaves-its-mark.md).
"""

from collections.abc import Callable, Iterable, Mapping

from lakehouse import names, runs
from lakehouse.balance import check_balance
from lakehouse.contract.model import Dataset, Pipeline
from lakehouse.contract.types import changed_types
from lakehouse.errors import ContractError
from lakehouse.ledger.items import BatchState, DatasetBalance, FileRecord, SlotInForce
from lakehouse.ledger.store import Ledger
from lakehouse.log import log
from lakehouse.plan import RunPlan, RunRequest, choose_engine
from lakehouse.silver.retry import until_committed
from lakehouse.silver.slots import SlotFile, decide_swap, wanted_files
from lakehouse.silver.table import (
    Mark,
    PinnedTable,
    SilverStore,
    active_files,
    commit_swap,
    marked,
    open_or_create,
    pinned_tables,
)

ReadSlots = Callable[[], Mapping[str, SlotInForce]]
"""Reads the batch's slots from the ledger, consistently, at the moment of the call."""
ReadFiles = Callable[[], Iterable[FileRecord]]
"""Reads the verdicts on the batch's files."""


def commit_dataset(
    store: SilverStore,
    dataset: Dataset,
    batch: str,
    read_slots: ReadSlots,
    read_files: ReadFiles = tuple,
    generation: int = 0,
) -> int:
    """Make one table hold what is in force in one batch; the version that does. Changes nothing when it does already
    and accounts for this generation of the batch, or a newer one.

    Args:
        generation: the batch's, for which the run was started. What `read_slots` answers is not older.

    Raises:
        SilverError: other commits kept coming first.
        ContractError: the contract changes a column's type, or did when a file was judged.
    """
    return until_committed(
        dataset, batch, lambda: _commit_once(store, dataset, batch, read_slots, read_files, generation)
    )


def _commit_once(
    store: SilverStore, dataset: Dataset, batch: str, read_slots: ReadSlots, read_files: ReadFiles, generation: int
) -> int:
    table = open_or_create(store, dataset)
    accounted = marked(table, batch)
    want = wanted_files(read_slots(), batch, dataset.name)
    swap = decide_swap(want, active_files(table, batch))
    if not swap and accounted >= generation:
        return table.version()
    if swap.add:
        _check_types(dataset, swap.add, read_files())
    version = commit_swap(table, swap, mark=Mark(batch, max(accounted, generation)))
    log(
        "silver_committed",
        pipeline=dataset.pipeline,
        dataset=dataset.name,
        batch=batch,
        version=version,
        files_added=len(swap.add),
        files_removed=len(swap.remove),
        rows_added=sum(file.rows for file in swap.add),
        rows_removed=sum(file.rows for file in swap.remove),
    )
    return version


def _check_types(dataset: Dataset, added: Iterable[SlotFile], files: Iterable[FileRecord]) -> None:
    """A file that was judged while the contract had other types must not get into the table: readers would fail on it,
    or bend its values. The verdicts were recorded before the files came into force."""
    paths = {file.path for file in added}
    for file in files:
        changed = changed_types(dataset, file.types) if names.silver_data_path(file.file_id) in paths else None
        if changed:
            raise ContractError(
                f"{file.key} was judged with {changed}. A column's type cannot change. With the contract as it was "
                f"before, have the file judged again: lake backfill {dataset.pipeline} --from DAY --to DAY"
            )


def commit_run(pipeline: Pipeline, request: RunRequest, store: SilverStore, ledger: Ledger) -> RunPlan:
    """Commit every dataset of the run's batch, record it and plan the rest of the run.

    The versions are read after all commits of this run: gold is made of at least what this run brought. The engine is
    the contract's, unless a person chose another for this batch. A run that the batch has overtaken is superseded here:
    whatever changed the batch starts a newer one, and two engines would only write the same rows.

    Raises:
        SilverError: other commits kept coming first.
        ContractError: the contract changes a column's type, or the engine's name is wrong.
        BalanceError: rows were lost or doubled between the batch's files and silver.
    """
    batch = request.batch
    state = ledger.batch(pipeline.name, batch)
    if state.generation > request.generation:
        return _superseded(pipeline, request, state, ledger)

    def read_slots() -> Mapping[str, SlotInForce]:
        return ledger.batch(pipeline.name, batch).slots

    for dataset in pipeline.datasets:
        commit_dataset(
            store, dataset, batch, read_slots, lambda: ledger.files_of(pipeline.name, batch), request.generation
        )
    tables = pinned_tables(store, pipeline.datasets)
    state = ledger.batch(pipeline.name, batch)
    plan = _plan(pipeline, request, state, tables)
    balance = {} if plan.overtaken else _balance(pipeline, state, tables, ledger)
    runs.committed(
        ledger, pipeline.name, batch, request.run_id, plan.engine, plan.versions, plan.manifest_bytes, balance
    )
    if plan.overtaken:
        runs.superseded(ledger, pipeline.name, batch, request.run_id)
    return plan


def _balance(
    pipeline: Pipeline, state: BatchState, tables: Mapping[str, PinnedTable], ledger: Ledger
) -> dict[str, DatasetBalance]:
    """The batch's rows at the pinned versions.

    Its generation is the same before the commits and after the pinning, so the tables hold exactly what is in force
    in `state`. The verdicts are read last: each was recorded before its file came into force.
    """
    held = {name: [file for file in table.files if file.batch == state.batch] for name, table in tables.items()}
    return check_balance(state, pipeline.datasets, ledger.files_of(pipeline.name, state.batch), held)


def _superseded(pipeline: Pipeline, request: RunRequest, state: BatchState, ledger: Ledger) -> RunPlan:
    """Of a dozen files that arrive together a dozen runs start: all but the last need not even touch the tables."""
    runs.superseded(ledger, pipeline.name, request.batch, request.run_id)
    return _plan(pipeline, request, state, {})


def _plan(pipeline: Pipeline, request: RunRequest, state: BatchState, tables: Mapping[str, PinnedTable]) -> RunPlan:
    manifest_bytes = sum(slot.bytes for slot in state.slots.values())
    return RunPlan(
        pipeline=pipeline.name,
        batch=request.batch,
        run_id=request.run_id,
        engine=choose_engine(pipeline, manifest_bytes, state.engine or ""),
        versions={name: table.version for name, table in tables.items()},
        manifest_bytes=manifest_bytes,
        overtaken=state.generation > request.generation,
        slots={name: table.slots for name, table in tables.items()},
        rows={name: table.rows for name, table in tables.items()},
    )
