"""Runs the tools of `.venv-security`, which `make security` sets up."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from security.findings import SecurityError

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv-security" / "bin"
_MINUTES = 10


def run(
    name: str,
    arguments: Sequence[str | Path],
    may_end_with: Sequence[int] = (0,),
    cwd: Path = ROOT,
    given: str = "",
) -> str:
    """Standard output of a tool; `given` is its standard input.

    Raises:
        SecurityError: it is not there, or ended with another code than `may_end_with`; says what it printed.
    """
    binary = BIN / name
    if not binary.is_file():
        raise SecurityError(f"{name} is not in .venv-security: run `make setup-security`")
    # its own folder first: some tools start others by name
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    done = subprocess.run(
        [binary, *arguments],
        cwd=cwd,
        env={**os.environ, "PATH": path},
        input=given,
        capture_output=True,
        text=True,
        timeout=_MINUTES * 60,
        check=False,
    )
    if done.returncode not in may_end_with:
        raise SecurityError(f"{name} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def run_json(
    name: str,
    arguments: Sequence[str | Path],
    may_end_with: Sequence[int] = (0,),
    cwd: Path = ROOT,
    given: str = "",
) -> Any:
    """The same for a tool that prints JSON."""
    printed = run(name, arguments, may_end_with, cwd, given)
    try:
        return json.loads(printed)
    except json.JSONDecodeError as error:
        raise SecurityError(f"{name} printed no JSON: {error}: {printed[:500]!r}") from error
