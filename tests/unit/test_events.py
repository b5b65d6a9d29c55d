"""SQS messages as AWS sends them, read into what they say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import EventError
from lakehouse.events import Ignored, ObjectCreated, messages, parse
from lakehouse.gate.messages import handle_messages

BUCKET = "lakegate-lake-123456789012"
KEY = "bronze/activity/users/2026-11-20/a b+c %41 ü.json"


def recorded(name: str) -> dict[str, Any]:
    """A recorded Lambda event of tests/events/."""
    document: dict[str, Any] = json.loads((Path(__file__).parents[1] / "events" / f"{name}.json").read_text())
    return document


def said(name: str) -> tuple[ObjectCreated | Ignored, ...]:
    return tuple(found for message in messages(recorded(name)) for found in parse(message.body))


def test_eventbridge_keys_are_taken_as_they_are() -> None:
    assert said("eventbridge_object_created") == (ObjectCreated(BUCKET, KEY),)


def test_s3_keys_are_url_decoded_and_removals_ignored() -> None:
    created, multipart, removed = said("s3_notification")
    assert created == ObjectCreated(BUCKET, KEY)
    assert multipart == ObjectCreated(BUCKET, "bronze/activity/events.json")
    assert isinstance(removed, Ignored)
    assert removed.key == "bronze/activity/orders.json"


@pytest.mark.parametrize("name", ["s3_test_event", "eventbridge_object_deleted"])
def test_what_brings_no_object_is_ignored_with_a_reason(name: str) -> None:
    [found] = said(name)
    assert isinstance(found, Ignored)
    assert found.why


def test_an_event_from_elsewhere_is_an_error() -> None:
    with pytest.raises(EventError, match=r"my\.app"):
        said("eventbridge_foreign")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "{}",
        '{"Event": "s3:Other"}',
        '{"detail-type": "Object Created"}',
        '{"detail-type": "Object Created", "source": "aws.s3", "detail": {}}',
        '{"Records": [{}]}',
        '{"Records": {}, "x": 1, "Event": "s3:TestEvent"}[',
        '{"Records": [{"eventSource": "aws:sns", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": "k"}}}]}',
        '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",'
        ' "s3": {"bucket": {"name": "b"}, "object": {"key": "%ff"}}}]}',
    ],
)
def test_what_is_not_understood_is_an_error(body: str) -> None:
    with pytest.raises(EventError):
        parse(body)


@pytest.mark.parametrize("event", [{}, {"Records": [{}]}, {"Records": None}, {"detail-type": "Object Created"}])
def test_a_lambda_event_that_is_no_sqs_event_is_an_error(event: dict[str, Any]) -> None:
    with pytest.raises(EventError, match="no SQS event"):
        messages(event)


def three_messages() -> dict[str, Any]:
    one = recorded("eventbridge_object_created")["Records"][0]
    return {"Records": [{**one, "messageId": f"m{number}"} for number in (1, 2, 3)]}


def failing_on(*failing: str) -> Callable[[ObjectCreated, str], None]:
    def handle(created: ObjectCreated, message_id: str) -> None:
        assert created == ObjectCreated(BUCKET, KEY)
        if message_id in failing:
            raise PermissionError(f"no right in {message_id}")

    return handle


def test_only_messages_that_fail_are_delivered_again_and_the_error_is_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert handle_messages(three_messages(), failing_on()) == {"batchItemFailures": []}
    assert handle_messages(three_messages(), failing_on("m2")) == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    [line] = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["event"], line["message_id"]) == ("message_failed", "m2")
    assert "PermissionError: no right in m2" in line["traceback"]
    assert "in handle" in line["traceback"]


def test_an_invocation_whose_messages_all_fail_fails_itself() -> None:
    with pytest.raises(ExceptionGroup) as failure:
        handle_messages(three_messages(), failing_on("m1", "m2", "m3"))
    assert [type(one) for one in failure.value.exceptions] == [PermissionError] * 3


def test_a_message_that_is_not_understood_does_not_hold_up_the_others() -> None:
    event = three_messages()
    event["Records"][0]["body"] = "what"
    seen = []
    answer = handle_messages(event, lambda created, message_id: seen.append(message_id))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert seen == ["m2", "m3"]


def test_what_is_ignored_succeeds() -> None:
    assert handle_messages(recorded("s3_test_event"), failing_on()) == {"batchItemFailures": []}
