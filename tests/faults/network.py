"""Faults between the product and AWS, at HTTP, so that boto3, delta-rs and Spark meet them alike.

A *container* is one access key: what a Lambda container or a job has. An *attempt* is one invocation in it. Each HTTP
request of an attempt is a boundary with a number; a plan says at which numbers which kind of fault strikes. After a
crash the attempt is dead: nothing that it does any more reaches AWS, and what it answers nobody hears.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from localaws.interception import (
    HANG_UP,
    LOSE_ANSWER,
    PASS,
    Answer,
    Decision,
    Request,
    service_error,
    throttled,
)

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = tuple(f"{ROOT}/{folder}/" for folder in ("lakehouse", "lambda", "glue"))
SITE_HEADER = "x-call-site"

CRASHES = ("crash_before", "crash_after")
KINDS = (*CRASHES, "lost", "throttled", "error")
"""The process dies before the request reaches AWS, or after its effect; the answer is lost after the effect, and the
SDK may repeat; AWS throttles; AWS answers with an internal error."""
READS = ("Get", "Head", "List", "Describe", "Query", "Scan", "BatchGet", "Select", "Decrypt", "GenerateDataKey")
"""How operations begin that change nothing. Whatever else is a write, a new call too."""


@dataclass(frozen=True)
class Call:
    """One request of an attempt, and what it met."""

    service: str
    operation: str
    site: str
    """`<file>:<function>` of the product's innermost frame."""
    fault: str | None = None

    @property
    def boundary(self) -> str:
        return f"{self.site} {self.operation}"

    @property
    def writes(self) -> bool:
        return not self.operation.startswith(READS)


@dataclass
class Attempt:
    """One invocation."""

    plan: Mapping[int, str] = field(default_factory=dict)
    """Kind of fault by number of the request, from 0."""
    at: Mapping[str, str] = field(default_factory=dict)
    """Kind of fault by operation: its first request meets it."""
    lasting: bool = False
    """The fault that is no crash strikes every request from its number on: the SDK's repeats do not help."""
    calls: list[Call] = field(default_factory=list)
    dead: bool = False
    thread: int = field(default_factory=threading.get_ident)
    pause_at: int | None = None
    """Before its boto3 request of this number, counted from 0 in the attempt's own thread, something else happens."""
    meanwhile: Callable[[], None] | None = None
    sent: int = 0
    waiting_in: str = "?"
    """Where it waited last for a request that boto3 has not made."""
    paused: bool = False
    """Other things did happen in the middle of it."""

    @property
    def faults(self) -> list[Call]:
        return [call for call in self.calls if call.fault]

    def meet(self, request: Request) -> Decision:
        """What happens to the attempt's next request."""
        if self.dead:
            return HANG_UP
        kind = self._kind(len(self.calls), request.operation)
        self.calls.append(Call(request.service, request.operation, self._site(request), kind))
        if kind in CRASHES:
            self.dead = True
        match kind:
            case "crash_before":
                return HANG_UP
            case "crash_after" | "lost":
                return LOSE_ANSWER
            case "throttled":
                return throttled(request)
            case "error":
                return service_error(request)
        return PASS

    def _site(self, request: Request) -> str:
        """Where in the product a request came from. Requests of delta-rs, Spark and boto3's transfers come from threads
        of their own, while the attempt's thread waits in the call; delta-rs may still read when it has moved on."""
        if SITE_HEADER in request.headers:
            return request.headers[SITE_HEADER]
        frame = sys._current_frames().get(self.thread)
        if not _is_sending(frame):
            self.waiting_in = innermost(frame) or self.waiting_in
        return self.waiting_in

    def _kind(self, number: int, operation: str) -> str | None:
        if operation in self.at and all(call.operation != operation for call in self.calls):
            return self.at[operation]
        if self.lasting:
            return next((kind for start, kind in self.plan.items() if number >= start), None)
        return self.plan.get(number)


Heard = Callable[[Request, Answer, Attempt], None]
"""Told of every request of a container that had an effect, with AWS's answer, in the server's thread."""


class Network:
    """The interceptor: knows which attempt runs in which container."""

    def __init__(self) -> None:
        self.attempts: dict[str, Attempt] = {}
        self.heard: Heard | None = None
        self.running: list[Attempt] = []
        """The attempts of the driver's thread, one inside the other."""
        self.gold_touched = False
        """Something of a container may have changed gold, or what the catalog says of it."""

    def __call__(self, request: Request) -> Decision:
        attempt = self.attempts.get(request.access_key_id)
        if attempt is None:
            return PASS
        decision = attempt.meet(request)
        self.gold_touched = self.gold_touched or (decision.effect and touches_gold(request))
        heard = self.heard
        if heard is None or not decision.effect or decision.refusal is not None or request.service == "s3":
            return decision
        return Decision(answer=decision.answer, after=lambda answer: heard(request, answer, attempt))

    @contextmanager
    def attempt(self, access_key_id: str, attempt: Attempt) -> Iterator[Attempt]:
        """Requests of the key belong to the attempt."""
        before = self.attempts.get(access_key_id)
        self.attempts[access_key_id] = attempt
        self.running.append(attempt)
        try:
            yield attempt
        finally:
            self.running.pop()
            if before is None:
                del self.attempts[access_key_id]
            else:
                self.attempts[access_key_id] = before

    def before_send(self, request: Any, **_: Any) -> None:
        """botocore's hook: the request tells which function of the product made it; other things may happen first."""
        found = innermost(sys._getframe())
        if found:
            request.headers[SITE_HEADER] = found
        attempt = self.running[-1] if self.running else None
        if attempt is None or attempt.thread != threading.get_ident():
            return
        number, attempt.sent = attempt.sent, attempt.sent + 1
        if number == attempt.pause_at and attempt.meanwhile is not None and not attempt.dead:
            attempt.paused = True
            attempt.meanwhile()


def touches_gold(request: Request) -> bool:
    """Whether readers of gold may see something else after a request."""
    if request.service == "s3":
        of_gold = any(f"/{folder}/" in request.path for folder in ("gold", "exports")) or "delete" in request.query
        return of_gold and request.method not in ("GET", "HEAD")
    return request.service == "glue" and not request.operation.startswith(("Get", "BatchGet"))


def _is_sending(frame: FrameType | None) -> bool:
    """Whether a thread is in the middle of a request of boto3's."""
    while frame is not None:
        if frame.f_code.co_filename.endswith("botocore/endpoint.py"):
            return True
        frame = frame.f_back
    return False


def innermost(frame: FrameType | None) -> str | None:
    """The product's innermost function on a stack, functions inside functions by the outermost name."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(PRODUCT):
            function = frame.f_code.co_qualname.partition(".<locals>")[0]
            return f"{Path(file).relative_to(ROOT)}:{function}"
        frame = frame.f_back
    return None
