"""EventBridge rules with a schedule: checked when they are made, fired when they are due."""

import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid, request_scope
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

from localaws import event_targets
from localaws.clock import schedule
from localaws.clock.driver import Occurrence, Wait
from localaws.clock.fields import ScheduleError

ENABLED_AT = "LakegateEnabledAt"
"""In a rule's record: when its schedule began to count."""

Rule = dict[str, Any]
Made = tuple[str, dict[str, Any]]

_put_rule, _enable_rule = eventbridge._put_rule, eventbridge._enable_rule
_create, _update = provisioners._eb_rule_create, provisioners._eb_rule_update
_now: list[Callable[[], float]] = [time.time]


def install() -> None:
    """Put our own functions in the place of ministack's, and let its own ticker rest."""
    eventbridge.start_scheduler = _rest
    eventbridge._validate_schedule_expression = valid
    eventbridge._put_rule, eventbridge._enable_rule = put_rule, enable_rule
    provisioners._RESOURCE_HANDLERS["AWS::Events::Rule"].update(create=create, update=update)
    provisioners._eb_rule_create = create


def follow(now: Callable[[], float]) -> None:
    """Count from the lake's time. Schedules counted in time that has not come yet (it was let pass) begin anew."""
    _now[0] = now
    for rule in eventbridge._rules._data.values():
        if rule.get("ScheduleExpression"):
            rule[ENABLED_AT] = min(rule.get(ENABLED_AT, now()), int(now()))


def valid(expression: str) -> bool:
    """Whether EventBridge takes a rule's schedule expression; rules have no `at()`."""
    try:
        return not expression or not isinstance(schedule.parse(expression), schedule.Once)
    except ScheduleError:
        return False


def put_rule(data: dict[str, Any]) -> Any:
    """PutRule; a schedule counts from now on."""
    answer = _put_rule(data)
    if answer[0] < 400:
        _count_from_now(eventbridge._rules[eventbridge._rule_key(data["Name"], data.get("EventBusName", "default"))])
    return answer


def enable_rule(data: dict[str, Any]) -> Any:
    """EnableRule; a schedule that was not enabled counts from now on."""
    rule = eventbridge._rules.get(eventbridge._rule_key(data.get("Name"), data.get("EventBusName", "default")))
    if rule is not None and rule["State"] != "ENABLED":
        _count_from_now(rule)
    return _enable_rule(data)


def create(logical_id: str, properties: dict[str, Any], stack: str) -> Made:
    """A rule of a template.

    Raises:
        ValueError: its schedule expression is not valid.
    """
    expression = properties.get("ScheduleExpression", "")
    if not valid(expression):
        raise ValueError(f"Parameter ScheduleExpression is not valid: {expression}")
    made: Made = _create(logical_id, properties, stack)
    bus = provisioners._eb_rule_bus_name(properties)
    _count_from_now(eventbridge._rules[eventbridge._rule_key(made[0], bus)])
    return made


def update(physical_id: str, old: Rule, new: Rule, stack: str, logical_id: Any = None) -> Made:
    """A rule of a template that changes; one whose schedule stays goes on counting."""
    before = eventbridge._rules.get(eventbridge._rule_key(physical_id, provisioners._eb_rule_bus_name(old)), {})
    made: Made = _update(physical_id, old, new, stack, logical_id)
    after = eventbridge._rules[eventbridge._rule_key(made[0], provisioners._eb_rule_bus_name(new))]
    same = all(before.get(name) == after.get(name) for name in ("ScheduleExpression", "State"))
    if same and ENABLED_AT in before:
        after[ENABLED_AT] = before[ENABLED_AT]
    return made


def due(after: float) -> list[Occurrence]:
    """The next occurrence of each enabled rule."""
    found = []
    for (account, region, key), rule in list(eventbridge._rules._data.items()):
        if rule.get("State") == "ENABLED" and rule.get("ScheduleExpression"):
            at = schedule.parse(rule["ScheduleExpression"]).next_after(after, rule.get(ENABLED_AT, after))
            if at is not None:
                found.append(Occurrence(at, f"rule {rule['Name']}", _firing(account, region, key, rule, at)))
    return found


def _firing(account: str, region: str, key: str, rule: Rule, at: float) -> Callable[[], list[Wait]]:
    def fire() -> list[Wait]:
        event = scheduled_event("aws.events", rule["Arn"], account, region, at)
        event["EventBusName"] = rule.get("EventBusName", "default")
        with request_scope(account, region), event_targets.collected() as waits:
            for target in eventbridge._targets.get(key, []):
                eventbridge._invoke_target(target, event, rule)
        return waits

    return fire


def scheduled_event(source: str, resource_arn: str, account: str, region: str, at: float) -> dict[str, Any]:
    """A `Scheduled Event` of a moment, as ministack keeps events."""
    return {
        "EventId": new_uuid(),
        "Source": source,
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": int(at),
        "Resources": [resource_arn],
        "Account": account,
        "Region": region,
    }


def _count_from_now(rule: Rule) -> None:
    rule[ENABLED_AT] = int(_now[0]())


def _rest() -> None:
    """In the place of ministack's own ticker."""
