"""Work in several lanes, of which one takes one step at a time, in an order drawn from a seed.

A step ends before the lane's next AWS call, so every order of the calls can happen and each can be had again by its
seed. Between two calls a lane has the process to itself.
"""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 60


@dataclass
class Lane:
    """One of those that take turns. It stops in `pause` until it is its turn."""

    number: int
    arrivals: "SimpleQueue[tuple[int, str | None]]"
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def pause(self, before: str) -> None:
        """Wait for the next turn. At most one thread of a lane may do so at a time."""
        self.arrivals.put((self.number, before))
        assert self.go.acquire(timeout=PATIENCE_SECONDS), f"lane {self.number} got no turn before {before}"


class Turns:
    """Lanes that begin when all are there and take turns until all are done."""

    def __init__(self, lanes: int) -> None:
        self._arrivals: SimpleQueue[tuple[int, str | None]] = SimpleQueue()
        self.lanes = [Lane(number, self._arrivals) for number in range(lanes)]
        self.free = False
        """Nobody waits: the lanes run as threads do."""

    def hook(self, lane: int, clients: dict[str, Any]) -> dict[str, Any]:
        """Let a lane stop before every call of these clients."""

        def before(model: Any, **_: Any) -> None:
            if not self.free:
                self.lanes[lane].pause(model.name)

        for client in clients.values():
            client.meta.events.register("before-call.*.*", before)
        return clients

    def run(self, work: Sequence[Callable[[], T]], seed: str) -> tuple[list[T], list[tuple[int, str]]]:
        """Do each piece of work in its lane; their results and the order of the steps: (lane, before which call).

        Raises what the first lane that failed raised.
        """
        rng = random.Random(seed)
        found: list[Any] = [None] * len(work)
        failures: list[BaseException] = []

        def one(number: int) -> None:
            try:
                self.lanes[number].pause("begin")
                found[number] = work[number]()
            except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
                failures.append(error)
            finally:
                self._arrivals.put((number, None))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(len(work))]
        for thread in threads:
            thread.start()
        steps = self._take_turns(len(work), rng)
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return found, steps

    def _take_turns(self, running: int, rng: random.Random) -> list[tuple[int, str]]:
        """Some lanes are drawn more often than others, and which ones changes now and then: so now all go abreast, now
        one overtakes the others from start to end, now one sleeps until all others are done."""
        waiting: dict[int, str] = {}
        steps: list[tuple[int, str]] = []
        haste = rng.choice((0.0, 1.0, 3.0))
        weights = [rng.lognormvariate(0, haste) for _ in self.lanes]
        while running:
            while len(waiting) < running:
                number, before = self._next_arrival(steps)
                if before is None:
                    running -= 1
                else:
                    waiting[number] = before
            if not waiting:
                break
            if rng.random() < 0.02:
                weights = [rng.lognormvariate(0, haste) for _ in self.lanes]
            able = sorted(waiting)
            chosen = rng.choices(able, [weights[number] for number in able])[0]
            steps.append((chosen, waiting.pop(chosen)))
            self.lanes[chosen].go.release()
        return steps

    def _next_arrival(self, steps: list[tuple[int, str]]) -> tuple[int, str | None]:
        try:
            return self._arrivals.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise AssertionError(f"a lane hangs; the last steps were {steps[-20:]}") from None
