"""Who is answered by which crawl: pure decisions."""

from datetime import UTC, datetime

import pytest

from lakehouse.crawl.decide import CrawlerView, Decision, decide, view_of, why_failed
from lakehouse.ledger.items import CrawlWait

BEGAN = "2026-11-21T10:00:00.500000+00:00"


def wait(run: str, asked_at: str) -> CrawlWait:
    return CrawlWait("c", "p", "b", run, f"token-{run}", asked_at)


BEFORE = wait("before", "2026-11-21T10:00:00.499999+00:00")
SAME = wait("same", "2026-11-21T10:00:00.500999+00:00")
AFTER = wait("after", "2026-11-21T10:00:07.000000+00:00")


def crawler(status: str | None, began: str | None = BEGAN) -> CrawlerView:
    return CrawlerView("c", "READY", began, status)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (crawler("SUCCEEDED"), Decision(succeeded=(BEFORE,), later=(SAME, AFTER))),
        (crawler("FAILED"), Decision(failed=(BEFORE,), later=(SAME, AFTER))),
        (crawler("CANCELLED"), Decision(failed=(BEFORE,), later=(SAME, AFTER))),
        (crawler(None, None), Decision(later=(BEFORE, SAME, AFTER))),
    ],
)
def test_only_a_crawl_that_began_after_the_question_answers_it(seen: CrawlerView, expected: Decision) -> None:
    assert decide(seen, [BEFORE, SAME, AFTER]) == expected


def test_a_crawler_is_read_from_glues_answer() -> None:
    last = {"Status": "FAILED", "ErrorMessage": "denied", "StartTime": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)}
    seen = view_of({"Name": "c", "State": "STOPPING", "LastCrawl": last})
    assert seen == CrawlerView("c", "STOPPING", "2026-01-02T03:04:05.678000+00:00", "FAILED", "denied")
    assert view_of({"Name": "c", "State": "READY"}) == CrawlerView("c", "READY")


def test_the_cause_says_how_it_ended_and_where_to_look() -> None:
    assert why_failed(CrawlerView("c", "READY", BEGAN, "FAILED", "denied")) == "Crawler c failed: denied"
    stopped = why_failed(CrawlerView("c", "READY", BEGAN, "CANCELLED"))
    assert stopped == "Crawler c was stopped: Glue gave no reason; see /aws-glue/crawlers"
