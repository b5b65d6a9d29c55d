"""The crawls that run: each in a thread of the server, from the event of its start to that of its end."""

import contextvars
import secrets
import threading
import time
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from ministack.core.responses import get_region
from ministack.services import glue

from localaws import events, roles
from localaws.crawlers.changes import Counts
from localaws.crawlers.crawl import Crawl, StoppedError
from localaws.crawlers.delta import DeltaTableError
from localaws.crawlers.logs import GROUP, CrawlLog
from localaws.crawlers.settings import SettingsError, read

Crawler = dict[str, Any]

BUSY = ("RUNNING", "STOPPING")
_lock = threading.Lock()
_threads: dict[int, threading.Thread] = {}
_stops: dict[int, threading.Event] = {}
"""By identity of the crawler's record."""
_place: dict[str, str] = {}
_loader = create_loader()
"""Keeps what the AWS services look like: each session would read it anew."""


def install(endpoint_url: str) -> None:
    """Where the crawls find the services."""
    _place["endpoint_url"] = endpoint_url


def begin(record: Crawler) -> bool:
    """Start a crawl; False when one runs or stops."""
    with _lock:
        if record["State"] in BUSY:
            return False
        record["State"] = "RUNNING"
        record["StartedAt"] = time.time()
        asked = _stops[id(record)] = threading.Event()
    context = contextvars.copy_context()  # carries the request's account and region
    name = f"crawl-{record['Name']}"[:40]
    thread = threading.Thread(target=context.run, args=(_crawl, record, asked), name=name, daemon=True)
    _threads[id(record)] = thread
    thread.start()
    return True


def stop(record: Crawler) -> bool:
    """Ask the crawl that runs to stop; False when none does."""
    with _lock:
        if record["State"] != "RUNNING":
            return False
        record["State"] = "STOPPING"
        _stops[id(record)].set()
    return True


def end_all(seconds: float = 15) -> None:
    """Stop every crawl and wait for its end."""
    for asked in list(_stops.values()):
        asked.set()
    deadline = time.monotonic() + seconds
    for thread in list(_threads.values()):
        thread.join(max(0.0, deadline - time.monotonic()))


def close_lost_crawls() -> None:
    """Crawls that a killed server left as running are over."""
    for record in glue._crawlers._data.values():
        if record["State"] in BUSY and id(record) not in _threads:
            began = record.pop("StartedAt", time.time())
            record["LastCrawl"] = _last_crawl(record["Name"], began, "FAILED", "The embedded AWS was ended meanwhile")
            record["State"] = "READY"


def _crawl(record: Crawler, asked: threading.Event) -> None:
    """One crawl in its thread, from the event of its start to that of its end."""
    began, crawl_id, counts, warnings = record["StartedAt"], secrets.token_hex(16), Counts(), ""
    events.crawler_started(record["Name"], began)
    status, message = "FAILED", "Internal Service Exception"
    try:
        settings = read(record)
        session = roles.assume(
            settings.role, "glue.amazonaws.com", "AWS-Crawler", roles.glue_arn("crawler", settings.name)
        )
        log = CrawlLog(_client("logs", session), settings.name, crawl_id)
        log.benchmark("Running Start Crawl for Crawler " + settings.name)
        crawl = Crawl(settings, _client("s3", session), _client("glue", session), log, asked)
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
