"""Figures of whole processes, from the operating system: wall seconds, and peak memory by kind of process."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

POLL_SECONDS = 0.1
PROC = Path("/proc")


class BenchError(Exception):
    """A measured command failed; the message ends with what it printed."""


@dataclass(frozen=True)
class Sample:
    """One command, run once."""

    seconds: float
    peak_bytes: int
    """Peak resident memory of the largest process below the command."""
    output: str
    """Its standard output."""


@dataclass
class PeakMemory:
    """Watches the processes below a root while it runs (Linux): the peak resident bytes of the largest of each kind.

    The kernel keeps the peak (VmHWM) itself, so a short spike between two looks is seen as long as the process lives.
    """

    root: int
    kind_of: Callable[[str], str | None]
    """Command line → kind, None for processes that do not count."""
    peaks: dict[str, int] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "PeakMemory":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            for pid in below(self.root):
                kind = self.kind_of(_text(pid, "cmdline").replace("\0", " "))
                peak = _peak_bytes(_text(pid, "status"))
                if kind and peak:
                    self.peaks[kind] = max(peak, self.peaks.get(kind, 0))


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> Sample:
    """Run a command to its end.

    Raises:
        BenchError: it failed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with PeakMemory(process.pid, lambda command_line: "any") as memory:
        output, errors = process.communicate()
    seconds = time.monotonic() - started
    if process.returncode:
        raise BenchError(f"{' '.join(command)} ended with {process.returncode}:\n{(output + errors)[-3000:]}")
    return Sample(seconds, memory.peaks.get("any", 0), output)


def below(root: int) -> list[int]:
    """The root process and all its descendants that are alive."""
    parents = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            stat = _text(int(entry.name), "stat")
            if stat:
                # The name in parentheses may hold anything; the parent is the second field after it.
                parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return sorted(family)


def _text(pid: int, name: str) -> str:
    """A file of a process, empty when the process has ended."""
    try:
        return (PROC / str(pid) / name).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _peak_bytes(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
