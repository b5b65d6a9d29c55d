"""Much is changed only by somebody who said so."""

import io
import json
import sys

import pytest
from template_world import FUNCTIONS, RESOURCES

from cli.consent import MANY, ask_before
from cli.errors import CliError
from deploy.parts.names import logical_id


class Terminal(io.StringIO):
    """A person who types this."""

    def isatty(self) -> bool:
        return True


def test_little_is_done_without_asking() -> None:
    ask_before(MANY, "do ten things", yes=False)
    ask_before(1000, "do a thousand things", yes=True)


def test_with_nobody_to_ask_much_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(CliError, match="This would do eleven things, and there is nobody to ask") as refused:
        ask_before(MANY + 1, "do eleven things", yes=False)
    assert "--yes" in refused.value.hint


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_a_person_may_say_no(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    with pytest.raises(CliError, match="Nothing was changed"):
        ask_before(MANY + 1, "do eleven things", yes=False)


def test_a_person_may_say_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    ask_before(MANY + 1, "do eleven things", yes=False)


def test_the_operator_may_give_an_event_back_to_every_function_that_nobody_waits_for() -> None:
    policies = RESOURCES[logical_id("operator", "role")]["Properties"]["Policies"]
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    allowed = json.dumps([one["Resource"] for one in statements if "lambda:InvokeFunction" in one["Action"]])
    for function in FUNCTIONS:
        named = f':function:${{Prefix}}-{function.who}"' in allowed
        assert named == function.asynchronous, function.who
