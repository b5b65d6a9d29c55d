"""Looks at what nobody reports and evaluates alarms: at once when something was counted, otherwise every second."""

import threading

from localaws.metrics import alarms, embedded, executions, queues, record, storage

_EVERY_SECONDS, _TOGETHER_SECONDS = 1.0, 0.25
_stop = threading.Event()
_threads: list[threading.Thread] = []


def install() -> None:
    """Put our own functions in the place of ministack's."""
    record.install()
    alarms.install()
    executions.install()
    embedded.install()


def start() -> None:
    """Begin to watch, once all saved state is loaded."""
    _threads.append(threading.Thread(target=_live, name="localaws-metrics", daemon=True))
    _threads[0].start()


def shut_down() -> None:
    """Watch no longer."""
    _stop.set()
    record.changed.set()
    for thread in _threads:
        thread.join()


def look() -> None:
    """Count what nobody reports, and bring every alarm to the state it should have now."""
    queues.look()
    storage.look()
    alarms.evaluate_all()


def _live() -> None:
    while not _stop.is_set():
        record.changed.clear()
        look()
        record.changed.wait(_EVERY_SECONDS)
        _stop.wait(_TOGETHER_SECONDS)
