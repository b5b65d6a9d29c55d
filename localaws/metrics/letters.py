"""What CloudWatch tells of an alarm: the JSON document, the subject and the text of the mail. Pure."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localaws.metrics.judgement import comparison_words

_REGIONS = {"us-east-1": "US East (N. Virginia)"}
_SUBJECT_CHARACTERS = 100


@dataclass(frozen=True)
class Change:
    """An alarm's change of state."""

    alarm: dict[str, Any]
    old: str
    new: str
    reason: str
    at: datetime
    account: str
    region: str


def subject(change: Change) -> str:
    """`ALARM: "name" in US East (N. Virginia)`"""
    text = f'{change.new}: "{change.alarm["AlarmName"]}" in {_REGIONS.get(change.region, change.region)}'
    return text[:_SUBJECT_CHARACTERS]


def document(change: Change) -> str:
    """The JSON that every subscriber but mails gets."""
    alarm = change.alarm
    names = ("MetricName", "Namespace", "Unit", "Period", "EvaluationPeriods", "ComparisonOperator", "Threshold")
    trigger = {name: alarm.get(name) for name in (*names, "TreatMissingData") if name in alarm}
    dimensions = [{"name": one["Name"], "value": one["Value"]} for one in alarm.get("Dimensions") or []]
    kind = "ExtendedStatistic" if alarm.get("ExtendedStatistic") else "Statistic"
    shown = {"Metrics": alarm["Metrics"]} if alarm.get("Metrics") else {"StatisticType": kind, "Dimensions": dimensions}
    if kind == "Statistic" and not alarm.get("Metrics"):
        shown["Statistic"] = str(alarm.get("Statistic", "")).upper()
    return json.dumps(
        {
            "AlarmName": alarm["AlarmName"],
            "AlarmDescription": alarm.get("AlarmDescription") or None,
            "AWSAccountId": change.account,
            "NewStateValue": change.new,
            "NewStateReason": change.reason,
            "StateChangeTime": f"{change.at:%Y-%m-%dT%H:%M:%S}.{change.at.microsecond // 1000:03}+0000",
            "Region": _REGIONS.get(change.region, change.region),
            "AlarmArn": alarm["AlarmArn"],
            "OldStateValue": change.old,
            "OKActions": alarm.get("OKActions") or [],
            "AlarmActions": alarm.get("AlarmActions") or [],
            "InsufficientDataActions": alarm.get("InsufficientDataActions") or [],
            "Trigger": {**trigger, **shown},
        }
    )


def text(change: Change) -> str:
    """The mail."""
    alarm, region = change.alarm, _REGIONS.get(change.region, change.region)
    at = f"{change.at:%A %d %B, %Y %H:%M:%S} UTC"
    lines = [
        f'You are receiving this email because your Amazon CloudWatch Alarm "{alarm["AlarmName"]}" in the {region} '
        f'region has entered the {change.new} state, because "{change.reason}" at "{at}".',
        "",
        "Alarm Details:",
        f"- Name:                       {alarm['AlarmName']}",
        f"- Description:                {alarm.get('AlarmDescription') or ''}",
        f"- State Change:               {change.old} -> {change.new}",
        f"- Reason for State Change:    {change.reason}",
        f"- Timestamp:                  {at}",
        f"- AWS Account:                {change.account}",
        f"- Alarm Arn:                  {alarm['AlarmArn']}",
        "",
        *_threshold(alarm),
        *_metric(alarm),
        "State Change Actions:",
        f"- OK:                         {_list(alarm, 'OKActions')}",
        f"- ALARM:                      {_list(alarm, 'AlarmActions')}",
        f"- INSUFFICIENT_DATA:          {_list(alarm, 'InsufficientDataActions')}",
    ]
    return "\n".join(lines) + "\n"


def _threshold(alarm: dict[str, Any]) -> list[str]:
    if "ComparisonOperator" not in alarm:
        return []
    words, periods = comparison_words(alarm["ComparisonOperator"]), alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm") or periods
    every = f" of {alarm['Period']} seconds" if "Period" in alarm else ""
    return [
        "Threshold:",
        f"- The alarm is in the ALARM state when the metric is {words} {alarm['Threshold']} for at least {needed} of "
        f"the last {periods} period(s){every}.",
        "",
    ]


def _metric(alarm: dict[str, Any]) -> list[str]:
    if alarm.get("Metrics"):
        shown = [query.get("Expression") for query in alarm["Metrics"] if query.get("Expression")]
        return ["Monitored Metrics:", *(f"- Expression:                 {one}" for one in shown), ""]
    if "MetricName" not in alarm:
        return []
    dimensions = ", ".join(f"{one['Name']} = {one['Value']}" for one in alarm.get("Dimensions") or [])
    return [
        "Monitored Metric:",
        f"- MetricNamespace:                     {alarm['Namespace']}",
        f"- MetricName:                          {alarm['MetricName']}",
        f"- Dimensions:                          [{dimensions}]",
        f"- Period:                              {alarm['Period']} seconds",
        f"- Statistic:                           {alarm.get('ExtendedStatistic') or alarm.get('Statistic')}",
        f"- Unit:                                {alarm.get('Unit') or 'not specified'}",
        f"- TreatMissingData:                    {alarm.get('TreatMissingData', 'missing')}",
        "",
    ]


def _list(alarm: dict[str, Any], name: str) -> str:
    return ", ".join(f"[{action}]" for action in alarm.get(name) or [])
