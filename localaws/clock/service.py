"""The one clock of this process, wired to everything that goes by time."""

from localaws.clock import crawlers, rules, scheduler
from localaws.clock.driver import Clock
from localaws.metrics import record, watch


def install() -> None:
    """Put our own functions in the place of ministack's."""
    rules.install()
    scheduler.install()


def start() -> Clock:
    """The clock, running, once all saved state is loaded."""
    clock = Clock([rules.due, scheduler.due, crawlers.due], [watch.look])
    rules.follow(clock.now)
    record.follow(clock.now)
    clock.start()
    return clock
