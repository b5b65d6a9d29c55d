"""A workflow asks for a crawl."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lakehouse.errors import EventError
from lakehouse.ledger.items import CrawlWait, now
from lakehouse.ledger.store import Ledger

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient

_FIELDS = ("crawler", "pipeline", "batch", "run_id", "token")


def request_of(event: Mapping[str, Any]) -> CrawlWait:
    """The task's Payload, asked now.

    Raises:
        EventError: a field is missing or no text.
    """
    wrong = [name for name in _FIELDS if not isinstance(event.get(name), str) or not event[name]]
    if wrong:
        raise EventError(f"Crawl request lacks {', '.join(wrong)} (texts). Expected {', '.join(_FIELDS)}")
    return CrawlWait(**{name: event[name] for name in _FIELDS}, asked_at=now())


def ask(wait: CrawlWait, ledger: Ledger, glue: "GlueClient") -> bool:
    """Remember who waits, then start the crawler; False when it runs already, and so is started again at its end.

    Raises botocore's ClientError where Glue refuses: no such crawler, no permission.
    """
    ledger.wait_for_crawl(wait)
    return start(wait.crawler, glue)


def start(crawler: str, glue: "GlueClient") -> bool:
    """Start a crawler; False when it runs or stops already."""
    try:
        glue.start_crawler(Name=crawler)
    except glue.exceptions.CrawlerRunningException:
        return False
    return True
