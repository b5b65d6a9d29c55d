"""When an alarm rings: the comparison, missing data, M out of N. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, limit: value >= limit, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, limit: value > limit, "greater than"),
    "LessThanThreshold": (lambda value, limit: value < limit, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, limit: value <= limit, "less than or equal to"),
}


@dataclass(frozen=True)
class Judgement:
    """The state that an alarm should be in, and why. `state` is None where it stays as it is."""

    state: str | None
    reason: str


def comparison_words(operator: str) -> str:
    """`greater than or equal to`, …"""
    return _COMPARISONS[operator][1]


def judge(alarm: Mapping[str, Any], values: Sequence[float | None]) -> Judgement:
    """The state of an alarm whose periods have these values, the newest first; None where nothing was counted."""
    compare, words = _COMPARISONS[alarm["ComparisonOperator"]]
    limit, treat = float(alarm["Threshold"]), alarm.get("TreatMissingData") or "missing"
    needed = int(alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"])
    breaching = [value for value in values if value is not None and compare(value, limit)]
    missing = sum(value is None for value in values)
    count = len(breaching) + (missing if treat == "breaching" else 0)
    if missing == len(values):
        return _of_nothing(treat, missing)
    if count >= needed:
        shown = ", ".join(str(value) for value in breaching)
        return Judgement(
            "ALARM",
            f"Threshold Crossed: {len(breaching)} out of the last {len(values)} datapoints [{shown}] was {words} the "
            f"threshold ({limit}) (minimum {needed} datapoint{'s' * (needed > 1)} for OK -> ALARM transition).",
        )
    known = [value for value in values if value is not None]
    return Judgement(
        "OK",
        f"Threshold Crossed: {len(known)} datapoint{'s' * (len(known) > 1)} "
        f"[{', '.join(map(str, known))}] was not {words} the threshold ({limit}).",
    )


def _of_nothing(treat: str, periods: int) -> Judgement:
    counted = f"{periods} period{'s' * (periods > 1)}"
    treated = f"Threshold Crossed: no datapoints were received for {counted} and missing data was treated as "
    if treat == "notBreaching":
        return Judgement("OK", f"{treated}[NonBreaching].")
    if treat == "breaching":
        return Judgement("ALARM", f"{treated}[Breaching].")
    if treat == "ignore":
        return Judgement(None, "")
    return Judgement("INSUFFICIENT_DATA", f"Insufficient Data: {counted} unknown.")
