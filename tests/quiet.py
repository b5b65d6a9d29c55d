"""Time passes for one test alone: what other tests made does not go off meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localaws import EmbeddedAws


@contextmanager
def schedules_at_rest(aws: EmbeddedAws) -> Iterator[None]:
    """Every schedule that is enabled now rests meanwhile: of rules and of crawlers."""
    from ministack.services import glue

    events = aws.client("events")
    pages = events.get_paginator("list_rules").paginate()
    rules = [rule["Name"] for page in pages for rule in page["Rules"] if _goes_off(rule)]
    crawlers = [record for record in glue._crawlers._data.values() if record.get("Schedule")]
    schedules = [record.pop("Schedule") for record in crawlers]
    for name in rules:
        events.disable_rule(Name=name)
    try:
        yield
    finally:
        for name in rules:
            events.enable_rule(Name=name)
        for record, schedule in zip(crawlers, schedules, strict=True):
            record["Schedule"] = schedule


def _goes_off(rule: dict[str, Any]) -> bool:
    return rule["State"] == "ENABLED" and bool(rule.get("ScheduleExpression"))
