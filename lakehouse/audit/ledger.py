"""The ledger's items of one batch against each other. Pure. What the files' bytes say is known: see judged."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from lakehouse import names
from lakehouse.audit import mend
from lakehouse.audit.batch import BatchView, slot_id_of
from lakehouse.audit.findings import Finding, differing
from lakehouse.balance import weigh
from lakehouse.batches.decide import run_needed
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import BatchState, FileRecord, RunRecord, SlotInForce, SlotState
from lakehouse.silver.slots import SlotFile, wanted_files

COMMITTED = ("committed", "gold_written", "published", "superseded")


@dataclass(frozen=True)
class BatchAudit:
    """What the ledger says of a batch, put right."""

    findings: tuple[Finding, ...]
    entries: Mapping[str, SlotInForce]
    """What is in force, by slot id."""
    committed: bool
    """Silver holds exactly this. Otherwise the batch is incomplete, or its run has not come so far."""
    open: bool
    """Its run failed or has not come to its end: gold may not have its rows yet."""

    def wanted(self, batch: str, dataset: str) -> list[SlotFile]:
        """The files that silver should hold."""
        return wanted_files(self.entries, batch, dataset)


def audit_batch(pipeline: Pipeline | None, view: BatchView, truths: Mapping[str, FileRecord]) -> BatchAudit:
    """Compare a batch's slots, files, own item and run.

    Args:
        pipeline: None for files that fit no contract.
        truths: the batch's records by file id, as they should be.
    """
    findings = list(_lost_slots(view, truths))
    slots = {}
    for slot in view.slots.values():
        right, problems = _right_slot(slot, view, truths)
        slots[slot.slot_id] = right
        findings += problems
    entries = {slot_id: entry for slot_id, slot in slots.items() if (entry := slot.in_force()) is not None}
    with_files = {slot_id_of(file) for file in truths.values()}
    entries |= {slot_id: view.entries[slot_id] for slot_id in view.entries.keys() & with_files - slots.keys()}
    findings += _batch_item(view, entries)
    if pipeline is None:
        return BatchAudit(tuple(findings), entries, False, False)
    state = replace(view.state or BatchState(view.pipeline, view.batch), slots=entries)
    run = view.runs.get(state.run_id or "")
    if not findings:  # a name made of wrong items would tell nothing
        findings += _run(pipeline, state, run, view)
    if run is not None:
        findings += _balance(pipeline, state, run, truths)
    committed = run is not None and (run.status in COMMITTED or run.committed_at is not None)
    return BatchAudit(
        tuple(findings), entries, committed, run is not None and run.status not in ("published", "superseded")
    )


def _lost_slots(view: BatchView, truths: Mapping[str, FileRecord]) -> Iterator[Finding]:
    """Slots that have files and no item. An entry of the batch alone proves no slot: it is foreign."""
    found = {slot_id_of(file): file for file in truths.values()}
    for slot_id in sorted(found.keys() - view.slots.keys()):
        file = found[slot_id]
        yield _finding(view, file.dataset, "missing_item", f"SLOT#{slot_id}", "no item", f"the slot of {file.key}")


def _right_slot(slot: SlotState, view: BatchView, truths: Mapping[str, FileRecord]) -> tuple[SlotState, list[Finding]]:
    """The slot as its files say it should be, and what is wrong with it."""
    item = f"SLOT#{slot.slot_id}"
    if names.slot_id(slot.pipeline, slot.dataset, slot.batch, slot.key) != slot.slot_id:
        found = f"{slot.dataset}, {slot.key}"
        return slot, [_finding(view, slot.dataset, "record", item, found, "the place whose hash is its id")]
    judged, in_force = truths.get(slot.file_id), truths.get(_in_force(slot) or "")
    right, problems = slot, []
    for what, file_id, file in (("judged", slot.file_id, judged), ("in force", _in_force(slot), in_force)):
        if file_id is not None and (file is None or file.key != slot.key):
            missing = _finding(
                view, slot.dataset, "missing_item", f"FILE#{file_id}", "no item", f"the file {what}, of {slot.key}"
            )
            problems += [missing] if missing not in problems and (what == "judged" or file_id != slot.file_id) else []
    if judged is not None and judged.key == slot.key:
        right = replace(right, verdict=judged.verdict, reason=judged.reason, judged_version_id=judged.version_id)
        if names.file_id(slot.slot_id, judged.content_sha256, slot.contract_hash) != slot.file_id:
            found = f"contract_hash = {slot.contract_hash}"
            problems.append(
                _finding(view, slot.dataset, "record", item, found, "the contract that the file's id is made of")
            )
    if in_force is not None and in_force.key == slot.key:
        right = replace(
            right,
            in_force_file_id=in_force.file_id,
            in_force_version_id=in_force.version_id,
            in_force_rows=in_force.rows_accepted,
            in_force_bytes=in_force.bytes,
            in_force_parquet_bytes=in_force.parquet_bytes,
        )
    difference = differing(asdict(slot), asdict(right))
    if difference:
        problems.append(_finding(view, slot.dataset, "record", item, *difference))
    return right, problems


def _in_force(slot: SlotState) -> str | None:
    """An accepted verdict puts its own file in force."""
    return slot.file_id if slot.verdict == "accepted" else slot.in_force_file_id


def _batch_item(view: BatchView, entries: Mapping[str, SlotInForce]) -> Iterator[Finding]:
    """Does the batch's own item hold exactly what the slots say is in force?"""
    if view.state is None:
        if entries:
            yield _finding(view, "", "missing_item", "BATCH", "no item", f"{len(entries):,} files in force")
        return
    for slot_id in sorted({*entries, *view.entries}):
        found, expected = view.entries.get(slot_id), entries.get(slot_id)
        dataset, item = (expected or found or _NOTHING).dataset, f"BATCH, slot {slot_id}"
        if expected is None:
            yield _finding(view, dataset, "foreign_item", item, "a file in force", "nothing: none was accepted")
        elif found is None:
            yield _finding(view, dataset, "missing_item", item, "nothing in force", f"file {expected.file_id}")
        else:
            difference = differing(asdict(found), asdict(expected))
            if difference:
                yield _finding(view, dataset, "record", item, *difference)


def _run(pipeline: Pipeline, state: BatchState, run: RunRecord | None, view: BatchView) -> Iterator[Finding]:
    """Was the run of what a complete batch holds started, and did it come to its end?"""
    needed = run_needed(pipeline, state)
    how = mend.replay(view.pipeline, view.batch)
    if needed is None:
        return
    if state.run_id != needed.run_id and needed.run_id not in view.runs:
        found = f"the batch's run is {state.run_id}"
        yield _finding(view, "", "not_started", "BATCH", found, f"{needed.run_id}, of what the batch holds", how)
    elif run is None:
        yield _finding(view, "", "missing_item", f"RUN#{state.run_id}", "no item", "the batch's run", how)
    elif run.status not in ("published", "superseded"):
        found = f"{run.status}: {run.error}" if run.error else run.status
        yield _finding(view, "", "run_open", f"RUN#{run.run_id}", found, "published", how)


def _balance(
    pipeline: Pipeline, state: BatchState, run: RunRecord, truths: Mapping[str, FileRecord]
) -> Iterator[Finding]:
    """The balance that the run wrote down, against the files in force as they are."""
    if any(entry.file_id not in truths for entry in state.slots.values()):
        return  # the lost verdict is told of
    for dataset in pipeline.datasets:
        if dataset.name not in run.balance:
            continue
        expected = weigh(dataset.name, state, truths, wanted_files(state.slots, state.batch, dataset.name)).balance
        difference = differing(asdict(run.balance[dataset.name]), asdict(expected))
        if difference:
            how = mend.replay(run.pipeline, run.batch)
            key = f"RUN#{run.run_id}"
            yield Finding("ledger", "unbalanced", run.pipeline, dataset.name, run.batch, key, *difference, how)


def _finding(
    view: BatchView, table: str, kind: str, item: str, found: str, expected: str, how: str | None = None
) -> Finding:
    how = how or "bring the batch's files again (lake put), or restore the item from the table's backup"
    return Finding("ledger", kind, view.pipeline, table, view.batch, item, found, expected, how)


_NOTHING = SlotInForce("", "", "", 0, 0, 0, 0)
