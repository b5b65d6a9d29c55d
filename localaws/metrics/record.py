"""Data points: where every metric of the embedded AWS is counted. A metric's points are kept in the order of AT."""

import bisect
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch

AT = "LakegateAt"
"""In a data point: its moment on the lake's clock."""

changed = threading.Event()
"""Set whenever something was counted."""
_lock = threading.Lock()
_now: list[Callable[[], float]] = [time.time]
_store_datum = cloudwatch._store_datum


def install() -> None:
    """Put our own functions in the place of ministack's."""
    cloudwatch.record_metric = record_metric
    cloudwatch._store_datum = store_datum
    cloudwatch._evict_old_metrics = evict_old


def follow(now: Callable[[], float]) -> None:
    """Count on the lake's clock from now on. What was counted in time that has not come yet counts as of now."""
    _now[0] = now
    for points in cloudwatch._metrics._data.values():
        for point in points:
            point[AT] = min(point.get(AT, point["Timestamp"]), now())


def now() -> float:
    """The lake's time."""
    return _now[0]()


def emit(namespace: str, name: str, value: float, dimensions: Mapping[str, str], unit: str = "Count") -> None:
    """Count in the current account and region."""
    point = {"Timestamp": time.time(), AT: now(), "Value": float(value), "Unit": unit, "Dimensions": dict(dimensions)}
    with _lock:
        cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dict(dimensions)))).append(point)
    changed.set()


def record_metric(
    namespace: str, metric_name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
) -> None:
    """`emit`, as ministack's services call it."""
    emit(namespace, metric_name, value, dimensions or {}, unit)


def store_datum(namespace: str, name: str, dims: dict[str, str], ts: float, *values: Any) -> None:
    """Keep one datum of PutMetricData."""
    with _lock:
        bucket = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dims)))
        known = len(bucket)
        _store_datum(namespace, name, dims, ts, *values)
        new, bucket[known:] = bucket[known:], []
        for point in new:
            point[AT] = ts + now() - time.time()
            bisect.insort(bucket, point, key=_at)
    changed.set()


def evict_old() -> None:
    """Forget data points of two weeks ago, without losing one that is counted meanwhile."""
    cutoff = time.time() - cloudwatch.TWO_WEEKS_SECONDS
    with _lock:
        for points in cloudwatch._metrics._data.values():
            if any(point["Timestamp"] < cutoff for point in points):
                points[:] = [point for point in points if point["Timestamp"] >= cutoff]


def points_of(namespace: str, name: str, dimensions: Mapping[str, str], since: float) -> list[dict[str, Any]]:
    """The data points of one metric (exactly these dimensions) after a moment of the lake's clock."""
    with _lock:
        points = cloudwatch._metrics.get((namespace, name, cloudwatch._dims_key(dict(dimensions)))) or []
        return points[bisect.bisect_right(points, since, key=_at) :]


def _at(point: dict[str, Any]) -> float:
    return float(point[AT])
