"""The sweeper under its own role: what a dead gate left is done, what waits too long is told once, whatever happens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from gate_world import orders, users
from sweep_world import FAIL, WAIT, SweepWorld, done

from lakehouse import runs
from lakehouse.names import UNKNOWN
from localaws import EmbeddedAws


@pytest.fixture(scope="module")
def shared(aws: EmbeddedAws) -> SweepWorld:
    return SweepWorld(aws)


@pytest.fixture
def lake(shared: SweepWorld) -> SweepWorld:
    """A small lake with nothing in it."""
    shared.clear()
    return shared


def complete_but_for_orders(lake: SweepWorld, batch: str, before: str) -> None:
    """The gate of the file that completes a batch dies before a call."""
    lake.bring(batch, "users", "events")
    lake.kill_gate(f"bronze/activity/orders/{batch}/f.json", orders(1), before)


@pytest.mark.parametrize("before", ["UpdateItem", "StartExecution"])
def test_what_a_gate_left_that_died_is_done(lake: SweepWorld, before: str) -> None:
    """Before UpdateItem: the verdict is recorded and not in force. Before StartExecution: complete, not started."""
    complete_but_for_orders(lake, "b1", before)
    assert lake.executions("b1") == []
    assert lake.sweep(minutes=14) == [], "younger than a Lambda can live"
    what = "settled" if before == "UpdateItem" else "started"
    assert done(lake.sweep(minutes=16)) == [(what, "b1")]
    state = lake.ledger.batch("activity", "b1")
    assert lake.executions("b1") == lake.runs("b1") == [state.run_id]
    assert {entry.dataset for entry in state.slots.values()} == {"users", "events", "orders"}
    assert lake.sweep(minutes=16, by="s2") == []


@pytest.mark.parametrize("before", ["StartExecution", "UpdateItem"])
def test_a_correction_whose_gate_died_gets_its_run(lake: SweepWorld, before: str) -> None:
    lake.bring("b1", "users", "events", "orders")
    lake.kill_gate("bronze/activity/orders/b1/f.json", orders(1, 2), before)
    assert len(done(lake.sweep())) == 1
    state = lake.ledger.batch("activity", "b1")
    assert lake.executions("b1")[1:] == [state.run_id]
    assert sum(entry.rows for entry in state.slots.values()) == 4


def test_a_start_that_is_not_recorded_is_recorded_and_not_repeated(lake: SweepWorld) -> None:
    lake.bring("b1", "users", "events", "orders")
    run = lake.run("b1")
    lake.ledger.table.put(replace(lake.ledger.batch("activity", "b1"), run_id=None))
    assert done(lake.sweep()) == [("started", "b1")]
    assert lake.ledger.batch("activity", "b1").run_id == run.run_id
    assert lake.executions("b1") == [run.run_id]


def test_a_refusal_that_nobody_told_of_is_told_also_of_a_file_without_a_place(lake: SweepWorld) -> None:
    lake.kill_gate("bronze/activity/users/b1/f.json", b"", "Publish")
    lake.kill_gate("bronze/nowhere/f.json", b"1", "Publish")
    assert lake.sweep(minutes=14) == []
    assert [(one.what, one.pipeline) for one in lake.sweep()] == [("settled", UNKNOWN), ("settled", "activity")]
    found = lake.told("file_refused", at_least=2)
    assert sorted(one["key"] for one in found) == ["bronze/activity/users/b1/f.json", "bronze/nowhere/f.json"]
    assert lake.sweep(minutes=40, by="s2") == []


def test_a_batch_beyond_its_deadline_is_told_of_once_and_anew_after_a_change(lake: SweepWorld) -> None:
    lake.bring("b1", "users")
    assert lake.sweep(minutes=59) == []
    assert done(lake.sweep(minutes=61)) == [("batch_overdue", "b1")]
    assert lake.sweep(minutes=61) == lake.sweep(minutes=300, by="s2") == []
    (first,) = lake.told("batch_overdue", at_least=1)
    assert (first["missing"], first["present"]) == (["events", "orders"], {"users": {"files": 1, "rows": 1}})
    lake.bring("b1", "events")
    assert lake.sweep(minutes=59) == []
    assert done(lake.sweep(minutes=61)) == [("batch_overdue", "b1")]
    assert [one["missing"] for one in lake.told("batch_overdue", at_least=2)] == [["events", "orders"], ["orders"]]


def test_a_batch_of_refused_files_alone_is_told_of_once(lake: SweepWorld) -> None:
    lake.gate().handle(lake.put("bronze/activity/orders/b1/f.json", b""), "m1")
    assert done(lake.sweep(minutes=61)) == [("batch_overdue", "b1")]
    assert lake.sweep(minutes=90, by="s2") == []
    (found,) = lake.told("batch_overdue", at_least=1)
    assert found["missing"] == ["users", "events", "orders"]
    assert found["refused"] == {"orders": ["bronze/activity/orders/b1/f.json"]}
    lake.bring("b1", "users", "events")
    lake.gate().handle(lake.put("bronze/activity/orders/b1/f.json", orders(1)), "m2")
    assert len(lake.executions("b1")) == 1, "the item that remembers is in nobody's way"


def test_a_marker_is_a_change(lake: SweepWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time counts, and only its first arrival."""
    users_, *others = lake.pipelines["activity"].datasets
    marked = replace(lake.pipelines["activity"], datasets=(replace(users_, marker="_SUCCESS"), *others))
    monkeypatch.setattr(lake, "pipelines", {"activity": marked})
    lake.bring("b1", "users", "events", "orders")
    before = lake.ledger.batch("activity", "b1").at
    marker = lake.put("bronze/activity/users/b1/_SUCCESS", b"")
    lake.gate().handle(marker, "m1")
    state = lake.ledger.batch("activity", "b1")
    assert state.at > before
    lake.gate().handle(marker, "m2")
    assert lake.ledger.batch("activity", "b1") == state
    assert lake.executions("b1") == [state.run_id]


def test_a_run_that_does_not_end_is_told_of_once(lake: SweepWorld) -> None:
    lake.workflow(WAIT)
    lake.bring("b1", "users", "events", "orders")
    assert lake.sweep(minutes=44) == []
    assert done(lake.sweep(minutes=46)) == [("tell_stuck", "b1")]
    assert lake.sweep(minutes=46) == lake.sweep(minutes=300, by="s2") == []
    (found,) = lake.told("run_stuck", at_least=1)
    assert (found["run_id"], found["status"]) == (lake.run("b1").run_id, "started")
    assert lake.run("b1").status == "started"


def test_a_run_that_was_aborted_unknown_to_the_ledger_is_recorded_and_told(lake: SweepWorld) -> None:
    lake.workflow(WAIT)
    lake.bring("b1", "users", "events", "orders")
    arn = lake.execution(lake.run("b1").run_id)
    lake.stepfunctions.stop_execution(executionArn=arn, error="Operator", cause="By hand")
    assert done(lake.sweep(minutes=46)) == [("record_failure", "b1")]
    assert (lake.run("b1").status, lake.run("b1").error) == ("failed", "Operator: By hand")
    assert lake.sweep(minutes=46) == lake.sweep(minutes=300, by="s2") == []
    assert len(lake.told("run_failed", at_least=1)) == 1


@pytest.mark.parametrize("definition", [FAIL, {**WAIT, "TimeoutSeconds": 1}], ids=["failed", "timed out"])
def test_a_run_that_failed_unknown_to_the_ledger_is_recorded_and_told(
    lake: SweepWorld, definition: dict[str, Any]
) -> None:
    lake.workflow(definition)
    lake.bring("b1", "users", "events", "orders")
    status = lake.ended(lake.run("b1").run_id)
    assert done(lake.sweep(minutes=46)) == [("record_failure", "b1")]
    expected = "Boom: It broke" if status == "FAILED" else "TIMED_OUT"
    assert lake.run("b1").status == "failed"
    assert expected in str(lake.run("b1").error) or "Timeout" in str(lake.run("b1").error)
    assert len(lake.told("run_failed", at_least=1)) == 1


def test_a_run_that_succeeded_without_its_end_in_the_ledger_is_told_of(lake: SweepWorld) -> None:
    lake.bring("b1", "users", "events", "orders")
    assert lake.ended(lake.run("b1").run_id) == "SUCCEEDED"
    assert done(lake.sweep(minutes=46)) == [("tell_unrecorded", "b1")]
    assert lake.sweep(minutes=60, by="s2") == []
    (found,) = lake.told("run_stuck", at_least=1)
    assert found["execution_status"] == "SUCCEEDED"


def test_ends_that_the_ledger_knows_are_left_alone(lake: SweepWorld) -> None:
    for batch, end in (("b1", runs.published), ("b2", runs.superseded)):
        lake.bring(batch, "users", "events", "orders")
        end(lake.ledger, "activity", batch, lake.run(batch).run_id)
    lake.bring("b3", "users", "events", "orders")
    runs.failed(lake.ledger, "activity", "b3", lake.run("b3").run_id, "it broke")
    assert lake.sweep(minutes=300) == []
    assert lake.letters == []


def forget_execution(lake: SweepWorld, run_id: str) -> None:
    """As AWS does after 90 days."""
    from ministack.services import stepfunctions

    stepfunctions._executions.pop(lake.execution(run_id))


def test_a_run_whose_execution_is_gone_starts_again_if_its_batch_still_asks_for_it(lake: SweepWorld) -> None:
    lake.bring("b1", "users", "events", "orders")
    run = lake.run("b1")
    forget_execution(lake, run.run_id)
    assert done(lake.sweep(minutes=46)) == [("start_again", "b1")]
    assert lake.executions("b1") == [run.run_id]
    forget_execution(lake, run.run_id)
    lake.gate().handle(lake.put("bronze/activity/users/b1/f.json", users(1, 2)), "m2")
    assert ("supersede", "b1") in done(lake.sweep(minutes=46))
    found = lake.ledger.run("activity", "b1", run.run_id)
    assert found is not None
    assert found.status == "superseded"


def test_it_looks_back_fourteen_days(lake: SweepWorld) -> None:
    complete_but_for_orders(lake, "b1", "UpdateItem")
    lake.bring("b2", "users")
    assert lake.sweep(minutes=14 * 24 * 60 + 1) == []
    assert done(lake.sweep(minutes=14 * 24 * 60 - 1))[:2] == [("settled", "b1"), ("batch_overdue", "b2")]


def test_a_pipeline_that_fails_keeps_no_other_from_being_swept(
    lake: SweepWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state machine that is not there: the others are swept, and the sweep fails."""
    other = replace(lake.pipelines["activity"], name="aaa")
    monkeypatch.setattr(lake, "pipelines", {"aaa": other, **lake.pipelines})
    lake.bring("b1", "users")
    stuck = replace(lake.ledger.batch("activity", "b1"), pipeline="aaa")
    complete = {name: replace(next(iter(stuck.slots.values())), dataset=name) for name in ("users", "events", "orders")}
    lake.ledger.table.put(replace(stuck, slots=complete))
    with pytest.raises(ExceptionGroup, match="1 of 3 sweeps failed"):
        lake.sweep(minutes=61)
    assert [one["batch"] for one in lake.told("batch_overdue", at_least=1)] == ["b1"]


def test_a_quiet_lake_costs_three_queries_a_pipeline_and_one(lake: SweepWorld) -> None:
    lake.bring("b1", "users", "events", "orders")
    lake.bring("b2", "users")
    assert lake.sweep(minutes=20, clients=lake.dying.destine().clients) == []
    assert lake.dying.calls == ["Query"] * 4


# Whatever happens, the outcome is the same


def settle(lake: SweepWorld, batch: str) -> None:
    complete_but_for_orders(lake, batch, "UpdateItem")


def create(lake: SweepWorld, batch: str) -> None:
    lake.kill_gate(f"bronze/activity/users/{batch}/f.json", users(1), "UpdateItem")


def start(lake: SweepWorld, batch: str) -> None:
    complete_but_for_orders(lake, batch, "StartExecution")


def tell_refused(lake: SweepWorld, batch: str) -> None:
    lake.kill_gate(f"bronze/activity/users/{batch}/f.json", b"", "Publish")


def overdue(lake: SweepWorld, batch: str) -> None:
    lake.bring(batch, "users", "events")


def overdue_refused(lake: SweepWorld, batch: str) -> None:
    lake.gate().handle(lake.put(f"bronze/activity/users/{batch}/f.json", b""), "m1")


def stuck(lake: SweepWorld, batch: str) -> None:
    lake.workflow(WAIT)
    lake.bring(batch, "users", "events", "orders")


def failed(lake: SweepWorld, batch: str) -> None:
    lake.workflow(FAIL)
    lake.bring(batch, "users", "events", "orders")
    lake.ended(lake.run(batch).run_id)


SCENARIOS: dict[Callable[[SweepWorld, str], None], int] = {
    settle: 20,
    create: 20,
    start: 20,
    tell_refused: 20,
    overdue: 61,
    overdue_refused: 61,
    stuck: 46,
    failed: 46,
}
"""What is to be swept, and when, minutes from now."""


def outcome(lake: SweepWorld, batch: str) -> dict[str, Any]:
    """All that is left of a batch, without times and names."""
    state = lake.ledger.batch("activity", batch)
    slots = [slot for slot in lake.ledger.slots("activity") if slot.batch == batch]
    found = [lake.ledger.run("activity", batch, run_id) for run_id in lake.runs(batch)]
    return {
        "generation": state.generation,
        "in_force": sorted((slot.dataset, slot.rows, slot.revision) for slot in state.slots.values()),
        "slots": sorted((slot.dataset, slot.verdict, slot.revision, slot.notified_revision) for slot in slots),
        "executions": len(lake.executions(batch)),
        "runs": [(run.status, run.error, "told_at" in run.told_stuck) for run in found if run],
        "recorded": state.run_id == (lake.executions(batch) or [None])[-1],
        "told": sorted(one["kind"] for one in ids(lake, batch)),
        "remembered": "told_at" in state.told_overdue,
    }


def ids(lake: SweepWorld, batch: str) -> list[dict[str, Any]]:
    """The messages about a batch, each id once."""
    return list({one["id"]: one for one in lake.messages(batch)}.values())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_a_sweep_that_dies_at_any_call_is_made_good_by_its_repeat_or_by_the_next(
    lake: SweepWorld, scenario: Callable[[SweepWorld, str], None]
) -> None:
    minutes = SCENARIOS[scenario]
    scenario(lake, "clean")
    lake.sweep(minutes, clients=lake.dying.destine().clients)
    calls = lake.dying.calls
    expected = outcome(lake, "clean")
    assert len(calls) >= 6
    found = {}
    for at, call in enumerate([*calls, "end"]):
        # Before a call is after the one before it, as far as AWS can tell.
        dies: dict[str, Any] = (
            {"at": at, "when": "before-call"} if at < len(calls) else {"at": at - 1, "when": "after-call"}
        )
        batch = f"n{at}"
        scenario(lake, batch)
        with pytest.raises(ExceptionGroup):
            lake.sweep(minutes, clients=lake.dying.destine(**dies).clients)
        if at % 2:
            lake.sweep(minutes)
        else:
            lake.sweep(minutes + 15, by="s2")
        found[f"{batch} {call}"] = outcome(lake, batch)
    assert found == dict.fromkeys(found, expected)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_sweeps_at_the_same_moment_do_everything_once(
    lake: SweepWorld, scenario: Callable[[SweepWorld, str], None]
) -> None:
    minutes = SCENARIOS[scenario]
    batches = [f"b{number}" for number in range(3)]
    for batch in ["clean", *batches]:
        scenario(lake, batch)
    sweepers = [lake.sweep_clients() for _ in range(4)]
    with ThreadPoolExecutor(len(sweepers)) as pool:
        work = [pool.submit(lake.sweep, minutes, f"s{place}", one) for place, one in enumerate(sweepers)]
    assert len([one.result() for one in work]) == len(sweepers)
    expected = outcome(lake, "clean")
    assert expected["recorded"] or not expected["executions"]
    for batch in batches:
        assert outcome(lake, batch) == expected
        assert len(lake.messages(batch)) == len(ids(lake, batch)), "one message an outcome"


# Rights

NEEDED = {
    "dynamodb:Query": "Query",
    "dynamodb:GetItem": "GetItem",
    "dynamodb:PutItem": "PutItem",
    "dynamodb:UpdateItem": "UpdateItem",
    "states:StartExecution": "StartExecution",
    "states:DescribeExecution": "DescribeExecution",
    "sns:Publish": "Publish",
}


def test_without_any_of_its_grants_a_sweep_fails_and_with_them_it_does_all(lake: SweepWorld) -> None:
    iam, role = lake.aws.client("iam"), f"{lake.prefix}-sweep"
    for number, (action, operation) in enumerate(NEEDED.items()):
        create(lake, f"c{number}")
        start(lake, f"s{number}")
        stuck(lake, f"w{number}")
        deny = f'{{"Statement": [{{"Effect": "Deny", "Action": "{action}", "Resource": "*"}}]}}'
        iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=deny)
        with pytest.raises(ExceptionGroup) as failure:
            lake.sweep(46, by=action)
        assert {one.operation_name for one in failure.value.exceptions if isinstance(one, ClientError)} == {operation}
        iam.delete_role_policy(RoleName=role, PolicyName="broken")
        lake.sweep(46, by=action)
        assert len(lake.executions(f"s{number}")) == 1
        assert lake.run(f"w{number}").told_stuck.keys() >= {"told_at"}
        assert lake.ledger.batch("activity", f"c{number}").slots
