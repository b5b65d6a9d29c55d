"""The lake's time: what EventBridge reads in schedules, and what is fired when time is let pass."""

import calendar
import http.client
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws import EmbeddedAws
from localaws.clock import Clock, Occurrence
from localaws.clock.fields import ScheduleError
from localaws.clock.schedule import Cron, Rate, parse
from tests.quiet import schedules_at_rest

NOON = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
"""A Saturday."""


def next_ones(expression: str, count: int = 3, start: datetime = NOON) -> list[str]:
    moment, found = start.timestamp(), []
    for _ in range(count):
        moment = parse(expression).next_after(moment, 0) or 0
        found.append(f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M}")
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("0 2 * * ? *", ["2026-11-22T02:00", "2026-11-23T02:00", "2026-11-24T02:00"]),
        ("0/15 12 * * ? *", ["2026-11-21T12:15", "2026-11-21T12:30", "2026-11-21T12:45"]),
        ("1/20 * ? * * *", ["2026-11-21T12:01", "2026-11-21T12:21", "2026-11-21T12:41"]),
        ("0 18 ? * MON-FRI *", ["2026-11-23T18:00", "2026-11-24T18:00", "2026-11-25T18:00"]),
        ("0 8 1 * ? *", ["2026-12-01T08:00", "2027-01-01T08:00", "2027-02-01T08:00"]),
        ("0 0 L * ? *", ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-31T00:00"]),
        ("0 0 LW * ? *", ["2026-11-30T00:00", "2026-12-31T00:00", "2027-01-29T00:00"]),
        ("0 0 1W * ? *", ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"]),
        ("0 0 21W NOV ? *", ["2027-11-22T00:00", "2028-11-21T00:00", "2029-11-21T00:00"]),
        ("15 10 ? * 6L *", ["2026-11-27T10:15", "2026-12-25T10:15", "2027-01-29T10:15"]),
        ("0 0 ? * 3#2 *", ["2026-12-08T00:00", "2027-01-12T00:00", "2027-02-09T00:00"]),
        ("0 0 ? * TUE#5 *", ["2026-12-29T00:00", "2027-03-30T00:00", "2027-06-29T00:00"]),
        ("0 0 ? * L *", ["2026-11-28T00:00", "2026-12-05T00:00", "2026-12-12T00:00"]),
        ("0 0 29 FEB ? *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("30 6,18 ? JAN,JUL sun 2027-2028", ["2027-01-03T06:30", "2027-01-03T18:30", "2027-01-10T06:30"]),
    ],
)
def test_a_cron_expression_names_the_minutes_that_aws_documents(fields: str, expected: list[str]) -> None:
    assert next_ones(f"cron({fields})") == expected


def test_a_cron_expression_of_the_past_has_no_next_minute() -> None:
    assert parse("cron(0 0 1 1 ? 2020)").next_after(NOON.timestamp(), 0) is None


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["*", "7", "1-5", "2,6", "MON-WED", "5L", "2#3"]),
    st.sampled_from(["0", "0/20", "5,55"]),
    st.sampled_from(["*", "0-3", "23"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 1), timezones=st.just(UTC)),
)
def test_the_next_minute_is_the_first_that_fits(week: str, minute: str, hour: str, start: datetime) -> None:
    cron = parse(f"cron({minute} {hour} ? * {week} *)")
    assert isinstance(cron, Cron)
    at = start.replace(second=0, microsecond=0)
    for _ in range(60 * 24 * 40):
        at += timedelta(minutes=1)
        if at.hour in cron.hours and at.minute in cron.minutes and _is_day(week, at.date()):
            break
    assert cron.next_after(start.timestamp(), 0) == at.timestamp()


def _is_day(week: str, day: date) -> bool:
    weekday = day.isoweekday() % 7 + 1
    last = day.day + 7 > calendar.monthrange(day.year, day.month)[1]
    fits: dict[str, bool] = {
        "*": True,
        "7": weekday == 7,
        "1-5": weekday <= 5,
        "2,6": weekday in (2, 6),
        "MON-WED": weekday in (2, 3, 4),
        "5L": weekday == 5 and last,
        "2#3": weekday == 2 and 15 <= day.day <= 21,
    }
    return fits[week]


@pytest.mark.parametrize(
    "expression",
    [
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(5 seconds)",
        "rate(5  minutes)",
        "cron(0 2 * * *)",
        "cron(0 2 * * * *)",
        "cron(0 2 ? * ? *)",
        "cron(60 2 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 2 32 * ? *)",
        "cron(0 2 * 13 ? *)",
        "cron(0 2 ? * 8 *)",
        "cron(0 2 ? * MON#6 *)",
        "cron(0 2 ? * 3#1,6#3 *)",
        "cron(0 2 * * ? 1969)",
        "cron(0/0 2 * * ? *)",
        "cron(5-1 2 * * ? *)",
        "cron(0 2 L-3 * ? *)",
        "every day",
        "",
    ],
)
def test_an_expression_that_aws_does_not_document_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        parse(expression)


def test_a_rate_begins_one_period_after_it_was_enabled() -> None:
    rate = parse("rate(1 hour)")
    assert rate == Rate(3600)
    assert [rate.next_after(moment, 1000.0) for moment in (1000.0, 4599.0, 4600.0, 90000.0)] == [
        4600.0,
        4600.0,
        8200.0,
        91000.0,
    ]


class Diary:
    """A source that writes down what was fired, and how far the clock was."""

    def __init__(self, *periods: int) -> None:
        self.fired: list[tuple[str, float]] = []
        self.waited: list[str] = []
        self._periods = periods

    def due(self, after: float) -> list[Occurrence]:
        return [self._occurrence(period, (after // period + 1) * period) for period in self._periods]

    def _occurrence(self, period: int, at: float) -> Occurrence:
        name = f"every {period}"

        def fire() -> list[Callable[[], None]]:
            self.fired.append((name, at))
            return [lambda: self.waited.append(name)]

        return Occurrence(at, name, fire)


def test_time_fires_in_order_and_waits_at_every_moment() -> None:
    diary = Diary(3600, 5400)
    clock = Clock([diary.due])
    start = datetime.fromtimestamp(clock.now() // 86400 * 86400 + 86400, UTC)
    clock.run_until(start)
    diary.fired.clear()
    fired = clock.run_until(start + timedelta(hours=3))
    hours = [(one.name, (one.at - start).total_seconds() / 3600) for one in fired]
    assert hours == [("every 3600", 1), ("every 5400", 1.5), ("every 3600", 2), ("every 3600", 3), ("every 5400", 3)]
    assert [name for name, _ in diary.fired] == [name for name, _ in hours]
    assert len(diary.waited) >= len(hours)
    assert 0 <= clock.now() - (start + timedelta(hours=3)).timestamp() < 5
    assert clock.run_until(start + timedelta(hours=3)) == []


def test_time_may_pass_without_anything_going_off() -> None:
    diary = Diary(3600)
    clock = Clock([diary.due])
    before = clock.now()
    assert clock.advance(7200, fire=False) == []
    assert 7200 <= clock.now() - before < 7205
    assert diary.fired == []
    assert len(clock.advance(3600)) == 1


def test_time_does_not_go_back() -> None:
    clock = Clock([])
    clock.advance(3600)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="has passed"):
        clock.run_until(datetime.now(UTC))
    with pytest.raises(ValueError, match="no time zone"):
        clock.run_until(datetime(2030, 1, 1))


def test_real_time_fires_once_what_becomes_due() -> None:
    diary = Diary(1)
    clock = Clock([diary.due])
    clock.advance(2.5)
    clock.start()
    time.sleep(2.2)
    clock.stop()
    moments = [at for _, at in diary.fired]
    assert moments == [moments[0] + index for index in range(len(moments))]
    assert len(moments) >= 4


@pytest.fixture
def events(aws: EmbeddedAws) -> Iterator[Any]:
    """EventBridge; the rules that a test makes are gone after it, and none but those go off meanwhile."""
    client = aws.client("events")
    with schedules_at_rest(aws):
        yield client
    for rule in client.list_rules(NamePrefix="clock-")["Rules"]:
        targets = client.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if targets:
            client.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets])
        client.delete_rule(Name=rule["Name"])


def queue_of(aws: EmbeddedAws, events: Any, rule: str, expression: str, **target: Any) -> Callable[[], list[Any]]:
    """A rule with a queue as target; a function that takes every message from the queue."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=rule)["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account_id}:{rule}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name=rule, ScheduleExpression=expression)
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn, **target}])

    def take() -> list[Any]:
        found: list[Any] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found

    return take


def test_a_scheduled_event_has_awss_fields(aws: EmbeddedAws, events: Any) -> None:
    take = queue_of(aws, events, "clock-fields", "cron(0 2 * * ? *)")
    aws.clock.advance(86400)
    (event,) = take()
    assert event.pop("id")
    at = datetime.fromisoformat(event.pop("time"))
    assert (at.hour, at.minute, at.second) == (2, 0, 0)
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": aws.account_id,
        "region": aws.region,
        "resources": [f"arn:aws:events:{aws.region}:{aws.account_id}:rule/clock-fields"],
        "detail": {},
    }


def test_input_and_input_transformer_are_honoured(aws: EmbeddedAws, events: Any) -> None:
    constant = queue_of(aws, events, "clock-input", "rate(1 hour)", Input='{"rows": 5}')
    paths = {"InputPathsMap": {"at": "$.time"}, "InputTemplate": '{"time": <at>, "rows": 7}'}
    shaped = queue_of(aws, events, "clock-shaped", "rate(1 hour)", InputTransformer=paths)
    (fired, *_) = [one for one in aws.clock.advance(3600) if one.name == "rule clock-shaped"]
    assert constant() == [{"rows": 5}]
    assert shaped() == [{"time": f"{fired.at:%Y-%m-%dT%H:%M:%SZ}", "rows": 7}]


def test_a_disabled_rule_is_silent_and_counts_anew_when_enabled(aws: EmbeddedAws, events: Any) -> None:
    take = queue_of(aws, events, "clock-disabled", "rate(60 minutes)")
    events.disable_rule(Name="clock-disabled")
    aws.clock.advance(7200 + 1800)
    assert take() == []
    events.enable_rule(Name="clock-disabled")
    aws.clock.advance(3500)
    assert take() == []
    aws.clock.advance(101)
    assert len(take()) == 1


@pytest.mark.parametrize("expression", ["rate(1 minutes)", "cron(0 2 * * * *)", "at(2026-01-01T00:00:00)"])
def test_a_rule_with_a_wrong_schedule_is_refused(events: Any, expression: str) -> None:
    with pytest.raises(events.exceptions.ClientError, match="ScheduleExpression is not valid"):
        events.put_rule(Name="clock-wrong", ScheduleExpression=expression)


def test_a_template_with_a_wrong_schedule_fails(aws: EmbeddedAws) -> None:
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": "clock-stack", "ScheduleExpression": "cron(0 2 * *)"}}
    stacks = aws.client("cloudformation")
    stacks.create_stack(StackName="clock-wrong", TemplateBody=json.dumps({"Resources": {"Rule": rule}}))
    with pytest.raises(WaiterError):
        stacks.get_waiter("stack_create_complete").wait(
            StackName="clock-wrong", WaiterConfig={"Delay": 1, "MaxAttempts": 5}
        )
    reasons = [
        one.get("ResourceStatusReason", "")
        for one in stacks.describe_stack_events(StackName="clock-wrong")["StackEvents"]
    ]
    assert any("ScheduleExpression is not valid: cron(0 2 * *)" in reason for reason in reasons)


def ask(aws: EmbeddedAws, method: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """A request to the clock's endpoint."""
    connection = http.client.HTTPConnection("127.0.0.1", aws.port, timeout=60)
    try:
        connection.request(
            method, "/_lakegate/clock", json.dumps(body), {"Content-Type": "application/json", **headers}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_clock_of_a_process_is_driven_by_http(aws: EmbeddedAws, events: Any) -> None:
    take = queue_of(aws, events, "clock-http", "rate(5 minutes)")
    before = datetime.fromisoformat(ask(aws, "GET")[1]["now"])
    status, answer = ask(aws, "POST", {"advance_seconds": 600})
    assert status == 200
    assert [one["name"] for one in answer["fired"]].count("rule clock-http") == 2
    assert 600 <= (datetime.fromisoformat(answer["now"]) - before).total_seconds() < 660
    assert [event["time"] for event in take()] == [
        one["at"] for one in answer["fired"] if one["name"] == "rule clock-http"
    ]


def test_a_web_page_cannot_drive_the_clock(aws: EmbeddedAws) -> None:
    body = {"advance_seconds": 1}
    assert ask(aws, "POST", body, Origin="https://example.com")[0] == 403
    assert ask(aws, "POST", body, Host="rebound.example.com")[0] == 403
    assert ask(aws, "POST", body, **{"Content-Type": "text/plain"})[0] == 415
    assert ask(aws, "DELETE")[0] == 405
    for wrong in ({}, [], {"advance_seconds": -1}, {"advance_seconds": "5"}, {"advance_seconds": True}):
        assert ask(aws, "POST", wrong)[0] == 400
