"""Every workflow definition: each task is retried and caught, each path ends, and a failure is never lost."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint
import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "lakehouse" / "workflow.asl.json", *sorted(ROOT.glob("pipelines/*/workflow.asl.json"))]
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
KNOWN = re.compile(
    r"(Commit|Gold|Publish|Failed|Load|Crawl)FunctionArn|GlueJobName|TopicArn|Workgroup|GoldDatabase|SilverDatabase"
    r"|Crawler_[a-z0-9_]+|Query_[a-z0-9_]+"
)
PASSING = {"Lambda.ServiceException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException"}
"""https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html"""
LONGEST_LAMBDA_SECONDS = 900

State = dict[str, Any]
States = dict[str, State]


@pytest.fixture(params=FILES, ids=lambda file: file.parent.name)
def definition(request: pytest.FixtureRequest) -> State:
    found: State = json.loads(request.param.read_text())
    return found


def tasks(definition: State) -> Iterator[tuple[str, State]]:
    yield from ((name, state) for name, state in definition["States"].items() if state["Type"] == "Task")


def is_lambda(state: State) -> bool:
    return "lambda" in state["Resource"] or state["Resource"].endswith("FunctionArn}")


def followers(state: State) -> set[str]:
    """Every state that may come next."""
    found = [state.get("Next"), state.get("Default")]
    found += [rule["Next"] for rule in [*state.get("Choices", []), *state.get("Catch", [])]]
    return {name for name in found if name}


def test_it_keeps_cfn_lints_rules_for_the_states_language(definition: State) -> None:
    place = Path(cfnlint.__file__).parent / "data" / "schemas" / "other" / "step_functions" / "statemachine.json"
    schema = json.loads(place.read_text())
    arn = "arn:aws:lambda:us-east-1:111122223333:function:made-up"
    text = re.sub(r"\$\{[A-Za-z]+FunctionArn\}", arn, json.dumps(definition))
    jsonschema.validators.validator_for(schema)(schema).validate(json.loads(text))


def test_there_are_definitions_to_look_at() -> None:
    assert len(FILES) >= 3


def test_tasks_of_the_same_name_are_the_same_but_for_what_follows() -> None:
    met: States = {}
    for file in FILES:
        for name, state in tasks(json.loads(file.read_text())):
            said = {key: value for key, value in state.items() if key not in ("Comment", "Next", "End")}
            assert met.setdefault(name, said) == said, f"{name} of {file.parent.name}"


def test_every_state_says_what_it_is_for(definition: State) -> None:
    assert definition["Comment"]
    assert [name for name, state in definition["States"].items() if not state.get("Comment")] == []


def test_every_task_is_retried_caught_and_bounded_in_time(definition: State) -> None:
    for name, state in tasks(definition):
        assert state.get("Retry"), f"{name} is not retried"
        assert [rule["ErrorEquals"] for rule in state.get("Catch", [])] == [["States.ALL"]], f"{name} is not caught"
        assert 0 < state["TimeoutSeconds"] <= definition["TimeoutSeconds"], name


def test_passing_errors_of_lambda_are_retried_by_name_and_any_other_at_the_end(definition: State) -> None:
    for name, state in tasks(definition):
        by_name = {error for rule in state["Retry"][:-1] for error in rule["ErrorEquals"]}
        assert not is_lambda(state) or by_name >= PASSING, name
        assert not is_lambda(state) or state["TimeoutSeconds"] > LONGEST_LAMBDA_SECONDS, name
        assert "States.TaskFailed" in state["Retry"][-1]["ErrorEquals"], name
        assert not is_lambda(state) or "States.Timeout" in state["Retry"][-1]["ErrorEquals"], name
        waits = [rule for rule in state["Retry"] if rule["MaxAttempts"]]
        assert all(rule["JitterStrategy"] == "FULL" and rule["BackoffRate"] > 1 for rule in waits), name


def test_what_fails_is_recorded_and_ends_the_execution_as_failed(definition: State) -> None:
    states: States = definition["States"]
    for name, state in tasks(definition):
        (caught,) = state["Catch"]
        if name == "RecordFailure":
            assert (state["Resource"], state["Next"]) == ("${FailedFunctionArn}", "Failed")
            assert states[caught["Next"]]["Type"] == "Fail"
        else:
            assert caught["Next"] == "RecordFailure", name
            kept = caught.get("ResultPath") or caught.get("Output")
            assert kept in ("$.error", "{% $merge([$states.input, {'error': $states.errorOutput}]) %}"), name
    assert states["Failed"]["ErrorPath"] == "$.error.Error"


def test_every_path_ends_and_every_state_is_on_one(definition: State) -> None:
    states: States = definition["States"]
    seen: set[str] = set()

    def walk(name: str, before: tuple[str, ...]) -> None:
        assert name in states, f"{before[-1:]} goes on to '{name}', which is no state"
        assert name not in before, f"{' → '.join([*before, name])} goes in a circle"
        seen.add(name)
        state, after = states[name], followers(states[name])
        if state["Type"] in ("Succeed", "Fail"):
            assert not after
        else:
            assert bool(state.get("Next") or state.get("Default")) != bool(state.get("End")), f"{name}: Next or End"
        for follower in sorted(after):
            walk(follower, (*before, name))

    walk(definition["StartAt"], ())
    assert seen == set(states)


def test_a_choice_is_never_without_an_answer(definition: State) -> None:
    choices = [state for state in definition["States"].values() if state["Type"] == "Choice"]
    assert all(state["Default"] for state in choices)


def test_every_placeholder_is_known_and_every_waiting_task_hands_its_token_over(definition: State) -> None:
    found = PLACEHOLDER.findall(json.dumps(definition))
    assert [name for name in found if not KNOWN.fullmatch(name)] == []
    for name, state in tasks(definition):
        if state["Resource"].endswith(".waitForTaskToken"):
            assert state["Parameters"]["Payload"]["token.$"] == "$$.Task.Token", name


def test_expressions_lie_only_where_a_failure_of_theirs_is_caught(definition: State) -> None:
    """A JSONata expression may fail while it runs; only a Task, a Map and a Parallel can catch that."""
    wrong = [
        name
        for name, state in definition["States"].items()
        if state.get("QueryLanguage") == "JSONata" and state["Type"] != "Task"
    ]
    assert wrong == []
    assert definition.get("QueryLanguage", "JSONPath") == "JSONPath"


def test_an_overtaken_run_makes_no_gold_and_a_superseded_one_goes_no_further(definition: State) -> None:
    states: States = definition["States"]
    assert {"Variable": "$.overtaken", "BooleanEquals": True, "Next": "Overtaken"} in states[states["Commit"]["Next"]][
        "Choices"
    ]
    after_publish = states["Publish"].get("Next")
    if after_publish:
        superseded = {"Variable": "$.published.outcome", "StringEquals": "superseded", "Next": "Superseded"}
        assert states[after_publish]["Choices"] == [superseded]
    assert {states[name]["Type"] for name in ("Overtaken", "Superseded") if name in states} == {"Succeed"}
