"""One fault at one boundary of one function, then its repeat, then all that follows: for every boundary and kind."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.faults import tally
from tests.faults.driver import Driver
from tests.faults.network import CRASHES, KINDS, Attempt, Call
from tests.faults.reader import Violation, must
from tests.faults.scenarios import Scenario
from tests.faults.world import Cloud, World

REPEATS = 4
_TRACES: dict[str, list[Call]] = {}


def trace(cloud: Cloud, folder: Path, scenario: Scenario) -> list[Call]:
    """The requests of a scenario without a fault; asked for once in a process."""
    if scenario.name not in _TRACES:
        _TRACES[scenario.name] = _play(cloud, folder, scenario, Attempt()).calls
    return _TRACES[scenario.name]


def strike(cloud: Cloud, folder: Path, scenario: Scenario, number: int, kind: str) -> None:
    """Let a fault strike a request, repeat what failed, and see that all is well.

    Raises:
        Violation: it is not.
    """
    attempt = _play(cloud, folder, scenario, Attempt({number: kind}))
    assert attempt.faults, f"{scenario.name} made no request {number}: nothing was struck"
    tally.add("directed")
    tally.add("faults", len(attempt.faults))
    tally.add("crashes", len([call for call in attempt.faults if call.fault in CRASHES]))
    for call in attempt.faults:
        tally.note(f"boundary:{kind}", call.boundary)


def _play(cloud: Cloud, folder: Path, scenario: Scenario, attempt: Attempt) -> Attempt:
    driver = Driver(World(cloud, folder))
    try:
        with driver.world.open():
            act = scenario.prepare(driver)
            done = act(attempt)
            for _ in range(REPEATS):
                done = done or act(Attempt())
            must(done, "its repeats fail too", scenario.name)
            scenario.verify(driver)
    except Violation:
        tally.add("violations")
        raise
    finally:
        driver.world.remove()
    return attempt


def strikes(calls: list[Call], known: set[str]) -> Iterator[tuple[int, str]]:
    """What is to strike a scenario: each kind of fault at each boundary that no scenario before it had (`known`, which
    grows), and at the others that write a crash after the effect: what comes before and what follows differs by
    scenario."""
    seen: set[str] = set()
    for number, call in enumerate(calls):
        if call.boundary in seen:
            continue
        seen.add(call.boundary)
        if call.boundary not in known:
            yield from ((number, kind) for kind in KINDS)
        elif call.writes:
            yield number, "crash_after"
    known |= seen


def strike_all(cloud: Cloud, folder: Callable[[], Path], scenarios: Sequence[Scenario], every: int) -> int:
    """Strike scenarios one after the other; of all faults each `every`-th. How many there were."""
    known: set[str] = set()
    struck = 0
    for scenario in scenarios:
        for number, kind in list(strikes(trace(cloud, folder(), scenario), known)):
            if struck % every == 0:
                print(f"{scenario.name}: {kind} at request {number}")
                strike(cloud, folder(), scenario, number, kind)
            struck += 1
    return struck
