"""The record of a lake at work: made once in a process of its own, read here."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.parts.roles import Role, needed_roles
from lakehouse.contract.load import pipelines
from tests.iam import grants
from tests.iam.simulation import Request, Statement, matches

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 900
PEOPLE = ("operator", "eraser")


@dataclass(frozen=True)
class Call:
    """A question to a role's policies, as the embedded AWS judged it."""

    role: str
    """Without the prefix. A user counts as the role whose policies it has."""
    request: Request
    allowed: bool


@dataclass(frozen=True)
class Recording:
    """What was asked, of whom, and what was deployed."""

    calls: tuple[Call, ...]
    names: Mapping[str, str]
    """What the placeholders of iam/ with one value stand for."""
    deployed: Mapping[str, list[dict[str, Any]]]
    """Role → its policy documents, as IAM has them."""

    @cached_property
    def roles(self) -> dict[str, Role]:
        """The roles of this checkout."""
        return {role.who: role for role in needed_roles(tuple(pipelines().values()))}

    @cached_property
    def statements(self) -> dict[str, tuple[Statement, ...]]:
        """Role → its statements, as iam/ has them."""
        return {who: grants.policies(role, self.names) for who, role in self.roles.items()}

    def of(self, role: str) -> list[Call]:
        return [call for call in self.calls if call.role == role]


def record(path: Path) -> Recording:
    """Let a lake work, in a process of its own, and read what it asked.

    Raises:
        AssertionError: it did not do what it should; with what it said.
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / one) for one in ("", "lambda", "glue"))}
    command = [sys.executable, "-m", "tests.iam.run", str(path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-8000:]
    return read(path)


def read(path: Path) -> Recording:
    """A record that was made."""
    found = json.loads(path.read_text())
    prefix = found["names"]["Prefix"]
    calls = [
        Call(role, Request(one["action"], one["resource"], one["keys"]), one["allowed"])
        for one in found["calls"]
        if (role := _role(one["who"], prefix)) and not _taken_away(one, role, found["broken"])
    ]
    return Recording(tuple(calls), found["names"], found["roles"])


def _taken_away(call: Mapping[str, Any], role: str, broken: Mapping[str, str]) -> bool:
    """Whether a call was denied only because the story took the right to it away for a while."""
    return not call["allowed"] and role in broken and matches(broken[role], call["action"])


def _role(who: str, prefix: str) -> str | None:
    """The stack's role, or the user that has its policies; none for the administrator and for others' roles."""
    kind, _, name = who.partition("/")
    if kind == "user":
        return name if name in PEOPLE else None
    return name.removeprefix(f"{prefix}-") if name.startswith(f"{prefix}-") else None
