"""The crawler calls of Glue's API."""

import json
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import glue
from ministack.services.cloudformation import provisioners

from localaws.crawlers import runs
from localaws.crawlers.settings import SettingsError, read

Crawler = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_create, _update, _delete = glue._create_crawler, glue._update_crawler, glue._delete_crawler
_metrics = glue._get_crawler_metrics
_stack_delete = provisioners._glue_crawler_delete


def install(endpoint_url: str) -> None:
    """Put our own handlers in the place of ministack's."""
    runs.install(endpoint_url)
    glue._create_crawler, glue._update_crawler, glue._delete_crawler = create_crawler, update_crawler, delete_crawler
    glue._start_crawler, glue._stop_crawler = start_crawler, stop_crawler
    glue._get_crawler, glue._get_crawlers = get_crawler, get_crawlers
    glue._get_crawler_metrics = get_crawler_metrics
    provisioners._RESOURCE_HANDLERS["AWS::Glue::Crawler"]["delete"] = delete_with_stack


def scheduled() -> list[tuple[str, str]]:
    """The crawlers of the current account and region that have a schedule, each with its `cron(…)`."""
    found = ((name, record.get("Schedule") or {}) for name, record in glue._crawlers.items())
    return [(name, schedule["ScheduleExpression"]) for name, schedule in found if schedule.get("ScheduleExpression")]


def start(name: str) -> None:
    """Start a crawler as its schedule does: one that still runs is left to it.

    Raises:
        KeyError: there is none of that name.
    """
    status, _, body = start_crawler({"Name": name})
    if status < 400 or _code(body) == "CrawlerRunningException":
        return
    raise KeyError(f"No crawler {name}")


def create_crawler(data: dict[str, Any]) -> Answer:
    """CreateCrawler, with the checks that AWS makes."""
    refused = _checked(data)
    answer: Answer = refused or _create(data)
    if answer[0] < 400:
        _mark_schedule(glue._crawlers[data["Name"]])
    return answer


def update_crawler(data: dict[str, Any]) -> Answer:
    """UpdateCrawler; not while it runs."""
    record = glue._crawlers.get(data.get("Name"))
    if record is not None:
        if record["State"] in runs.BUSY:
            return _refused("CrawlerRunningException", f"Crawler with name {data['Name']} is running")
        refused = _checked({**record, **data})
        if refused:
            return refused
    answer: Answer = _update(data)
    if answer[0] < 400:
        _mark_schedule(glue._crawlers[data["Name"]])
    return answer


def delete_crawler(data: dict[str, Any]) -> Answer:
    """DeleteCrawler; not while it runs."""
    record = glue._crawlers.get(data.get("Name"))
    if record is not None and record["State"] in runs.BUSY:
        return _refused("CrawlerRunningException", f"Crawler with name {data['Name']} is running")
    answer: Answer = _delete(data)
    return answer


def delete_with_stack(physical_id: str, properties: Mapping[str, Any]) -> None:
    """CloudFormation deletes a crawler; a crawl that runs is stopped, and nobody hears of its end."""
    record = glue._crawlers.get(physical_id)
    if record is not None and record["State"] in runs.BUSY:
        runs.stop(record)
        record["State"] = "READY"
    _stack_delete(physical_id, properties)


def start_crawler(data: dict[str, Any]) -> Answer:
    """StartCrawler: one crawl at a time."""
    name = data.get("Name", "")
    record = glue._crawlers.get(name)
    if record is None:
        return _unknown(name)
    if not runs.begin(record):
        return _refused("CrawlerRunningException", f"Crawler with name {name} has already started")
    return json_response({})  # type: ignore[no-any-return]


def stop_crawler(data: dict[str, Any]) -> Answer:
    """StopCrawler: STOPPING at once, READY when the crawl has ended."""
    name = data.get("Name", "")
    record = glue._crawlers.get(name)
    if record is None:
        return _unknown(name)
    if not runs.stop(record):
        code = "CrawlerStoppingException" if record["State"] == "STOPPING" else "CrawlerNotRunningException"
        return _refused(code, f"Crawler with name {name} isn't running")
    return json_response({})  # type: ignore[no-any-return]


def get_crawler(data: dict[str, Any]) -> Answer:
    """GetCrawler."""
    record = glue._crawlers.get(data.get("Name"))
    if record is None:
        return _unknown(data.get("Name", ""))
    return json_response({"Crawler": _shown(record)})  # type: ignore[no-any-return]


def get_crawlers(data: dict[str, Any]) -> Answer:
    """GetCrawlers."""
    return json_response(  # type: ignore[no-any-return]
        {"Crawlers": [_shown(record) for record in glue._crawlers.values()]}
    )


def get_crawler_metrics(data: dict[str, Any]) -> Answer:
    """GetCrawlerMetrics: run times and what the last crawl changed."""
    body = _metrics(data)[2]
    metrics = json.loads(body)["CrawlerMetricsList"]
    for entry in metrics:
        last = glue._crawlers[entry["CrawlerName"]].get("Runs") or {}
        seconds = sorted(last.get("Seconds", [])) or [0.0]
        entry |= {
            "LastRuntimeSeconds": last.get("Seconds", [0.0])[-1],
            "MedianRuntimeSeconds": seconds[len(seconds) // 2],
            **last.get("Counts", {}),
        }
    return json_response({"CrawlerMetricsList": metrics})  # type: ignore[no-any-return]


def _shown(record: Crawler) -> Crawler:
    """The record as the API shows it."""
    shown = {name: value for name, value in record.items() if name not in ("StartedAt", "Runs")}
    if "StartedAt" in record:
        shown["CrawlElapsedTime"] = int((time.time() - record["StartedAt"]) * 1000)
    return shown


def _mark_schedule(record: Crawler) -> None:
    schedule = record.get("Schedule") or {}
    record["Schedule"] = {**schedule, "State": "SCHEDULED"} if schedule.get("ScheduleExpression") else {}


def _checked(data: Mapping[str, Any]) -> Answer | None:
    try:
        read(data)
    except (SettingsError, KeyError) as error:
        return _refused("InvalidInputException", str(error))
    return None


def _unknown(name: str) -> Answer:
    return _refused("EntityNotFoundException", f"Crawler with name {name} does not exist")


def _refused(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer


def _code(body: bytes) -> str:
    return str(json.loads(body).get("__type", "")).rsplit("#", 1)[-1]
