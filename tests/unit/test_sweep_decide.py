"""What a sweep sees to, and what it says: decisions on plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.batches.decide import Run, run_needed
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Deadlines, Pipeline
from lakehouse.ledger.items import BatchState, RunRecord, RunStatus, SlotInForce, SlotState
from lakehouse.sweep import decide
from lakehouse.sweep.decide import Execution
from lakehouse.sweep.messages import about_overdue, about_stuck, about_unrecorded

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PIPELINE = replace(pipelines()["activity"], deadlines=Deadlines(batch_minutes=60, run_minutes=30))


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat(timespec="microseconds")


def batch(*datasets: str, minutes: float = 61, revision: int = 1) -> BatchState:
    slots = {f"slot-{name}": SlotInForce(name, f"bronze/{name}", "f", 7, 10, 10, revision) for name in datasets}
    return BatchState("activity", "b1", generation=len(slots), slots=slots, at=ago(minutes))


def slot(dataset: str = "users", **changes: object) -> SlotState:
    made = SlotState(
        pipeline="activity",
        dataset=dataset,
        batch="b1",
        key=f"bronze/{dataset}",
        slot_id=f"slot-{dataset}",
        revision=1,
        judged_version_id="v",
        judged_etag="e",
        contract_hash="c",
        verdict="accepted",
        file_id="f",
        at=ago(61),
        notified_revision=1,
        in_force_file_id="f",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def run(status: RunStatus = "started", minutes: float = 31, **changes: object) -> RunRecord:
    return replace(RunRecord("activity", "b1", "r1", status, ago(minutes)), **changes)  # type: ignore[arg-type]


def execution(status: str, minutes: float = 31) -> Execution:
    return Execution(status, NOW - timedelta(minutes=minutes))


def test_a_verdict_is_settled_once_its_revision_is_in_the_batch_and_told() -> None:
    assert decide.is_settled(slot(), batch("users"))
    assert not decide.is_settled(slot(), batch())
    assert not decide.is_settled(slot(), batch("events"))
    assert not decide.is_settled(slot(revision=2, notified_revision=2), batch("users"))
    assert decide.is_settled(slot(revision=2, notified_revision=2), batch("users", revision=3))
    assert not decide.is_settled(slot(notified_revision=0), batch("users"))
    assert decide.is_settled(slot(verdict="refused", in_force_file_id=None), batch())
    assert not decide.is_settled(slot(verdict="refused", in_force_file_id=None, notified_revision=0), batch())


def test_what_is_younger_than_a_lambda_can_live_is_not_touched() -> None:
    assert [decide.is_left_alone(ago(minutes), NOW) for minutes in (0, 15, 15.1)] == [False, False, True]
    assert not decide.is_left_alone("", NOW)


def test_a_batch_is_unstarted_while_another_run_than_its_own_is_recorded() -> None:
    complete = batch("users", "events", "orders")
    needed = run_needed(PIPELINE, complete)
    assert needed
    assert decide.is_unstarted(PIPELINE, complete)
    assert decide.is_unstarted(PIPELINE, replace(complete, run_id="an-older-one"))
    assert not decide.is_unstarted(PIPELINE, replace(complete, run_id=needed.run_id))
    assert not decide.is_unstarted(PIPELINE, batch("users", "events"))


def test_a_batch_is_overdue_by_the_time_since_its_last_change() -> None:
    assert decide.overdue(PIPELINE, batch("users"), NOW) == ("events", "orders")
    assert decide.overdue(PIPELINE, batch("users", minutes=60), NOW) == ()
    assert decide.overdue(PIPELINE, batch("users", "events", "orders"), NOW) == ()
    assert decide.overdue(PIPELINE, BatchState("activity", "b1"), NOW) == ()


def test_a_batch_of_refused_files_alone_waits_since_the_last_of_them() -> None:
    refused = [slot(at=ago(70), in_force_file_id=None), slot("events", at=ago(61), in_force_file_id=None)]
    state = decide.with_refused_only(BatchState("activity", "b1"), refused)
    assert state.at == ago(61)
    assert decide.overdue(PIPELINE, state, NOW) == ("users", "events", "orders")
    known = batch("users")
    assert decide.with_refused_only(known, refused) is known


@pytest.mark.parametrize(
    ("record", "doubtful"),
    [
        (run(minutes=30), False),
        (run(minutes=31), True),
        (run("committed"), True),
        (run("gold_written"), True),
        (run("published"), False),
        (run("superseded"), False),
        (run("failed"), False),
        (run("failed", told_stuck={"id": "x", "by": "s", "at": ago(1)}), True),
        (run("failed", told_stuck={"id": "x", "by": "s", "at": ago(1), "told_at": ago(1)}), False),
    ],
)
def test_step_functions_is_asked_of_late_runs_and_of_failures_that_nobody_has_told(
    record: RunRecord, doubtful: bool
) -> None:
    assert decide.is_doubtful(record, PIPELINE.deadlines, NOW) is doubtful


SAME = Run("activity", "b1", "r1", 3, "m")
OTHER = Run("activity", "b1", "r2", 4, "m")
UNTOLD = run("failed", told_stuck={"id": "x", "by": "s", "at": ago(1)})


@pytest.mark.parametrize(
    ("record", "found", "needed", "action"),
    [
        (run(), execution("RUNNING"), SAME, "tell_stuck"),
        (run(), execution("RUNNING", minutes=29), SAME, "leave"),
        (run(), execution("FAILED"), SAME, "record_failure"),
        (run(), execution("TIMED_OUT"), OTHER, "record_failure"),
        (run(), execution("ABORTED"), None, "record_failure"),
        (run(), execution("SUCCEEDED"), SAME, "tell_unrecorded"),
        (run(), None, SAME, "start_again"),
        (run(), None, OTHER, "supersede"),
        (run(), None, None, "leave"),
        (run("published"), execution("SUCCEEDED"), SAME, "leave"),
        (run("superseded"), execution("FAILED"), SAME, "leave"),
        (run("failed"), execution("FAILED"), SAME, "leave"),
        (UNTOLD, execution("FAILED"), SAME, "record_failure"),
        (UNTOLD, execution("RUNNING"), SAME, "leave"),
        (UNTOLD, None, SAME, "leave"),
    ],
)
def test_what_a_late_run_needs(
    record: RunRecord, found: Execution | None, needed: Run | None, action: decide.Action
) -> None:
    assert decide.what_to_do(record, found, needed, PIPELINE.deadlines, NOW) == action


def test_the_message_of_an_overdue_batch_names_what_is_missing_why_and_what_is_there() -> None:
    state = batch("users")
    refused = slot("orders", verdict="refused", reason="empty_file", in_force_file_id=None)
    said = about_overdue(PIPELINE, state, ("events", "orders"), [slot(), refused])
    assert (said.kind, said.subject) == ("batch_overdue", "[activity] Batch b1 overdue: waits for events, orders")
    assert said.text == (
        "Batch b1 waits for events, orders since 2026-03-02 10:59 UTC. Missing:\n"
        "  events: 0 of 1 file\n"
        "  orders: 0 of 1 file\n"
        "    refused (empty file): bronze/orders\n"
        "There:\n"
        "  users: 1 file, 7 rows\n"
        "Its run starts by itself once they are there. Deadline: 60 minutes after the last change.\n"
    )
    assert said.details == {
        "batch": "b1",
        "missing": ["events", "orders"],
        "present": {"users": {"files": 1, "rows": 7}},
        "refused": {"orders": ["bronze/orders"]},
        "since": ago(61),
        "deadline_minutes": 60,
    }


def test_parts_and_markers_that_are_missing_are_named() -> None:
    users, *others = PIPELINE.datasets
    several: Pipeline = replace(PIPELINE, datasets=(replace(users, parts=3, marker="_SUCCESS"), *others))
    said = about_overdue(several, batch("users", "events", "orders"), ("users",), [])
    assert "  users: 1 of 3 files, no marker _SUCCESS\n" in said.text
    marked = replace(batch("users", "events", "orders"), markers=frozenset({"users"}))
    assert "  users: 1 of 3 files\n" in about_overdue(several, marked, ("users",), []).text


def test_another_set_of_missing_datasets_or_a_later_change_is_another_message() -> None:
    state = batch("users")
    told = about_overdue(PIPELINE, state, ("events", "orders"), [])
    assert about_overdue(PIPELINE, state, ("events", "orders"), [slot()]).id == told.id
    assert about_overdue(PIPELINE, state, ("orders",), []).id != told.id
    assert about_overdue(PIPELINE, replace(state, at=ago(62)), ("events", "orders"), []).id != told.id


def test_only_so_many_refused_files_are_named() -> None:
    refused = [slot("orders", verdict="refused", key=f"bronze/{number:02}") for number in range(12)]
    text = about_overdue(PIPELINE, batch("users", "events"), ("orders",), refused).text
    assert text.count("refused (no reason given)") == 10
    assert "    and 2 more\n" in text


def test_the_messages_of_runs_say_how_they_stand() -> None:
    stuck = about_stuck(run("committed"), execution("RUNNING"), 30)
    assert (stuck.kind, stuck.subject) == ("run_stuck", "[activity] Run stuck: batch b1, committed")
    assert (
        "runs since 2026-03-02 11:29 UTC, longer than 30 minutes. The last that it recorded: committed." in stuck.text
    )
    assert stuck.details["execution_status"] == "RUNNING"
    again = Execution("RUNNING", NOW)
    assert about_stuck(run(), again, 30).id != stuck.id, "a run that was started anew is told of anew"
    ended = about_unrecorded(run("gold_written"), execution("SUCCEEDED"))
    assert (ended.kind, ended.subject) == ("run_stuck", "[activity] Run ended without a word: batch b1")
    assert ended.id not in (stuck.id, about_stuck(run(), execution("RUNNING"), 30).id)
