"""A crawl has ended: those who waited for it are told, those who asked too late for it get another one."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lakehouse.crawl.ask import start
from lakehouse.crawl.decide import READY, STOPPING, CrawlerView, decide, view_of, why_failed
from lakehouse.errors import CrawlError, EventError
from lakehouse.ledger.items import CrawlWait
from lakehouse.ledger.store import Ledger

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient
    from mypy_boto3_stepfunctions.client import SFNClient

LOOKS, LOOK_SECONDS = 20, 2.0
"""How often and after how long to look again while the crawler is not READY: Glue's event may precede its state."""
FAILED = "CrawlerFailed"
"""The error of a task whose crawl failed."""


def crawler_of(event: Mapping[str, Any]) -> str:
    """The crawler of a `Glue Crawler State Change`.

    Raises:
        EventError: another event.
    """
    try:
        return str(event["detail"]["crawlerName"])
    except (KeyError, TypeError) as error:
        raise EventError(f"Event {event.get('detail-type')!r} has no detail.crawlerName: {error!r}") from error


def answer(
    crawler: str, ledger: Ledger, glue: "GlueClient", states: "SFNClient", sleep: Callable[[float], None] = time.sleep
) -> dict[str, object]:
    """Answer all who can be answered; start the crawler again for the rest, unless it runs: its end brings an event.

    The crawler is looked at before the ledger: whoever asks while it was seen READY starts it himself.

    Raises:
        CrawlError: it has not come to rest; the invocation is to be repeated.
    """
    answered = 0
    for look in range(LOOKS):
        seen = view_of(glue.get_crawler(Name=crawler)["Crawler"])
        decision = decide(seen, list(ledger.waiting_for_crawl(crawler)))
        for wait in decision.succeeded:
            answered += _succeed(wait, seen, ledger, states)
        for wait in decision.failed:
            answered += _fail(wait, seen, ledger, states)
        if not decision.later or seen.state == READY:
            started = bool(decision.later) and start(crawler, glue)
            return {"crawler": crawler, "answered": answered, "started": started}
        if look < LOOKS - 1:
            sleep(LOOK_SECONDS)
    if seen.state == STOPPING:
        raise CrawlError(
            f"Crawler {crawler} is STOPPING for {LOOKS * LOOK_SECONDS:.0f} s and {len(decision.later)} wait"
        )
    return {"crawler": crawler, "answered": answered, "started": False}


def _succeed(wait: CrawlWait, crawler: CrawlerView, ledger: Ledger, states: "SFNClient") -> int:
    output = json.dumps({"crawler": crawler.name, "started_at": crawler.last_started_at})
    return _tell(wait, ledger, states, lambda: states.send_task_success(taskToken=wait.token, output=output))


def _fail(wait: CrawlWait, crawler: CrawlerView, ledger: Ledger, states: "SFNClient") -> int:
    cause = why_failed(crawler)
    return _tell(
        wait, ledger, states, lambda: states.send_task_failure(taskToken=wait.token, error=FAILED, cause=cause)
    )


def _tell(wait: CrawlWait, ledger: Ledger, states: "SFNClient", send: Callable[[], object]) -> int:
    """Send, then forget the token; 0 when nobody waits for it any more (answered, timed out, its execution over)."""
    known = 1
    try:
        send()
    except (states.exceptions.TaskTimedOut, states.exceptions.InvalidToken, states.exceptions.TaskDoesNotExist):
        known = 0
    ledger.waited_for_crawl(wait)
    return known
