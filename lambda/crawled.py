"""Lambda: a crawler of the lake has ended; who waited for it is told."""

from typing import Any

from lakehouse.aws import client
from lakehouse.crawl.answer import answer, crawler_of
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings


def handler(event: dict[str, Any], _context: object) -> dict[str, object]:
    """`Glue Crawler State Change` → how many were answered, and whether the crawler was started again."""
    settings = Settings.from_env()
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    return answer(crawler_of(event), ledger, client("glue"), client("stepfunctions"))
