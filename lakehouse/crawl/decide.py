"""Who gets which answer when a crawl has ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from lakehouse.ledger.items import CrawlWait

READY, RUNNING, STOPPING = "READY", "RUNNING", "STOPPING"
_STAMP_CHARACTERS = len("2026-01-31T23:59:59.000")


@dataclass(frozen=True)
class CrawlerView:
    """A crawler as Glue shows it."""

    name: str
    state: str
    """READY, RUNNING or STOPPING."""
    last_started_at: str | None = None
    """When the last crawl that has ended began: ISO-8601 UTC, as the ledger writes times."""
    last_status: str | None = None
    """SUCCEEDED, FAILED or CANCELLED."""
    last_message: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do about those who wait."""

    succeeded: tuple[CrawlWait, ...] = ()
    failed: tuple[CrawlWait, ...] = ()
    later: tuple[CrawlWait, ...] = ()
    """They asked after the last crawl had begun: they need another one."""


def view_of(crawler: Any) -> CrawlerView:
    """A crawler of GetCrawler's answer."""
    last = crawler.get("LastCrawl") or {}
    started = last.get("StartTime")
    return CrawlerView(
        name=crawler["Name"],
        state=crawler["State"],
        last_started_at=started.astimezone(UTC).isoformat(timespec="microseconds") if started else None,
        last_status=last.get("Status"),
        last_message=last.get("ErrorMessage", ""),
    )


def decide(crawler: CrawlerView, waiting: Sequence[CrawlWait]) -> Decision:
    """Those who asked before the last ended crawl began are answered by how it ended, the others wait on.

    Glue tells the start in milliseconds: in the same millisecond counts as later, and costs one crawl more.
    """
    if crawler.last_started_at is None:
        return Decision(later=tuple(waiting))
    began = crawler.last_started_at[:_STAMP_CHARACTERS]
    answered = tuple(wait for wait in waiting if wait.asked_at[:_STAMP_CHARACTERS] < began)
    later = tuple(wait for wait in waiting if wait.asked_at[:_STAMP_CHARACTERS] >= began)
    if crawler.last_status == "SUCCEEDED":
        return Decision(succeeded=answered, later=later)
    return Decision(failed=answered, later=later)


def why_failed(crawler: CrawlerView) -> str:
    """The cause of the failed task."""
    ended = "was stopped" if crawler.last_status == "CANCELLED" else "failed"
    return f"Crawler {crawler.name} {ended}: {crawler.last_message or 'Glue gave no reason; see /aws-glue/crawlers'}"
