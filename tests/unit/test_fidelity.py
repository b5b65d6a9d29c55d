"""docs/fidelity.md names every AWS call that the project may make: what the embedded AWS does with it is written."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "fidelity.md").read_text()
ACTION = re.compile(r"[a-z0-9-]+:[A-Z*][A-Za-z*]+")


def granted() -> set[str]:
    """Every action that some policy allows."""
    statements = [one for path in (ROOT / "iam").glob("*.json") for one in json.loads(path.read_text())["Statement"]]
    actions = [one["Action"] if isinstance(one["Action"], list) else [one["Action"]] for one in statements]
    return {action for some in actions for action in some}


def described() -> dict[str, str]:
    """Action → what its line says of it."""
    lines = [line.split("|") for line in PAGE.splitlines() if line.startswith("|")]
    return {action: cells[2].strip() for cells in lines for action in ACTION.findall(cells[1])}


def test_every_granted_action_is_described() -> None:
    assert sorted(granted() - described().keys()) == []


def test_nothing_is_described_that_nobody_may_do() -> None:
    assert sorted(described().keys() - granted()) == []


def test_every_line_says_how_true_it_is() -> None:
    assert set(described().values()) <= {"same", "simplified", "not checked"}
