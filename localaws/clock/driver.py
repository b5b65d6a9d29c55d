"""The clock itself: it asks its sources what is due and fires it, in real time and when told to let time pass."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

logger = logging.getLogger("localaws.clock")

Wait = Callable[[], None]
"""Returns when what was fired has reached its target: a function has run once, a crawler has started, …"""
_LOOKS_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Occurrence:
    """Something due at a moment (seconds since 1970)."""

    at: float
    name: str
    fire: Callable[[], list[Wait]]


@dataclass(frozen=True)
class Fired:
    """What was fired, and the moment it stood for."""

    at: datetime
    name: str


Source = Callable[[float], list[Occurrence]]
"""The next occurrence of each of a kind of schedules after a moment."""
Observer = Callable[[], None]
"""Told whenever time has passed or something was fired."""


class Clock:
    """The lake's time: real time plus what was let pass. Everything up to one moment has been fired, nothing after."""

    def __init__(self, sources: Sequence[Source], observers: Sequence[Observer] = ()) -> None:
        self._sources = sources
        self._observers = observers
        self._ahead_seconds = 0.0
        self._done_until = time.time()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._held = False
        self._thread: threading.Thread | None = None

    def now(self) -> float:
        """The lake's time in seconds since 1970."""
        return time.time() + self._ahead_seconds

    def advance(self, seconds: float, fire: bool = True) -> list[Fired]:
        """Let so much time pass; what was fired meanwhile, once all of it has reached its targets.

        Without `fire` everything only grows older: what was due meanwhile is never fired.

        Raises:
            ValueError: time cannot go back.
        """
        if seconds < 0:
            raise ValueError(f"Time cannot go back by {-seconds} seconds")
        with self._lock:
            if not fire:
                self._done_until = max(self._done_until, self.now() + seconds)
            return self._run(self.now() + seconds)

    def run_until(self, moment: datetime) -> list[Fired]:
        """Let time pass until a moment; see `advance`.

        Raises:
            ValueError: the moment has passed, or has no time zone.
        """
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone")
        with self._lock:
            if moment.timestamp() < self._done_until:
                raise ValueError(f"{moment} has passed: it is {datetime.fromtimestamp(self.now(), UTC)}")
            return self._run(moment.timestamp())

    def start(self) -> None:
        """Fire from now on what becomes due in real time."""
        self._done_until = self.now()
        self._thread = threading.Thread(target=self._live, name="localaws-clock", daemon=True)
        self._thread.start()

    def hold(self) -> None:
        """From now on fire nothing by itself: what becomes due in real time is never fired, until time is let pass."""
        self._held = True

    def stop(self) -> None:
        """Fire nothing more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _live(self) -> None:
        while not self._stop.wait(_LOOKS_EVERY_SECONDS):
            with self._lock:
                now = self.now()
                while not self._held and (group := self._next(now)):
                    self._fire(group)
                self._done_until = max(self._done_until, now)

    def _run(self, until: float) -> list[Fired]:
        fired = []
        while group := self._next(until):
            self._move_to(group[0].at)
            for wait in self._fire(group):
                wait()
            self._tell()
            fired += [Fired(datetime.fromtimestamp(one.at, UTC), one.name) for one in group]
        self._move_to(until)
        self._done_until = max(self._done_until, until)
        return fired

    def _next(self, until: float) -> list[Occurrence]:
        """What is due next, all of the same moment, but not after `until`."""
        due = [one for source in self._sources for one in source(self._done_until) if one.at <= until]
        first = min((one.at for one in due), default=0.0)
        return [] if self._stop.is_set() else [one for one in due if one.at == first]

    def _fire(self, group: list[Occurrence]) -> list[Wait]:
        self._done_until = group[0].at
        waits = []
        for one in group:
            logger.debug("%s is due", one.name)
            waits += one.fire()
        return waits

    def _move_to(self, moment: float) -> None:
        """Observers are told before, too: what they have not seen yet must be of the time that now passes."""
        self._tell()
        self._ahead_seconds = max(self._ahead_seconds, moment - time.time())
        self._tell()

    def _tell(self) -> None:
        for observer in self._observers:
            observer()
