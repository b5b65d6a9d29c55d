"""Kills a real process, with all its threads and children, at one of its write boundaries.

A write boundary is one of its requests to AWS that changes something, seen by the embedded AWS: the process dies when
the request arrives and has no effect, or when it has had its effect and the answer is due.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from localaws.interception import PASS, Decision, Request
from tests.faults.network import READS

Moment = Literal["before", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "after")
_BESIDE_THE_POINT = ("logs", "monitoring")
"""Services that only take down what was said."""
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Victim:
    """Who is to be killed."""

    name: str
    process_ids: Callable[[], Sequence[int]]
    """Those of it that run now."""
    leads_group: bool = False
    """The process leads a group, which dies with it."""

    def sender(self, request: Request) -> int | None:
        """The one of them that sent a request: it has the caller's credentials, and the connection is its own.

        All workers of a function have the same credentials, and all processes of a group are one.
        """
        key = request.access_key_id
        able = [one for one in self.process_ids() if key and key in _environment(one)]
        if len(able) < 2 or self.leads_group or not request.client_port:
            return next(iter(able), None)
        sockets = _sockets(request.client_port)
        return next((one for one in able if sockets & _open_files(one)), None)

    def kill(self, process_id: int) -> None:
        """SIGKILL, and wait until nothing of it runs."""
        members = _group(process_id) if self.leads_group else [process_id]
        (os.killpg if self.leads_group else os.kill)(process_id, signal.SIGKILL)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(map(_runs, members)):
            assert time.monotonic() < deadline, f"{self.name}: some of {members} survived SIGKILL"
            time.sleep(0.001)


@dataclass
class Killer:
    """An interceptor: kills the victim at its write number `at`, counted from 1; only counts where that is 0."""

    victim: Victim
    at: int = 0
    moment: Moment = "before"
    writes: list[str] = field(default_factory=list)
    """`service:Operation` of each, in the order of their arrival."""
    killed: int | None = None
    """The process that died."""

    def __call__(self, request: Request) -> Decision:
        if not is_write(request) or self.killed is not None:
            return PASS
        sender = self.victim.sender(request)
        if sender is None:
            return PASS
        self.writes.append(f"{request.service}:{request.operation}")
        if len(self.writes) != self.at:
            return PASS
        if self.moment == "before":
            return Decision(effect=False, answer=False, before=lambda: self._kill(sender))
        return Decision(answer=False, after=lambda _: self._kill(sender))

    def _kill(self, process_id: int) -> None:
        self.victim.kill(process_id)
        self.killed = process_id


def is_write(request: Request) -> bool:
    """Whether a request may change what others see."""
    return request.service not in _BESIDE_THE_POINT and not request.operation.startswith(READS)


def _sockets(port: int) -> set[str]:
    """The sockets with a local port, as they are called in a process's files. See proc_pid_net(5)."""
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    fields = [line.split() for line in lines]
    return {f"socket:[{one[9]}]" for one in fields if int(one[1].rpartition(":")[2], 16) == port}


def _open_files(process_id: int) -> set[str]:
    """What a process's descriptors stand for; nothing once it is gone."""
    found = set()
    try:
        for entry in Path(f"/proc/{process_id}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found.add(str(entry.readlink()))
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return found


def _environment(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/environ").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _group(leader: int) -> list[int]:
    """The processes of a group."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _stat(int(entry.name))[2:3] == [str(leader)]:
            members.append(int(entry.name))
    return members


def _runs(process_id: int) -> bool:
    """A zombie does not: it waits for its parent to look."""
    return _stat(process_id)[:1] not in ([], ["Z"], ["X"])


def _stat(process_id: int) -> list[str]:
    """State, parent, process group, …; nothing once it is gone. See proc(5)."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
