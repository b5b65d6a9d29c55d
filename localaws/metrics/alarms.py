"""Alarms follow their metrics: evaluated over the periods that end now, told to SNS."""

import json
import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import cloudwatch, sns
from ministack.services.cloudformation import provisioners

from localaws import resource_policies
from localaws.metrics import letters, math, record
from localaws.metrics.judgement import Judgement, judge

logger = logging.getLogger("localaws.alarms")

Alarm = dict[str, Any]

_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_lock = threading.RLock()
_put_alarm, _record_of_template = cloudwatch._put_metric_alarm, provisioners._cw_metric_alarm_record


def install() -> None:
    """Put our own functions in the place of ministack's."""
    cloudwatch._evaluate_alarm, cloudwatch._evaluate_all_alarms = evaluate, evaluate_all
    cloudwatch._put_metric_alarm, cloudwatch._dispatch_alarm_actions = put_alarm, tell
    provisioners._cw_metric_alarm_record = record_of_template


def evaluate_all() -> None:
    """Bring every alarm to the state that its metrics have now."""
    for (account, region, _), alarm in list(cloudwatch._alarms._data.items()):
        with request_scope(account, region):
            evaluate(alarm)


def evaluate(alarm: Alarm) -> None:
    """Bring one alarm of the current account and region to the state that its metrics have now."""
    with _lock:
        found = judge(alarm, values(alarm, record.now()))
        if found.state not in (None, alarm["StateValue"]):
            _change(alarm, found)


def values(alarm: Alarm, now: float) -> math.Series:
    """The value of each of the alarm's periods, the newest first; None where nothing was counted.

    Raises:
        MathError: its metric math is wrong.
    """
    queries = alarm.get("Metrics") or []
    periods = int(alarm["EvaluationPeriods"])
    if not queries:
        stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
        dimensions = {one["Name"]: one["Value"] for one in alarm.get("Dimensions") or []}
        return _series(alarm["Namespace"], alarm["MetricName"], dimensions, stat, int(alarm["Period"]), periods, now)
    found: dict[str, math.Series] = {}
    for query in queries:
        if "MetricStat" in query:
            found[query["Id"]] = _of_stat(query["MetricStat"], periods, now)
    names = list(found)
    waiting = [query for query in queries if "MetricStat" not in query]
    for query in sorted(waiting, key=lambda one: bool(one.get("ReturnData", True))):
        found[query["Id"]] = math.evaluate(query["Expression"], found, names, periods)
    (shown,) = [query["Id"] for query in queries if query.get("ReturnData", True)]
    return found[shown]


def _of_stat(stat: dict[str, Any], periods: int, now: float) -> math.Series:
    metric = stat["Metric"]
    dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}
    return _series(
        metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], int(stat["Period"]), periods, now
    )


def _series(
    namespace: str, name: str, dimensions: dict[str, str], stat: str, period: int, periods: int, now: float
) -> math.Series:
    points = record.points_of(namespace, name, dimensions, now - period * periods)
    found: math.Series = []
    for index in range(periods):
        end = now - index * period
        within = [point for point in points if end - period < point[record.AT] <= end]
        value = cloudwatch._stat_value(cloudwatch._calc_stats(within), stat, within) if within else None
        found.append(None if value is None else float(value))
    return found


def put_alarm(params: Any, data: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
    """PutMetricAlarm; with metric math, which ministack drops."""
    if not data.get("Metrics"):
        return _put_alarm(params, data, is_cbor, is_json)
    known = cloudwatch._alarms.get(data.get("AlarmName", "")) or {}
    try:
        values(data, record.now())
    except (math.MathError, ValueError, KeyError) as error:
        return cloudwatch._error("ValidationError", f"Metrics: {error}", 400, use_json=is_json, use_cbor=is_cbor)
    plain = {name: value for name, value in data.items() if name != "Metrics"}
    with _lock:
        answer = _put_alarm(params, {**plain, "Namespace": "", "MetricName": ""}, is_cbor, is_json)
        if answer[0] < 400:
            _to_math(cloudwatch._alarms[data["AlarmName"]], data["Metrics"], known)
            evaluate(cloudwatch._alarms[data["AlarmName"]])
    return answer


def record_of_template(name: str, properties: dict[str, Any]) -> Alarm:
    """An alarm of a template; with metric math, which ministack refuses.

    Raises:
        MathError: its metric math is wrong.
    """
    queries = properties.get("Metrics")
    if not queries:
        made: Alarm = _record_of_template(name, properties)
        return made
    plain = {key: value for key, value in properties.items() if key != "Metrics"}
    alarm: Alarm = _record_of_template(name, {**plain, "MetricName": "-", "Namespace": "-"})
    _to_math(alarm, queries, {})
    values(alarm, record.now())
    return alarm


def _to_math(alarm: Alarm, queries: list[dict[str, Any]], known: Alarm) -> None:
    for name in ("Namespace", "MetricName", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
        alarm.pop(name, None)
    alarm["Metrics"] = queries
    alarm["StateValue"] = known.get("StateValue", alarm["StateValue"])


def _change(alarm: Alarm, found: Judgement) -> None:
    old, new = alarm["StateValue"], found.state
    alarm.update(StateValue=new, StateReason=found.reason, StateUpdatedTimestamp=int(time.time()))
    logger.info("%s: %s → %s: %s", alarm["AlarmName"], old, new, found.reason)
    cloudwatch._record_history(alarm["AlarmName"], old, new, found.reason)
    tell(alarm, old, new, found.reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def tell(alarm: Alarm, old: str, new: str | None, reason: str) -> None:
    """Publish a change of state to the topics that the alarm names for it: JSON, for mails the text that AWS mails."""
    if not alarm.get("ActionsEnabled", True) or new is None:
        return
    change = letters.Change(alarm, old, new, reason, datetime.now(UTC), get_account_id(), get_region())
    by_protocol = json.dumps({"default": letters.document(change), "email": letters.text(change)})
    for topic in alarm.get(_ACTIONS[new]) or []:
        if not cloudwatch._is_sns_action_arn(topic):
            continue
        if not resource_policies.allows("cloudwatch.amazonaws.com", "sns:Publish", topic, alarm["AlarmArn"]):
            logger.error("%s may not publish to %s: the topic's policy does not let it", alarm["AlarmName"], topic)
            continue
        sns._fanout(topic, new_uuid(), by_protocol, letters.subject(change), "json")
