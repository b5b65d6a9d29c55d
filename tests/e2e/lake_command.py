"""The `lake` command as a person has it: a process of its own, with a lake of its own on a free port."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True)
class LakeCommand:
    """Runs `lake …` for one lake folder."""

    home: Path
    port: int
    checkout: Path = ROOT
    """Whose code and contracts it is."""
    columns: int = 120

    def __call__(self, *arguments: str, port: int | None = None) -> Result:
        """Run to the end, whatever its exit code. Its output is no terminal."""
        lake = {"LAKE_HOME": str(self.home), "LAKE_PORT": str(port or self.port), "COLUMNS": str(self.columns)}
        command = [sys.executable, str(self.checkout / "cli"), *arguments]
        done = subprocess.run(command, env=os.environ | lake, capture_output=True, text=True, timeout=280)
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> Any:
        """The JSON document of a command that must succeed."""
        result = self(*arguments, "--json")
        assert result.code == 0, result.err
        assert "Traceback" not in result.err
        return result.json


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
