"""What repair decides by values alone: which batches, which runs, how many at a time, what a dead letter is about."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lakehouse.contract.load import pipelines
from lakehouse.repair.backfill import Days, batches_to_run, day_of_name, two_at_a_time
from lakehouse.repair.dead_letters import read_letter

PARTITIONED = next(one for one in pipelines().values() if any(table.partition_by for table in one.gold))
WHOLE = next(one for one in pipelines().values() if not any(table.partition_by for table in one.gold))


@pytest.mark.parametrize(
    ("batch", "day"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("shop-2026-01-31T05", date(2026, 1, 31)),
        ("2026-02-31", None),
        ("2026-02-31_2026-03-01", date(2026, 3, 1)),
        ("12026-01-311", None),
        ("20260131", None),
        ("default", None),
    ],
)
def test_a_batch_is_named_by_the_first_day_that_the_calendar_has(batch: str, day: date | None) -> None:
    assert day_of_name(batch) == day


def test_both_ends_are_in_a_range() -> None:
    days = Days(date(2026, 1, 1), date(2026, 1, 3))
    assert [number for number in range(1, 6) if date(2026, 1, number) in days] == [1, 2, 3]


def test_every_batch_of_partitioned_gold_gets_a_run() -> None:
    assert batches_to_run(PARTITIONED, ["a", "b", "c"], frozenset("abc")) == ("a", "b", "c")


def test_one_run_makes_whole_gold_and_what_has_not_ended_well_gets_one_too() -> None:
    assert batches_to_run(WHOLE, ["a", "b", "c"], frozenset("abc")) == ("c",)
    assert batches_to_run(WHOLE, ["a", "b", "c"], frozenset("bc")) == ("a", "c")
    assert batches_to_run(WHOLE, [], frozenset()) == ()


def test_never_more_than_two_run_at_a_time_and_in_order() -> None:
    left, running, most = {"a": 3, "b": 1, "c": 2, "d": 1}, list[str](), list[int]()
    started = list[str]()

    def start(batch: str) -> None:
        started.append(batch)
        running.append(batch)
        most.append(len(running))

    def ended(batch: str) -> str | None:
        left[batch] -= 1
        if left[batch]:
            return None
        running.remove(batch)
        return "published"

    pauses = list[int]()
    ends = list(two_at_a_time("abcd", start, ended, lambda: pauses.append(1)))
    assert started == ["a", "b", "c", "d"]
    assert max(most) == 2
    assert sorted(batch for batch, _ in ends) == ["a", "b", "c", "d"]
    assert pauses


def _message(body: object, **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": "m1",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1769904000000"},
        "MessageAttributes": {name: {"StringValue": value} for name, value in attributes.items()},
    }


ARRIVAL = {"source": "aws.s3", "detail-type": "Object Created"}
ARRIVAL["detail"] = {"bucket": {"name": "lake"}, "object": {"key": "bronze/x/a b.json"}}  # type: ignore[assignment]
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:lake-derive:$LATEST"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:lake-gate"
PUBLISHED = {"source": "lake", "detail-type": "Gold Published"}
PUBLISHED["detail"] = {"pipeline": "p", "batch": "b", "table": "t", "email": "anna@example.com"}  # type: ignore[assignment]


def test_an_arrival_goes_back_to_the_gate_as_it_came() -> None:
    letter, target = read_letter("intake", _message(ARRIVAL), "lake")
    assert (letter.about, letter.kind, letter.goes_to) == ("bronze/x/a b.json", "arrival", "lake-gate")
    assert letter.sent_at == "2026-02-01T00:00:00+00:00"
    assert target is not None
    assert (target.kind, json.loads(target.body)) == ("queue", ARRIVAL)


@pytest.mark.parametrize(("arn", "goes_to"), [(FUNCTION, "lake-derive"), (QUEUE, "lake-gate")])
def test_an_undelivered_event_goes_to_its_target(arn: str, goes_to: str) -> None:
    letter, target = read_letter("events", _message(PUBLISHED, TARGET_ARN=arn, ERROR_CODE="NO_PERMISSIONS"), "lake")
    assert (letter.about, letter.kind, letter.error) == ("p b t", "Gold Published", "NO_PERMISSIONS")
    assert target is not None
    assert (target.name, json.loads(target.body)) == (goes_to, PUBLISHED)


@pytest.mark.parametrize(
    "arn",
    [
        "",
        FUNCTION.replace("lake-", "other-"),
        QUEUE.replace("lake-gate", "lake-gate-dlq"),
        "arn:aws:sns:us-east-1:123456789012:lake-notifications",
    ],
)
def test_what_is_not_ours_gets_nothing(arn: str) -> None:
    letter, target = read_letter("events", _message(PUBLISHED, TARGET_ARN=arn), "lake")
    assert target is None
    assert (letter.goes_to, letter.why_not) == ("", "its target is no queue or function of this lake")


def test_a_failed_call_goes_back_to_its_function_and_no_data_is_shown() -> None:
    record = {
        "requestContext": {"functionArn": FUNCTION, "condition": "RetriesExhausted"},
        "requestPayload": PUBLISHED,
        "responsePayload": {"errorType": "EngineError", "errorMessage": "value anna@example.com is no number"},
    }
    letter, target = read_letter("functions", _message(record), "lake")
    assert (letter.about, letter.kind, letter.error) == ("p b t", "Gold Published", "EngineError")
    assert target is not None
    assert (target.kind, target.name, json.loads(target.body)) == ("function", "lake-derive", PUBLISHED)
    assert "anna" not in repr(letter)


@pytest.mark.parametrize("queue", ["intake", "events", "functions"])
@pytest.mark.parametrize("body", ["", "no json", "[]", "null", '{"a": 1}', '"text"', "12"])
def test_a_message_of_another_kind_is_shown_and_stays(queue: Any, body: str) -> None:
    letter, target = read_letter(queue, _message(body), "lake")
    assert target is None
    assert (letter.kind, letter.why_not) == ("unreadable", "it is not what this queue should hold")
    assert replace(letter, queue="intake").message_id == "m1"
