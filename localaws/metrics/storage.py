"""AWS/S3: what is stored in each bucket, daily, and the requests of buckets with a metrics configuration.

*ministack*: counts nothing, and has no metrics configurations.
*AWS, and here*: BucketSizeBytes (StandardStorage) and NumberOfObjects (AllStorageTypes) once a day; AllRequests, Get-,
Put-, Post-, Delete-, Head- and ListRequests, 4xxErrors, 5xxErrors, BytesUploaded and BytesDownloaded for each FilterId
of a bucket's MetricsConfigurations.
*Simplified*: old versions of objects are not counted in; the day is the lake's, counted at its beginning and when the
server starts; filters of a configuration are not looked at; requests are counted every second.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
"""

import threading
from collections import Counter
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import s3

from localaws import emulator
from localaws.metrics.record import emit, now

FILTERS = "LakegateMetricsFilters"
"""In a bucket's record: the ids of its metrics configurations."""

_DAY_SECONDS = 86400
_KINDS = {"GET": "GetRequests", "PUT": "PutRequests", "POST": "PostRequests", "DELETE": "DeleteRequests"}
_lock = threading.Lock()
_requests: Counter[tuple[str, str]] = Counter()
_last_day = [-1]


def look() -> None:
    """Count what is stored when a day has begun, and the requests since the last look."""
    day = int(now() // _DAY_SECONDS)
    if day > _last_day[0]:
        _last_day[0] = day
        measure()
    with _lock:
        counted = dict(_requests)
        _requests.clear()
    with request_scope(emulator.ACCOUNT_ID, emulator.REGION):
        for (bucket, metric), amount in counted.items():
            for name in s3._buckets.get(bucket, {}).get(FILTERS, []):
                unit = "Bytes" if metric.startswith("Bytes") else "Count"
                emit("AWS/S3", metric, amount, {"BucketName": bucket, "FilterId": name}, unit)


def measure() -> None:
    """Count what is stored in every bucket."""
    for (account, name), bucket in list(s3._buckets._data.items()):
        with request_scope(account, emulator.REGION):
            sizes = [int(one.get("size") or 0) for one in list(bucket["objects"].values())]
            dimensions = {"BucketName": name, "StorageType": "StandardStorage"}
            emit("AWS/S3", "BucketSizeBytes", sum(sizes), dimensions, "Bytes")
            emit("AWS/S3", "NumberOfObjects", len(sizes), {**dimensions, "StorageType": "AllStorageTypes"})


def count_request(method: str, path: str, status: int, received: int, sent: int) -> None:
    """Remember a request of the emulator's port, if it was one to a bucket with a metrics configuration."""
    bucket, _, key = path.strip("/").partition("/")
    if not s3._buckets._data.get((emulator.ACCOUNT_ID, bucket), {}).get(FILTERS):
        return
    kind = "ListRequests" if method == "GET" and not key else _KINDS.get(method, f"{method.capitalize()}Requests")
    amounts = {
        "AllRequests": 1,
        kind: 1,
        "4xxErrors": int(400 <= status < 500),
        "5xxErrors": int(status >= 500),
        "BytesUploaded": received if method in ("PUT", "POST") else 0,
        "BytesDownloaded": sent if method == "GET" else 0,
    }
    with _lock:
        counted = {name: amount for name, amount in amounts.items() if amount or name.endswith("Errors")}
        _requests.update({(bucket, name): amount for name, amount in counted.items()})


def configure(bucket: str, configurations: list[dict[str, Any]]) -> None:
    """Keep a template's MetricsConfigurations."""
    s3._buckets[bucket][FILTERS] = [str(one["Id"]) for one in configurations]
