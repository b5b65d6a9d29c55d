"""Metrics in log lines: what a line in the embedded metric format says is counted.

*ministack*: keeps the line.
*AWS*: CloudWatch Logs makes metrics of every log event that follows the specification, whoever wrote it:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
*Here*: as on AWS, at the moment of the log event (the document's own Timestamp is not looked at); an event that does
not follow the specification is a log event and nothing else. Storage resolutions are not modelled.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudwatch_logs

from localaws.metrics.record import emit

logger = logging.getLogger("localaws.metrics")

_MARK = '"_aws"'
_append = cloudwatch_logs._append_log_events


@dataclass(frozen=True)
class Measured:
    """One value of one metric."""

    namespace: str
    name: str
    value: float
    dimensions: dict[str, str]
    unit: str


def install() -> None:
    """Put our own function in the place of ministack's."""
    cloudwatch_logs._append_log_events = append


def append(stream: Any, events: list[dict[str, Any]]) -> None:
    """Keep log events, and count what they measure."""
    _append(stream, events)
    for event in events:
        for one in measured(str(event["message"])):
            emit(one.namespace, one.name, one.value, one.dimensions, one.unit)


def measured(message: str) -> list[Measured]:
    """The values that a log event measures; none where it does not follow the specification."""
    if _MARK not in message:
        return []
    try:
        document = json.loads(message)
        return list(_values(document))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("A log event in the embedded metric format is wrong, no metric is made of it: %r", error)
        return []


def _values(document: dict[str, Any]) -> Iterator[Measured]:
    """Every metric of every directive, once for each of its sets of dimensions, and for each value of an array."""
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                found = document[metric["Name"]]
                for value in found if isinstance(found, list) else [found]:
                    unit = metric.get("Unit", "None")
                    yield Measured(directive["Namespace"], metric["Name"], float(value), dimensions, unit)
