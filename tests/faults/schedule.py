"""Schedules of what happens to a lake, drawn by Hypothesis, and what becomes of a lake under one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.faults import tally
from tests.faults.contents import KINDS as CONTENTS
from tests.faults.contents import MARKER, content
from tests.faults.driver import TYPICAL_CALLS, Driver, Execution
from tests.faults.invariants import check
from tests.faults.network import CRASHES, KINDS, Attempt
from tests.faults.reader import Violation
from tests.faults.world import Cloud, World

DAYS = ("2026-01-01", "2026-01-02")
NEEDED = {"stall": ("sales/{}/a.ndjson", "returns/{}/a.ndjson", "returns/{}/_SUCCESS"), "kiosk": ("sold/{}/a.ndjson",)}
MORE = {"stall": ("sales/{}/b.ndjson",), "kiosk": ("sold/{}/b.ndjson",)}


@dataclass(frozen=True)
class Fault:
    """A kind of fault at a place in an invocation."""

    kind: str
    percent: int
    """Of the requests that such an invocation usually makes."""
    lasting: bool = False


@dataclass(frozen=True)
class Action:
    """One thing that happens, if it can; `pick` says to which of those that it may happen to."""

    what: str
    pick: int = 0
    content: str = "clean"
    number: int = 0
    fault: Fault | None = None
    second: Fault | None = None
    meanwhile: "Action | None" = None
    """Happens in the middle of it, `percent` of the way."""
    percent: int = 0


@dataclass(frozen=True)
class Schedule:
    """What happens, in this order."""

    pipeline: str
    actions: tuple[Action, ...]
    order: int
    """Seed of the order in which the rest is delivered."""


DELIVERIES = ("deliver",) * 3 + ("step",) * 4 + ("derive", "deliver_again", "repeat", "derive_again")


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A batch's files arrive in some order; then uploads, deliveries and steps, many of which fail.

    Hypothesis draws the seed of a generator for the rest: its own choices keep close to the simplest, ours need not.
    """
    rng = draw(st.randoms(use_true_random=True))
    pipeline = rng.choice(sorted(NEEDED))
    days = 1 + (rng.random() < 0.4)  # two batches whose runs overlap
    first = list(range(days * len(NEEDED[pipeline])))
    rng.shuffle(first)
    arrivals = [Action("upload", pick, rng.choice(["clean", *CONTENTS]), rng.randrange(4)) for pick in first]
    rest = [_action(rng) for _ in range(rng.randint(5, 9))]
    return Schedule(pipeline, (*arrivals, *rest), rng.randrange(1000))


def _action(rng: Random) -> Action:
    what = rng.choices(["upload", "storm", "deliver"], [2, 1, 9])[0]
    content, number = rng.choice(["clean", *CONTENTS]), rng.randrange(4)
    if what == "upload":
        return Action(what, rng.randrange(40), content, number)
    if what == "storm":
        return Action(what, rng.randrange(40), fault=_fault(rng))
    inside = rng.choice(["upload_and_deliver", "upload_and_deliver", "upload", *DELIVERIES])
    return Action(
        rng.choice(DELIVERIES),
        rng.randrange(40),
        fault=_fault(rng) if rng.random() < 0.7 else None,
        second=_fault(rng) if rng.random() < 0.2 else None,
        meanwhile=Action(inside, rng.randrange(40), content, number) if rng.random() < 0.2 else None,
        percent=rng.randrange(100),
    )


def _fault(rng: Random) -> Fault:
    return Fault(rng.choice([*KINDS, *CRASHES, *CRASHES]), rng.randrange(100), rng.random() < 0.2)


class Play:
    """A schedule at work in a lake of its own."""

    def __init__(self, cloud: Cloud, folder: Path, pipeline: str, order: int) -> None:
        self.driver = Driver(World(cloud, folder), order)
        self.keys = [
            f"bronze/{pipeline}/{path.format(f'day={day}')}"
            for paths, days in ((NEEDED, DAYS), (MORE, DAYS))
            for day in days
            for path in paths[pipeline]
        ]

    def do(self, action: Action) -> None:
        """Let one action happen; where it has nothing to happen to, the next thing that has."""
        if action.what.startswith("upload"):
            return self._upload(action)
        if action.what == "storm":
            return self._storm(action)
        for what in (action.what, "step", "derive", "deliver"):
            found = self._able(what)
            if found:
                return self._deliver(what, found[action.pick % len(found)], action)
        return None

    def _able(self, what: str) -> list[Any]:
        """What a delivery may happen to."""
        driver = self.driver
        match what:
            case "deliver":
                return [one for one in driver.inbox if not one.done]
            case "deliver_again":
                return [one for one in driver.inbox if one.done]
            case "step":
                return [one for one in driver.executions.values() if not one.ended]
            case "repeat":
                return [one for one in driver.executions.values() if one.plan]
            case "derive_again":
                return [one for one in driver.published if one.done]
        return [one for one in driver.published if not one.done]

    def _deliver(self, what: str, found: Any, action: Action) -> None:
        driver = self.driver
        match what:
            case "deliver" | "deliver_again":
                driver.deliver(found, self._attempt(action, "gate"))
            case "step":
                driver.step(found, self._attempt(action, found.state))
            case "repeat":
                driver.repeat(found, self._attempt(action, "publish"))
            case _:
                driver.derive(found, self._attempt(action, "derive"))

    def _upload(self, action: Action) -> None:
        key = self.keys[action.pick % len(self.keys)]
        new = MARKER if key.endswith("_SUCCESS") else content(action.content, action.number)
        self.driver.upload(key, new, events=1 + (action.number == 3))
        if action.what == "upload_and_deliver":
            self.driver.deliver(self.driver.inbox[-1])

    def _storm(self, action: Action) -> None:
        """AWS is so ill that every try of a step fails, until Step Functions gives up; then the failure is recorded."""
        found = self._able("step")
        if not found or action.fault is None:
            return
        execution: Execution = found[action.pick % len(found)]
        state = execution.state
        lasting = Action("step", fault=Fault(action.fault.kind, action.fault.percent % 50, lasting=True))
        for _ in range(5):
            if execution.state == state:
                self.driver.step(execution, self._attempt(lasting, state))

    def _attempt(self, action: Action, handler: str) -> Attempt:
        usual = TYPICAL_CALLS[handler]
        plan = {one.percent * usual // 100: one.kind for one in (action.second, action.fault) if one is not None}
        attempt = Attempt(plan, lasting=action.fault is not None and action.fault.lasting)
        if action.meanwhile is not None:
            inside = action.meanwhile
            attempt.pause_at = action.percent * usual // 100
            attempt.meanwhile = lambda: self.do(inside)
        return attempt


def run(cloud: Cloud, folder: Path, schedule: Schedule, counted: bool = True) -> Driver:
    """Play a schedule to its end, let everything be delivered, check the four invariants.

    Args:
        counted: its figures go into the tally; not those of mutants.

    Raises:
        Violation: one does not hold.
    """
    play = Play(cloud, folder, schedule.pipeline, schedule.order)
    driver = play.driver
    try:
        with driver.world.open():
            for action in schedule.actions:
                play.do(action)
            driver.finish()
            check(driver)
    except Violation:
        if counted:
            tally.add("violations")
        raise
    finally:
        if counted:
            count(driver)
        driver.world.remove()
    return driver


def count(driver: Driver) -> None:
    """Add the schedule's figures to the tally."""
    struck = [call for _, attempt in driver.attempts for call in attempt.faults]
    tally.add("schedules")
    tally.add("crashes", sum(call.fault in CRASHES for call in struck))
    tally.add("faults", len(struck))
    for call in struck:
        tally.note(f"boundary:{call.fault}", call.boundary)


def told(schedule: Schedule) -> str:
    """A schedule for people, one action a line."""
    return "\n".join([f"{schedule.pipeline}, order {schedule.order}", *_lines(schedule.actions)])


def _lines(some: Sequence[Action]) -> list[str]:
    return [f"  {number}: {action}" for number, action in enumerate(some)]
