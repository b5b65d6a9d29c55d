"""Lambda: a workflow's task asks for a crawl and waits with its token."""

from typing import Any

from lakehouse.aws import client
from lakehouse.crawl.ask import ask, request_of
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings


def handler(event: dict[str, Any], _context: object) -> dict[str, object]:
    """Answers whether it started the crawler; the task hears of the crawl's end from `crawled`."""
    settings = Settings.from_env()
    wait = request_of(event)
    started = ask(wait, Ledger(client("dynamodb"), settings.ledger_table), client("glue"))
    return {"crawler": wait.crawler, "run_id": wait.run_id, "started": started}
