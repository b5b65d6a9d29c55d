"""The crawler calls of Glue's API, and the threads behind them."""

import contextvars
import json
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from ministack.core.responses import error_response_json, get_region, json_response
from ministack.services import glue
from ministack.services.cloudformation import provisioners

from localaws import events, roles
from localaws.crawlers.changes import Counts
from localaws.crawlers.crawl import Crawl, StoppedError
from localaws.crawlers.delta import DeltaTableError
from localaws.crawlers.logs import GROUP, CrawlLog
from localaws.crawlers.settings import SettingsError, read

Crawler = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_BUSY = ("RUNNING", "STOPPING")
_lock = threading.Lock()
_threads: dict[int, threading.Thread] = {}
_stops: dict[int, threading.Event] = {}
"""By identity of the crawler's record."""
_place: dict[str, str] = {}
_loader = create_loader()
"""Keeps what the AWS services look like: each session would read it anew."""

_create, _update, _delete = glue._create_crawler, glue._update_crawler, glue._delete_crawler
_metrics = glue._get_crawler_metrics
_stack_delete = provisioners._glue_crawler_delete


def install(endpoint_url: str) -> None:
    """Put our own handlers in the place of ministack's."""
    _place["endpoint_url"] = endpoint_url
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
        if record["State"] in _BUSY:
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
    if record is not None and record["State"] in _BUSY:
        return _refused("CrawlerRunningException", f"Crawler with name {data['Name']} is running")
    answer: Answer = _delete(data)
    return answer


def delete_with_stack(physical_id: str, properties: Mapping[str, Any]) -> None:
    """CloudFormation deletes a crawler; a crawl that runs is stopped, and nobody hears of its end."""
    record = glue._crawlers.get(physical_id)
    if record is not None and record["State"] in _BUSY:
        _stops[id(record)].set()
        record["State"] = "READY"
    _stack_delete(physical_id, properties)


def start_crawler(data: dict[str, Any]) -> Answer:
    """StartCrawler: one crawl at a time."""
    name = data.get("Name", "")
    record = glue._crawlers.get(name)
    if record is None:
        return _unknown(name)
    with _lock:
        if record["State"] in _BUSY:
            return _refused("CrawlerRunningException", f"Crawler with name {name} has already started")
        record["State"] = "RUNNING"
        record["StartedAt"] = time.time()
        stop = _stops[id(record)] = threading.Event()
    context = contextvars.copy_context()  # carries the request's account and region
    thread = threading.Thread(target=context.run, args=(_crawl, record, stop), name=f"crawl-{name}"[:40], daemon=True)
    _threads[id(record)] = thread
    thread.start()
    return json_response({})  # type: ignore[no-any-return]


def stop_crawler(data: dict[str, Any]) -> Answer:
    """StopCrawler: STOPPING at once, READY when the crawl has ended."""
    name = data.get("Name", "")
    record = glue._crawlers.get(name)
    if record is None:
        return _unknown(name)
    with _lock:
        if record["State"] != "RUNNING":
            code = "CrawlerStoppingException" if record["State"] == "STOPPING" else "CrawlerNotRunningException"
            return _refused(code, f"Crawler with name {name} isn't running")
        record["State"] = "STOPPING"
        _stops[id(record)].set()
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


def end_all(seconds: float = 15) -> None:
    """Stop every crawl and wait for its end."""
    for stop in list(_stops.values()):
        stop.set()
    deadline = time.monotonic() + seconds
    for thread in list(_threads.values()):
        thread.join(max(0.0, deadline - time.monotonic()))


def close_lost_crawls() -> None:
    """Crawls that a killed server left as running are over."""
    for record in glue._crawlers._data.values():
        if record["State"] in _BUSY and id(record) not in _threads:
            began = record.pop("StartedAt", time.time())
            record["LastCrawl"] = _last_crawl(record["Name"], began, "FAILED", "The embedded AWS was ended meanwhile")
            record["State"] = "READY"


def _crawl(record: Crawler, stop: threading.Event) -> None:
    """One crawl in its thread, from the event of its start to that of its end."""
    began, crawl_id, counts, warnings = record["StartedAt"], secrets.token_hex(16), Counts(), ""
    events.crawler_started(record["Name"], began)
    status, message = "FAILED", "Internal Service Exception"
    try:
        settings = read(record)
        session = roles.assume(settings.role, "glue.amazonaws.com", "AWS-Crawler")
        log = CrawlLog(_client("logs", session), settings.name, crawl_id)
        log.benchmark("Running Start Crawl for Crawler " + settings.name)
        crawl = Crawl(settings, _client("s3", session), _client("glue", session), log, stop)
        counts = crawl.counts
        status, message = _outcome(crawl, log)
        warnings = "; ".join(log.warnings[:5])
        log.benchmark("Crawler has finished running and is in state READY")
    except (SettingsError, roles.RoleError) as error:
        message = str(error)
    finally:
        _finish(record, status, message, counts, crawl_id)
        events.crawler_ended(record["Name"], began, status, message, counts, warnings)


def _outcome(crawl: Crawl, log: CrawlLog) -> tuple[str, str]:
    """LastCrawl's status, and why where it is not SUCCEEDED."""
    try:
        crawl.run()
    except StoppedError:
        return "CANCELLED", ""
    except (ClientError, DeltaTableError, KeyError, ValueError, RuntimeError) as error:
        log.error(str(error))
        return "FAILED", str(error)
    return "SUCCEEDED", ""


def _finish(record: Crawler, status: str, message: str, counts: Counts, crawl_id: str) -> None:
    with _lock:
        began = record.pop("StartedAt")
        seconds = round(time.time() - began, 3)
        runs = (record.get("Runs") or {}).get("Seconds", [])
        record["Runs"] = {
            "Seconds": [*runs, seconds][-100:],
            "Counts": {
                "TablesCreated": counts.tables_created,
                "TablesUpdated": counts.tables_updated,
                "TablesDeleted": counts.tables_deleted,
            },
        }
        record["LastCrawl"] = _last_crawl(record["Name"], began, status, message, crawl_id)
        record["CrawlElapsedTime"] = 0
        record["State"] = "READY"
        _threads.pop(id(record), None)
        _stops.pop(id(record), None)


def _last_crawl(name: str, began: float, status: str, message: str, crawl_id: str = "") -> dict[str, Any]:
    last = {
        "Status": status,
        "LogGroup": GROUP,
        "LogStream": name,
        "MessagePrefix": crawl_id,
        "StartTime": int(began * 1000) / 1000,
    }
    return {**last, "ErrorMessage": message} if message else last


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


def _client(service: str, session: roles.RoleSession) -> Any:
    keys = botocore.session.get_session()
    keys.register_component("data_loader", _loader)
    return keys.create_client(
        service,
        region_name=get_region(),
        endpoint_url=_place["endpoint_url"],
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
        config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}),
    )
