"""The four invariants, checked once everything is delivered, against what the tests themselves know.

1. Rows in = silver + quarantine (each with a reason) + exact duplicates, as multisets.
2. Gold is what a plain recomputation gives, partitions, CSV files and following tables included.
3. `reader`, at every step: one complete version, never an older one than before.
4. One effective run a manifest, one notification an outcome, nothing complete that was not started.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass

from lakehouse.ledger.items import SlotState
from tests.faults.contents import Content
from tests.faults.driver import Driver, Execution, Told
from tests.faults.reader import must
from tests.faults.recomputation import DATASETS, PARTED, WHOLE, Slot, parted, whole


@dataclass(frozen=True)
class Place:
    """Where a key belongs, read from the key itself."""

    pipeline: str
    dataset: str
    batch: str


def place(key: str) -> Place:
    _, pipeline, dataset, day, _ = key.split("/")
    return Place(pipeline, dataset, day.removeprefix("day="))


def check(driver: Driver) -> None:
    """Raises Violation where one of them does not hold."""
    in_force = {key: found for key in driver.uploads if (found := _check_slot(driver, key)) is not None}
    complete = _complete(driver, in_force)
    driver.reader.look(*DATASETS)
    for pipeline in DATASETS:
        batches = {batch for of, batch in complete if of == pipeline}
        wanted = _wanted(pipeline, batches, in_force)
        _check_silver(driver, pipeline, wanted)
        if batches:
            _check_gold(driver, pipeline, wanted)
    _check_runs(driver, complete)
    _check_file_messages(driver)
    _check_run_messages(driver)
    _check_repeats(driver.told)


def _check_slot(driver: Driver, key: str) -> tuple[str, Content] | None:
    """The verdict on the newest version of an object stands; file id and content of what is in force."""
    where, uploads = place(key), driver.uploads[key]
    found = [slot for slot in driver.world.ledger.slots(where.pipeline) if slot.key == key]
    must(len(found) == 1, "an object has no slot of its own", key, found)
    slot, last = found[0], uploads[-1]
    must(slot.judged_version_id == last.version_id, "the newest version was not judged", key, slot)
    must((slot.verdict == "refused") == last.content.refused, "the verdict is wrong", key, slot)
    _check_quarantine(driver, where, slot.file_id, last.content)
    by_version = {one.version_id: one.content for one in uploads}
    judged = sorted((one for one in driver.verdicts if one.key == key), key=lambda one: one.revision)
    accepted = [one for one in judged if not by_version[one.version_id].refused]
    if not accepted:
        must(slot.in_force_file_id is None, "something refused is in force", key, slot)
        return None
    must(slot.in_force_version_id == accepted[-1].version_id, "an older version is in force", key, slot)
    content = by_version[accepted[-1].version_id]
    _check_counts(driver, where, slot, content)
    _check_quarantine(driver, where, str(slot.in_force_file_id), content)
    return str(slot.in_force_file_id), content


def _check_counts(driver: Driver, where: Place, slot: SlotState, content: Content) -> None:
    record = driver.world.ledger.file(where.pipeline, where.batch, str(slot.in_force_file_id))
    assert record is not None
    counted = (record.rows_in, record.rows_accepted, record.rows_quarantined, record.rows_duplicate)
    known = (content.rows_in, len(content.accepted), len(content.quarantined), content.duplicates)
    must(counted == known, "rows do not balance", slot.key, counted, known)


def _check_quarantine(driver: Driver, where: Place, file_id: str, content: Content) -> None:
    """Refused rows are kept with their bytes and a reason, a refused file whole; nothing else is."""
    prefix = f"quarantine/{where.pipeline}/{where.dataset}/{file_id}/"
    kept = {key.removeprefix(prefix) for key in driver.world.objects(prefix)}
    if content.refused:
        must(kept == {"original", "rows.ndjson", "verdict.json"}, "a refused file is not kept", prefix, kept)
        must(driver.world.body(f"{prefix}original") == content.body, "other bytes are kept", prefix)
        verdict = json.loads(driver.world.body(f"{prefix}verdict.json"))
        must(bool(verdict["reason"]), "a file is refused without a reason", prefix)
        return
    must(kept == ({"rows.ndjson", "verdict.json"} if content.quarantined else set()), "quarantine", prefix, kept)
    if content.quarantined:
        rows = [json.loads(line) for line in driver.world.body(f"{prefix}rows.ndjson").splitlines()]
        raw = Counter(row["raw"].encode() for row in rows)
        must(raw == Counter(content.quarantined), "quarantine holds other rows", prefix, raw)
        must(all(row["reason"] for row in rows), "a row is refused without a reason", prefix)


def _complete(driver: Driver, in_force: dict[str, tuple[str, Content]]) -> set[tuple[str, str]]:
    """(pipeline, batch) of those that have a file of every dataset, and the marker where there is one."""
    have: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for key in in_force:
        where = place(key)
        have[where.pipeline, where.batch].add(where.dataset)
    for key in driver.markers:
        where = place(key)
        have[where.pipeline, where.batch].add("marker")
    needed = {name: {*datasets} | ({"marker"} if name == "stall" else set()) for name, datasets in DATASETS.items()}
    return {found for found, present in have.items() if present >= needed[found[0]]}


Wanted = dict[str, dict[tuple[str, str], tuple[str, Content]]]
"""By dataset and (batch, key): file id and content."""


def _wanted(pipeline: str, batches: set[str], in_force: dict[str, tuple[str, Content]]) -> Wanted:
    found: Wanted = {dataset: {} for dataset in DATASETS[pipeline]}
    for key, file in in_force.items():
        where = place(key)
        if where.pipeline == pipeline and where.batch in batches:
            found[where.dataset][where.batch, key] = file
    return found


def _check_silver(driver: Driver, pipeline: str, wanted: Wanted) -> None:
    """Silver holds the files in force of the complete batches and nothing else, each with its rows."""
    reader = driver.reader
    for dataset, files in wanted.items():
        newest = reader.logs[pipeline, dataset].newest()
        held = reader.logs[pipeline, dataset].at(newest) if newest >= 0 else {}
        want = {where: (file_id,) for where, (file_id, _) in files.items()}
        must(held == want, f"silver.{dataset} holds other files", held, want)
        for (batch, key), (file_id, content) in files.items():
            rows = reader.silver_rows(pipeline, dataset, file_id)
            must(rows == Counter(content.accepted), f"silver.{dataset} holds other rows", batch, key, rows)


def _check_gold(driver: Driver, pipeline: str, wanted: Wanted) -> None:
    """What the catalog shows is of the files in force. That it is complete, CSV included, the reader has seen."""
    silver = {
        dataset: [Slot(batch, key, content.accepted) for (batch, key), (_, content) in files.items()]
        for dataset, files in wanted.items()
    }
    for table in WHOLE.get(pipeline, ()):
        found, versions = driver.reader.shown(table)
        must(bool(versions), f"gold.{table} was never published")
        keys = driver.reader.keys_of(found["StorageDescriptor"]["Location"])
        have, want = driver.reader.rows(keys), whole(table, silver)
        must(have == want, f"gold.{table} is not what the inputs give", have, want)
    for table in PARTED.get(pipeline, ()):
        shown = driver.reader.partitions(table)
        have_parts = {value: driver.reader.rows(driver.reader.keys_of(one[0])) for value, one in shown.items()}
        want_parts = parted(table, silver)
        must(have_parts == want_parts, f"gold.{table} is not what the inputs give", have_parts, want_parts)


def _check_runs(driver: Driver, complete: set[tuple[str, str]]) -> None:
    """One execution a manifest; the newest manifest of a complete batch has one, that ended well."""
    executions = driver.executions.values()
    for pipeline in DATASETS:
        accepted = Counter(driver.world.executions(pipeline))
        heard = Counter(one.name for one in executions if one.place[0] == pipeline)
        must(accepted == heard, "Step Functions has other executions", accepted, heard)
    starts = Counter((*one.place, one.given["generation"], one.given["manifest_hash"]) for one in executions)
    twice = {manifest: count for manifest, count in starts.items() if count > 1}
    must(not twice, "a manifest has several runs", twice)
    ran = {one.place for one in executions}
    must(ran == complete, "complete batches and those that have run differ", ran, complete)
    for pipeline, batch in complete:
        state = driver.world.ledger.batch(pipeline, batch)
        newest = [
            one for one in executions if (*one.place, one.given["generation"]) == (pipeline, batch, state.generation)
        ]
        must(len(newest) == 1, "what a batch holds was never run", state)
        must(newest[0].state == "published", "the newest run of a batch did not publish", newest[0].name)
        must(state.run_id == newest[0].name, "the batch does not know its run", state)
    for one in executions:
        run = driver.world.ledger.run(*one.place, one.name)
        ends = {
            "published": {"published", "superseded"},
            "overtaken": {"superseded"},
            "failed_for_good": {"failed", "published", "superseded"},
        }
        must(
            run is not None and (one.unrecorded or run.status in ends[one.state]),
            "the ledger has another end of a run",
            one.name,
            run,
        )


def _check_file_messages(driver: Driver) -> None:
    """People are told once of each verdict that is news: a refusal, or quarantined rows, of other bytes than before."""
    for key, uploads in driver.uploads.items():
        by_version = {one.version_id: one.content for one in uploads}
        judged = sorted((one for one in driver.verdicts if one.key == key), key=lambda one: one.revision)
        revisions = [one.revision for one in judged]
        must(revisions == list(range(1, len(judged) + 1)), "revisions are not counted", key, revisions)
        news = [
            one
            for before, one in zip([None, *judged], judged, strict=False)
            if by_version[one.version_id].worth_telling and (before is None or before.file_id != one.file_id)
        ]
        told = {one.id: one.details["file_id"] for one in driver.told if one.details.get("key") == key}
        want = [one.file_id for one in news]
        must(list(told.values()) == want, "people were told other outcomes of a file", key, told, want)


def _check_run_messages(driver: Driver) -> None:
    """People are told of the end of each run, and of each table that follows."""
    for one in driver.executions.values():
        ends = {told.id: told.details["outcome"] for told in _of(driver, one, "run_succeeded")}
        outcomes = list(ends.values())
        if one.state == "published":
            must(_told_well(driver, one, outcomes), "people were not told once how a run ended", one.name, ends)
        if one.state == "overtaken":
            must(not outcomes, "people were told of a run that ended before it began", one.name, ends)
        derived = {(told.id, *told.details["gold"]) for told in _of(driver, one, "gold_derived")}
        events = {
            told.event["detail"]["table"] for told in driver.published if told.event["detail"]["run_id"] == one.name
        }
        tables = Counter(table for _, table in derived)
        must(len(tables) == len(events), "a table that follows was not told of", one.name, derived, events)


def _told_well(driver: Driver, execution: Execution, outcomes: list[str]) -> bool:
    """Once how it ended. Twice if it was published, told, died, and a newer run published before the repeat. Not at all
    if a late repeat of its commit has found it overtaken: then it ends as one that was overtaken at once."""
    if outcomes == ["published", "superseded"]:
        return _struck(_of(driver, execution, "run_succeeded")[0])
    if not outcomes:
        run = driver.world.ledger.run(*execution.place, execution.name)
        return execution.repeated and run is not None and run.status == "superseded"
    return len(outcomes) == 1


def _check_repeats(told: list[Told]) -> None:
    """A message is repeated only where the process died, or an answer was lost, between telling and remembering, or
    where two told at the same moment."""
    by_id: defaultdict[str, list[Told]] = defaultdict(list)
    for one in told:
        by_id[one.id].append(one)
    for same in by_id.values():
        idle = [one for one in same[:-1] if not _struck(one) and not same[-1].attempt.paused]
        must(not idle, "people were told twice without need", [one.details for one in idle])


def _struck(told: Told) -> bool:
    return bool(told.attempt.faults) or told.attempt.paused


def _of(driver: Driver, execution: Execution, kind: str) -> list[Told]:
    return [one for one in driver.told if one.kind == kind and one.details.get("run_id") == execution.name]
