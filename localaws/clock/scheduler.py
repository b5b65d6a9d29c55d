"""Schedules of EventBridge Scheduler: rate, cron in a time zone, one-time, with start and end."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from ministack.core.responses import request_scope
from ministack.services import eventbridge
from ministack.services import scheduler as service

from localaws import event_targets
from localaws.clock import schedule
from localaws.clock.driver import Occurrence, Wait
from localaws.clock.fields import ScheduleError
from localaws.clock.rules import scheduled_event

Entry = dict[str, Any]


def install() -> None:
    """Let ministack's own ticker rest."""
    service.start_scheduler = _rest


def due(after: float) -> list[Occurrence]:
    """The next occurrence of each enabled schedule."""
    found = []
    for (account, region, key), entry in list(service._schedules._data.items()):
        at = _next(entry, after) if entry.get("State") == "ENABLED" else None
        if at is not None:
            found.append(Occurrence(at, f"schedule {key}", _firing(account, region, key, entry, at)))
    return found


def _next(entry: Entry, after: float) -> float | None:
    start, end = service._to_epoch(entry.get("StartDate")), service._to_epoch(entry.get("EndDate"))
    began = max(int(entry.get("CreationDate", 0)), start or 0)
    try:
        when = schedule.parse(entry["ScheduleExpression"], ZoneInfo(entry.get("ScheduleExpressionTimezone") or "UTC"))
    except ScheduleError:
        return None  # CreateSchedule of ministack takes anything; AWS would have refused it
    at = when.next_after(after, began)
    return None if at is None or (end is not None and at > end) else at


def _firing(account: str, region: str, key: str, entry: Entry, at: float) -> Callable[[], list[Wait]]:
    def fire() -> list[Wait]:
        event = scheduled_event("aws.scheduler", entry.get("Arn", ""), account, region, at)
        with request_scope(account, region), event_targets.collected() as waits:
            eventbridge._invoke_target(entry.get("Target") or {}, event, entry)
        if entry["ScheduleExpression"].startswith("at(") and entry.get("ActionAfterCompletion") == "DELETE":
            service._schedules._data.pop((account, region, key), None)
        return waits

    return fire


def _rest() -> None:
    """In the place of ministack's own ticker."""
