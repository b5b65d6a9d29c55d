"""Schedules of what happens to a lake, drawn by Hypothesis, and what becomes of a lake under one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


DELIVERIES = ("deliver", "deliver", "deliver", "step", "step", "step", "step", "derive", "deliver_again", "repeat")
faults = st.builds(
    Fault, st.sampled_from([*KINDS, *CRASHES]), st.integers(0, 110), st.sampled_from([False, False, False, True])
)
rarely = st.one_of(st.none(), st.none(), faults)
often = st.one_of(st.none(), faults, faults)
inner = st.builds(
    Action,
    st.sampled_from(["upload_and_deliver", "upload", *DELIVERIES]),
    st.integers(0, 40),
    st.sampled_from(CONTENTS),
    st.integers(0, 3),
)
uploads = st.builds(
    Action,
    st.just("upload"),
    st.integers(0, 40),
    st.sampled_from(["clean", "clean", *CONTENTS]),
    st.integers(0, 3),
)
deliveries = st.builds(
    Action,
    st.sampled_from(DELIVERIES),
    st.integers(0, 40),
    fault=often,
    second=rarely,
    meanwhile=st.one_of(st.none(), st.none(), st.none(), inner),
    percent=st.integers(0, 100),
)
storms = st.builds(Action, st.just("storm"), st.integers(0, 40), fault=faults)
actions = st.one_of(uploads, deliveries, deliveries, deliveries, deliveries, deliveries, storms)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A batch's files arrive in some order; then uploads, deliveries and steps, many of which fail."""
    pipeline = draw(st.sampled_from(sorted(NEEDED)))
    first = [
        Action("upload", pick, draw(st.sampled_from(["clean", *CONTENTS])), draw(st.integers(0, 3)))
        for pick in draw(st.permutations(range(len(NEEDED[pipeline]))))
    ]
    return Schedule(pipeline, (*first, *draw(st.lists(actions, min_size=6, max_size=18))))


class Play:
    """A schedule at work in a lake of its own."""

    def __init__(self, cloud: Cloud, folder: Path, pipeline: str) -> None:
        self.driver = Driver(World(cloud, folder))
        self.keys = [
            f"bronze/{pipeline}/{path.format(f'day={day}')}"
            for paths, days in ((NEEDED, DAYS), (MORE, DAYS))
            for day in days
            for path in paths[pipeline]
        ]

    def do(self, action: Action) -> None:
        """Let one action happen."""
        driver = self.driver
        match action.what:
            case "upload" | "upload_and_deliver":
                self._upload(action)
            case "deliver":
                waiting = [one for one in driver.inbox if not one.done]
                if waiting:
                    driver.deliver(waiting[action.pick % len(waiting)], self._attempt(action, "gate"))
            case "deliver_again":
                if driver.inbox:
                    driver.deliver(driver.inbox[action.pick % len(driver.inbox)], self._attempt(action, "gate"))
            case "step":
                if (execution := self._open(action)) is not None:
                    driver.step(execution, self._attempt(action, execution.state))
            case "storm":
                self._storm(action)
            case "repeat":
                started = list(driver.executions.values())
                if started:
                    driver.repeat(started[action.pick % len(started)], self._attempt(action, "publish"))
            case "derive":
                if driver.published:
                    one = driver.published[action.pick % len(driver.published)]
                    driver.derive(one, self._attempt(action, "derive"))

    def _upload(self, action: Action) -> None:
        key = self.keys[action.pick % len(self.keys)]
        new = MARKER if key.endswith("_SUCCESS") else content(action.content, action.number)
        self.driver.upload(key, new, events=1 + (action.number == 3))
        if action.what == "upload_and_deliver":
            self.driver.deliver(self.driver.inbox[-1])

    def _open(self, action: Action) -> Execution | None:
        found = [one for one in self.driver.executions.values() if not one.ended]
        return found[action.pick % len(found)] if found else None

    def _storm(self, action: Action) -> None:
        """AWS is so ill that every try of a step fails, until Step Functions gives up; then the failure is recorded."""
        execution = self._open(action)
        if execution is None or action.fault is None:
            return
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


def run(cloud: Cloud, folder: Path, schedule: Schedule) -> Driver:
    """Play a schedule to its end, let everything be delivered, check the four invariants.

    Raises:
        Violation: one does not hold.
    """
    play = Play(cloud, folder, schedule.pipeline)
    driver = play.driver
    try:
        with driver.world.open():
            for action in schedule.actions:
                play.do(action)
            driver.settle_everything()
            while driver.ask_again():
                driver.settle_everything()
            check(driver)
    except Violation:
        tally.add("violations")
        raise
    finally:
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
    return "\n".join([schedule.pipeline, *_lines(schedule.actions)])


def _lines(some: Sequence[Action]) -> list[str]:
    return [f"  {number}: {action}" for number, action in enumerate(some)]
