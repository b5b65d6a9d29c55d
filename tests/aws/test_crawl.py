"""Workflows that wait for a crawler: answers, races, lost events, and a crash at every call."""

import json
import time
from typing import Any

import pytest
from crawl_world import Crash, CrashError, CrawlWorld, Held, wait_until
from crawling import prepare, wait_until_ready

from lakehouse.errors import CrawlError, EventError
from localaws import EmbeddedAws


@pytest.fixture(scope="module", autouse=True)
def prepared(aws: EmbeddedAws) -> None:
    prepare(aws)


@pytest.fixture(scope="module")
def world(aws: EmbeddedAws) -> CrawlWorld:
    return CrawlWorld(aws)


def nobody_waits(world: CrawlWorld) -> bool:
    return not world.waiting()


def test_the_task_ends_when_the_crawl_has_ended(world: CrawlWorld) -> None:
    execution = world.start("plain")
    assert world.crawl(world.next_request()) is True
    event = world.next_event()
    assert world.crawled(event) == {"crawler": world.crawler, "answered": 1, "started": False}
    done = world.ended(execution)
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"])["crawler"] == world.crawler
    assert nobody_waits(world)
    assert world.crawled(event)["answered"] == 0


def test_a_failed_crawl_fails_the_task_with_glues_reason(aws: EmbeddedAws) -> None:
    targets = {"S3Targets": [{"Path": "s3://no-such-bucket-anywhere/x/"}]}
    world = CrawlWorld(aws, retries=0, Targets=targets)
    execution = world.start("fails")
    world.crawl(world.next_request())
    assert world.crawled(world.next_event())["answered"] == 1
    done = world.ended(execution)
    assert (done["status"], done["error"]) == ("FAILED", "CrawlerFailed")
    assert done["cause"].startswith(f"Crawler {world.crawler} failed: ")
    assert "AccessDenied" in done["cause"] or "NoSuchBucket" in done["cause"]


def test_who_asks_while_a_crawl_runs_gets_one_that_began_later(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = CrawlWorld(aws)
    held = Held(monkeypatch)
    early, late = world.start("early"), None
    assert world.crawl(world.next_request()) is True
    held.began.wait(10)
    late = world.start("late")
    assert world.crawl(world.next_request()) is False
    held.release()
    first = world.crawled(world.next_event())
    assert (first["answered"], first["started"]) == (1, True)
    assert world.ended(early)["status"] == "SUCCEEDED"
    assert world.running(late)
    second = world.crawled(world.next_event())
    assert (second["answered"], second["started"]) == (1, False)
    assert world.ended(late)["status"] == "SUCCEEDED"
    assert world.crawls() == 2


def test_an_event_that_precedes_the_crawlers_state_is_no_loss(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = CrawlWorld(aws)
    held = Held(monkeypatch)
    execution = world.start("ahead")
    world.crawl(world.next_request())
    held.began.wait(10)
    looks = []

    def let_it_end(_: float) -> None:
        looks.append(1)
        held.release()
        wait_until_ready(aws, world.crawler)

    done = world.crawled({"detail": {"crawlerName": world.crawler}}, sleep=let_it_end)
    assert (done["answered"], len(looks)) == (1, 1)
    assert world.ended(execution)["status"] == "SUCCEEDED"


def test_a_lost_event_is_made_up_for_by_the_timeout(aws: EmbeddedAws) -> None:
    world = CrawlWorld(aws, timeout_seconds=5)
    execution = world.start("lost")
    first = world.next_request()
    world.crawl(first)
    world.next_event()  # and nobody is told
    (lost,) = world.ledger().waiting_for_crawl(world.crawler)
    assert lost.token == first["token"]
    second = world.next_request()
    world.crawl(second)
    assert world.waiting() == [second["token"]]
    world.ledger().waited_for_crawl(lost)  # a late handler of the first crawl forgets what it knew, no more
    assert world.waiting() == [second["token"]]
    assert world.crawled(world.next_event())["answered"] == 1
    assert world.ended(execution)["status"] == "SUCCEEDED"


def test_a_stopped_crawl_sends_no_event_and_its_runs_ask_again(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = CrawlWorld(aws, timeout_seconds=5)
    held = Held(monkeypatch)
    execution = world.start("stopped")
    world.crawl(world.next_request())
    held.began.wait(10)
    world.glue.stop_crawler(Name=world.crawler)
    held.release()
    assert wait_until_ready(aws, world.crawler)["Status"] == "CANCELLED"
    world.crawl(world.next_request())
    assert world.crawled(world.next_event())["answered"] == 1
    assert world.ended(execution)["status"] == "SUCCEEDED"


def test_a_crawler_that_does_not_come_to_rest_makes_the_event_come_again(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = CrawlWorld(aws)
    held = Held(monkeypatch)
    world.glue.start_crawler(Name=world.crawler)
    held.began.wait(10)
    execution = world.start("restless")
    world.crawl(world.next_request())
    event = {"detail": {"crawlerName": world.crawler}}
    assert world.crawled(event) == {"crawler": world.crawler, "answered": 0, "started": False}  # its end will tell
    world.glue.stop_crawler(Name=world.crawler)
    with pytest.raises(CrawlError, match="STOPPING"):
        world.crawled(event)
    held.release()
    wait_until_ready(aws, world.crawler)
    assert world.crawled(event)["started"] is True
    finish(world, execution)


def test_a_token_of_an_execution_that_is_over_is_dropped(world: CrawlWorld) -> None:
    execution = world.start("aborted")
    world.crawl(world.next_request())
    event = world.next_event()
    world.states.stop_execution(executionArn=execution)
    time.sleep(0.5)
    assert world.crawled(event)["answered"] == 0
    assert nobody_waits(world)


def crash_points(calls: list[str]) -> list[tuple[int, str]]:
    return [(at, when) for at in range(len(calls)) for when in ("before-call", "after-call")]


def test_a_crash_at_any_call_of_asking_is_made_up_for_by_the_retry(world: CrawlWorld) -> None:
    for at, when in crash_points(["PutItem", "StartCrawler"]):
        execution = world.start(f"ask-{at}-{when}")
        crash = Crash(at, when)
        with pytest.raises(CrashError):
            world.crawl(world.next_request(), crash)
        assert crash.calls == ["PutItem", "StartCrawler"][: at + 1]
        world.crawl(world.next_request())
        finish(world, execution)
        assert nobody_waits(world)


def test_a_crash_at_any_call_of_answering_is_made_up_for_by_the_repeated_event(aws: EmbeddedAws) -> None:
    world = CrawlWorld(aws)
    calls = ["GetCrawler", "Query", "SendTaskSuccess", "DeleteItem"]
    for at, when in crash_points(calls):
        execution = world.start(f"answer-{at}-{when}")
        world.crawl(world.next_request())
        event = world.next_event()
        crash = Crash(at, when)
        with pytest.raises(CrashError):
            world.crawled(event, crash)
        assert crash.calls == calls[: at + 1]
        world.crawled(event)
        assert world.ended(execution)["status"] == "SUCCEEDED"
        assert nobody_waits(world)


def test_a_crash_while_the_crawler_is_started_again_is_made_up_for(
    aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for when in ("before-call", "after-call"):
        world = CrawlWorld(aws)
        with monkeypatch.context() as patch:
            held = Held(patch)
            world.glue.start_crawler(Name=world.crawler)
            held.began.wait(10)
            execution = world.start("late")
            assert world.crawl(world.next_request()) is False
            held.release()
            wait_until_ready(aws, world.crawler)
        event = world.next_event()
        crash = Crash(2, when)
        with pytest.raises(CrashError):
            world.crawled(event, crash)
        assert crash.calls == ["GetCrawler", "Query", "StartCrawler"]
        world.crawled(event)
        finish(world, execution)
        assert nobody_waits(world)


def finish(world: CrawlWorld, execution: str) -> None:
    """Hand on the events until the execution is over."""
    while world.running(execution):
        world.crawled(world.next_event())
        wait_until(lambda: not world.running(execution) or bool(world.waiting()))
    assert world.ended(execution)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("event", [{}, {"crawler": "c", "pipeline": "p", "batch": "b", "run_id": "r"}, {"crawler": 3}])
def test_a_request_without_its_fields_is_an_error(event: dict[str, Any]) -> None:
    from lakehouse.crawl.ask import request_of

    with pytest.raises(EventError, match=r"lacks .*token"):
        request_of(event)
