"""What a workflow's failure state hands over, read and put into words."""

import json

import pytest

from lakehouse.errors import EventError
from lakehouse.runs import RunFailure, about_failure, failure_of

PLAN = {"pipeline": "activity", "batch": "b1", "run_id": "activity-b1-00", "generation": 3, "manifest_hash": "m"}
OF_LAMBDA = {"errorType": "SilverError", "errorMessage": "Table users: no", "stackTrace": ["…"]}
OF_GLUE = {"JobName": "lakegate-activity-gold", "JobRunState": "FAILED", "ErrorMessage": "EngineError: no key"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"Error": "SilverError", "Cause": json.dumps(OF_LAMBDA)}, ("SilverError", "Table users: no")),
        ({"Error": "Runtime.X", "Cause": json.dumps(OF_LAMBDA)}, ("Runtime.X (SilverError)", "Table users: no")),
        ({"Error": "States.TaskFailed", "Cause": json.dumps(OF_GLUE)}, ("States.TaskFailed", "EngineError: no key")),
        ({"Error": "States.Timeout"}, ("States.Timeout", "")),
        ({"Error": "Other", "Cause": "plain words"}, ("Other", "plain words")),
        ({"Error": "Other", "Cause": "[1]"}, ("Other", "[1]")),
    ],
)
def test_the_failure_is_read_from_every_kind_of_cause(error: dict[str, str], expected: tuple[str, str]) -> None:
    assert failure_of({**PLAN, "error": error}) == RunFailure("activity", "b1", "activity-b1-00", *expected)


@pytest.mark.parametrize("event", [{}, PLAN, {**PLAN, "error": "text"}, {"error": {"Error": "E"}, "pipeline": "a"}])
def test_an_input_that_lacks_something_is_an_error(event: dict[str, object]) -> None:
    with pytest.raises(EventError, match=r"expected|Expected"):
        failure_of(event)


def test_the_message_names_run_and_error_but_quotes_nothing() -> None:
    failure = RunFailure("activity", "b1", "activity-b1-00", "States.TaskFailed (ValueError)", "anna@example.org")
    letter = about_failure(failure)
    assert "activity-b1-00" in letter.text
    assert "States.TaskFailed (ValueError)" in letter.subject
    assert "anna" not in f"{letter.subject}{letter.text}{letter.details}"
    assert letter.id == about_failure(failure).id


def test_a_failure_after_the_publishing_says_what_readers_see() -> None:
    failure = RunFailure("activity", "b1", "activity-b1-00", "CrawlerFailed", "no such place")
    assert "is as it was before" in about_failure(failure).text
    assert "is this run's; a later step failed" in about_failure(failure, published=True).text
