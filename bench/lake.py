"""The lake itself as a measured program: a fresh one in a folder of its own, worked through the `lake` command."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import BenchError, PeakMemory

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Lake:
    """A running lake and the peak memory of its processes so far, bytes by kind (`spark driver`, `gate worker`)."""

    home: Path
    port: int
    peaks: dict[str, int] = field(default_factory=dict)

    def json(self, *arguments: str) -> Any:
        """What a `lake … --json` command answers.

        Raises:
            BenchError: the command failed.
        """
        return json.loads(self._run(*arguments, "--json"))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli" / "__main__.py"), *arguments],
            env={**os.environ, "LAKE_HOME": str(self.home), "LAKE_PORT": str(self.port)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"lake {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return done.stdout


@contextmanager
def fresh_lake(folder: Path, data: Path) -> Iterator[Lake]:
    """A lake with nothing in it, stopped and removed at the end. `data` is where it finds sample files."""
    home = folder / "lake"
    home.mkdir(parents=True)
    (home / "data").symlink_to(data)
    lake = Lake(home, _free_port())
    try:
        lake._run("up")
        daemon = int(json.loads((home / "server.json").read_text())["pid"])
        with PeakMemory(daemon, kind_of_process) as memory:
            lake.peaks = memory.peaks
            yield lake
    finally:
        lake._run("down")
        shutil.rmtree(home)


def kind_of_process(command_line: str) -> str | None:
    """Which figure a process of the embedded AWS counts for."""
    if "org.apache.spark.deploy.SparkSubmit" in command_line:
        return "spark driver"
    if "_worker.py" in command_line and "lakegate-gate-" in command_line:
        return "gate worker"
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
