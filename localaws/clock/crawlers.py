"""Crawlers with a schedule."""

from collections.abc import Callable

from ministack.core.responses import request_scope

from localaws import crawlers, emulator
from localaws.clock import schedule
from localaws.clock.driver import Occurrence, Wait


def due(after: float) -> list[Occurrence]:
    """The next occurrence of each crawler's schedule."""
    with request_scope(emulator.ACCOUNT_ID, emulator.REGION):
        found = [(name, schedule.parse(text).next_after(after, 0)) for name, text in crawlers.scheduled()]
    return [Occurrence(at, f"crawler {name}", _firing(name)) for name, at in found if at is not None]


def _firing(name: str) -> Callable[[], list[Wait]]:
    def fire() -> list[Wait]:
        with request_scope(emulator.ACCOUNT_ID, emulator.REGION):
            crawlers.start(name)
        return []

    return fire
