"""One more run of what a batch holds, and only when there is something to run."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from gate_world import events, orders, users
from repair_world import CrashError, RepairWorld

from lakehouse import runs
from lakehouse.errors import RepairError
from lakehouse.ledger.items import RunRecord
from lakehouse.repair.backfill import BatchRuns, Days, batches_in_order, in_range, two_at_a_time
from lakehouse.repair.find import find_batch
from lakehouse.repair.replay import Workflows, look, replay
from localaws import EmbeddedAws


@pytest.fixture(scope="module")
def lake(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> RepairWorld:
    return RepairWorld(aws, tmp_path_factory.mktemp("runs"))


def complete(lake: RepairWorld, batch: str) -> None:
    lake.bring(
        [
            (f"users/{batch}/u.json", users(1)),
            (f"events/{batch}/e.json", events(1)),
            (f"orders/{batch}/o.json", orders(1)),
        ]
    )


def settle(lake: RepairWorld, batch: str) -> None:
    """Wait until the batch's executions have ended (their workflow does nothing), and record it as a workflow does."""
    for name in lake.world.executions(batch):
        while lake.workflows.status("activity", name) == "RUNNING":
            pass
        runs.published(lake.world.ledger, "activity", batch, name)


def seen(lake: RepairWorld, batch: str) -> str:
    return look(lake.pipeline, batch, lake.ledger, lake.workflows).standing


def again(lake: RepairWorld, batch: str, workflows: Workflows | None = None) -> str | None:
    found = look(lake.pipeline, batch, lake.ledger, lake.workflows)
    run = replay(lake.pipeline, found, lake.ledger, workflows or lake.workflows)
    return run.run_id if run else None


def test_an_incomplete_batch_is_left_alone_and_names_what_it_waits_for(lake: RepairWorld, batch: str) -> None:
    assert seen(lake, batch) == "absent"
    lake.bring([(f"users/{batch}/u.json", users(1))])
    found = look(lake.pipeline, batch, lake.ledger, lake.workflows)
    assert (found.standing, found.missing) == ("incomplete", ("events", "orders"))
    assert again(lake, batch) is None
    assert lake.world.ledger.batch("activity", batch) == found.state


def test_each_replay_is_one_more_run_of_the_same_files(lake: RepairWorld, batch: str) -> None:
    complete(lake, batch)
    settle(lake, batch)
    (first,) = lake.world.executions(batch)
    gold = lake.gold(batch, first)
    state = lake.world.ledger.batch("activity", batch)
    second = again(lake, batch)
    assert lake.world.executions(batch) == [first, second]
    after = lake.world.ledger.batch("activity", batch)
    assert (after.slots, after.generation, after.run_id) == (state.slots, state.generation + 1, second)
    assert lake.gold(batch, str(second)) == gold


def test_a_running_run_is_left_alone(lake: RepairWorld, batch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(lake, batch)
    before = lake.world.ledger.batch("activity", batch)
    monkeypatch.setattr(Workflows, "status", lambda *_: "RUNNING")
    assert seen(lake, batch) == "running"
    assert again(lake, batch) is None
    assert lake.world.ledger.batch("activity", batch) == before


@pytest.mark.parametrize("when", ["before-call", "after-call"])
def test_a_replay_that_dies_while_it_starts_is_repeated_and_no_run_is_lost(
    lake: RepairWorld, batch: str, when: str
) -> None:
    complete(lake, batch)
    settle(lake, batch)
    dying = replace(lake.workflows, client=lake.dying("stepfunctions", "StartExecution", when))
    with pytest.raises(CrashError):
        again(lake, batch, dying)
    settle(lake, batch)
    again(lake, batch)
    settle(lake, batch)
    # Before the start was seen, its repeat is that same run; after it, one more run of the same files.
    assert len(lake.world.executions(batch)) == (2 if when == "before-call" else 3)
    state = lake.world.ledger.batch("activity", batch)
    assert state.run_id == lake.world.executions(batch)[-1]


def test_an_engine_stays_with_the_batch_until_another_is_asked_for(lake: RepairWorld, batch: str) -> None:
    complete(lake, batch)
    settle(lake, batch)
    engines = []
    for engine in ("duckdb", "keep", None):
        found = look(lake.pipeline, batch, lake.ledger, lake.workflows)
        replay(lake.pipeline, found, lake.ledger, lake.workflows, engine)
        settle(lake, batch)
        engines.append(lake.world.ledger.batch("activity", batch).engine)
    assert engines == ["duckdb", "duckdb", None]


def test_a_batch_is_found_by_its_name_or_a_run_of_it(lake: RepairWorld, batch: str) -> None:
    complete(lake, batch)
    (run_id,) = lake.world.executions(batch)
    for wanted in (f"activity/{batch}", run_id, run_id[:-20]):
        assert find_batch(wanted, lake.pipelines, lake.ledger) == (lake.pipeline, batch)
    for wanted, complaint in (
        ("act", "at least 4"),
        ("nobody/b", "expected PIPELINE/BATCH"),
        ("activity/", "expected PIPELINE/BATCH"),
        ("zzzz", "No run"),
        ("activity-", "several batches"),
    ):
        with pytest.raises(RepairError, match=complaint):
            find_batch(wanted, lake.pipelines, lake.ledger)


@pytest.fixture
def days(lake: RepairWorld, batch: str) -> list[str]:
    """Three complete batches named by days, and one whose name says none."""
    named = [f"{batch}-2031-03-0{day}" for day in (1, 2, 3)]
    for one in (*named, f"{batch}-undated"):
        complete(lake, one)
        settle(lake, one)
    return named


def test_a_range_means_batches_by_their_day_or_by_when_their_files_came(
    lake: RepairWorld, batch: str, days: list[str]
) -> None:
    slots = [slot for slot in lake.ledger.slots("activity") if slot.batch.startswith(batch)]
    s3, bucket = lake.client("s3"), lake.world.bucket
    first = Days(*(date(2031, 3, day) for day in (1, 2)))
    assert batches_in_order(in_range(slots, first, s3, bucket)) == days[:2]
    today = datetime.now(UTC).date()
    assert batches_in_order(in_range(slots, Days(today, today), s3, bucket)) == [f"{batch}-undated"]


def test_a_backfill_runs_each_batch_once_more_and_waits_for_those_that_run(
    lake: RepairWorld, batch: str, days: list[str]
) -> None:
    changed = days[1]
    lake.bring([(f"users/{changed}/u.json", users(2))])  # a new file has started this batch's new run
    backfill = BatchRuns(lake.pipeline, lake.ledger, lake.workflows, changed=frozenset({changed}))

    def ended_one(one: str) -> RunRecord | None:
        settle(lake, one)  # an execution that has ended has recorded it, as a workflow's last step does
        return backfill.ended(one)

    ended = dict(two_at_a_time(days, backfill.start, ended_one, lambda: None))
    assert {one: run.status for one, run in ended.items()} == dict.fromkeys(days, "published")
    assert {one: len(lake.world.executions(one)) for one in days} == dict.fromkeys(days, 2)
    assert {run.run_id for run in ended.values()} == {lake.world.executions(one)[-1] for one in days}


def test_an_execution_that_ended_without_a_record_is_said(lake: RepairWorld, batch: str) -> None:
    complete(lake, batch)
    while seen(lake, batch) == "running":
        pass
    with pytest.raises(RepairError, match="without a record"):
        BatchRuns(lake.pipeline, lake.ledger, lake.workflows).ended(batch)
