"""Crawlers through Glue's API: states, permissions, events, logs, CloudFormation; and Athena on what they found."""

import gzip
import json
from typing import Any

import pytest
from athena_client import Athena
from botocore.exceptions import ClientError
from crawl_world import Held
from crawling import BUCKET, CATALOG, FILES, LOGS, Crawling, client, ndjson, new_world, prepare, wait_until_ready
from event_queue import queue_of_events
from glue_job import make_role
from test_localaws_cloudformation import deploy

from localaws import EmbeddedAws


@pytest.fixture(scope="module", autouse=True)
def prepared(aws: EmbeddedAws) -> None:
    prepare(aws)


@pytest.fixture
def world(aws: EmbeddedAws) -> Crawling:
    return new_world(aws, "sales")


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_a_crawler_runs_once_at_a_time_and_can_be_stopped(world: Crawling, monkeypatch: pytest.MonkeyPatch) -> None:
    glue = client(world.aws, "glue")
    world.put("a.json", ndjson({"a": 1}))
    name = world.make("states")
    with pytest.raises(ClientError) as refused:
        glue.stop_crawler(Name=name)
    assert code(refused) == "CrawlerNotRunningException"
    held = Held(monkeypatch)
    glue.start_crawler(Name=name)
    held.began.wait(10)
    shown = glue.get_crawler(Name=name)["Crawler"]
    assert (shown["State"], shown["CrawlElapsedTime"] > 0, shown.get("LastCrawl")) == ("RUNNING", True, None)
    for act in (glue.start_crawler, glue.delete_crawler, glue.update_crawler):
        with pytest.raises(ClientError) as refused:
            act(Name=name)
        assert code(refused) == "CrawlerRunningException"
    glue.stop_crawler(Name=name)
    assert glue.get_crawler(Name=name)["Crawler"]["State"] == "STOPPING"
    with pytest.raises(ClientError) as refused:
        glue.stop_crawler(Name=name)
    assert code(refused) == "CrawlerStoppingException"
    held.release()
    assert wait_until_ready(world.aws, name)["Status"] == "CANCELLED"
    assert world.tables() == {}
    glue.delete_crawler(Name=name)
    for act in (glue.start_crawler, glue.get_crawler):
        with pytest.raises(ClientError) as refused:
            act(Name=name)
        assert code(refused) == "EntityNotFoundException"


def test_a_crawl_that_a_killed_server_left_running_is_over(world: Crawling) -> None:
    from ministack.services import glue

    from localaws import crawlers

    name = world.make("lost")
    record = glue._crawlers._data[world.aws.account_id, world.aws.region, name]
    record.update(State="RUNNING", StartedAt=1.0)  # as it is saved
    crawlers.close_lost_crawls()
    shown = client(world.aws, "glue").get_crawler(Name=name)["Crawler"]
    assert (shown["State"], shown["LastCrawl"]["Status"]) == ("READY", "FAILED")
    assert shown["LastCrawl"]["ErrorMessage"] == "The embedded AWS was ended meanwhile"
    assert world.crawl(name)["Status"] == "SUCCEEDED"


def test_start_and_end_are_events_with_awss_fields(world: Crawling) -> None:
    pattern = {"source": ["aws.glue"], "detail": {"crawlerName": ["tells"]}}
    next_event = queue_of_events(world.aws, "crawler-events", pattern)
    world.put("day=1/a.json", ndjson({"a": 1}))
    world.crawl(world.make("tells"))
    events = sorted((next_event(), next_event()), key=lambda event: str(event["detail"]["state"]))
    started, ended = (event["detail"] for event in events)
    assert {event["detail-type"] for event in events} == {"Glue Crawler State Change"}
    assert started.keys() == {"accountId", "crawlerName", "startTime", "state", "message"}
    assert (started["state"], started["message"]) == ("Started", "Crawler Started")
    assert ended.pop("completionDate").endswith("Z")
    assert "/aws-glue/crawlers" in ended.pop("cloudWatchLogLink")
    assert int(ended.pop("runningTime (sec)")) < 60
    assert ended == {
        "accountId": world.aws.account_id,
        "crawlerName": "tells",
        "state": "Succeeded",
        "message": "Crawler Succeeded",
        "tablesCreated": "1",
        "tablesUpdated": "0",
        "tablesDeleted": "0",
        "partitionsCreated": "1",
        "partitionsUpdated": "0",
        "partitionsDeleted": "0",
        "warningMessage": "N/A",
    }


def test_a_crawl_works_with_its_role_alone_and_says_what_it_may_not(world: Crawling) -> None:
    pattern = {"detail-type": ["Glue Crawler State Change"], "detail": {"state": ["Failed"]}}
    next_event = queue_of_events(world.aws, "crawler-failures", pattern)
    world.put("a.json", ndjson({"a": 1}))
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    roles = {
        "crawls-no-files": (make_role(world.aws, "crawls-no-files", CATALOG, LOGS), "s3:ListBucket"),
        "crawls-no-catalog": (make_role(world.aws, "crawls-no-catalog", FILES, LOGS), "glue:GetTable"),
        "crawls-untrusted": (
            make_role(world.aws, "crawls-untrusted", trust={"Version": "2012-10-17", "Statement": [trust]}),
            "does not trust glue.amazonaws.com",
        ),
    }
    for name, (role, reason) in roles.items():
        last = world.crawl(world.make(name, Role=role))
        assert (last["Status"], last["LogGroup"], last["LogStream"]) == ("FAILED", "/aws-glue/crawlers", name)
        assert reason in last["ErrorMessage"]
        failed = next_event()["detail"]
        assert (failed["crawlerName"], failed["message"]) == (name, "Crawler Failed")
        assert failed["errorMessage"] == last["ErrorMessage"]
    assert world.tables() == {}
    silent = world.make("crawls-silently", Role=make_role(world.aws, "crawls-silently", FILES, CATALOG))
    assert world.crawl(silent)["Status"] == "SUCCEEDED"


def test_the_log_says_what_was_done_and_left_out(world: Crawling) -> None:
    world.put("a.json", ndjson({"a": 1}))
    world.put("b.bin", b"\x00\xff\x00\xff")
    last = world.crawl(world.make("logs"))
    found = client(world.aws, "logs").get_log_events(
        logGroupName="/aws-glue/crawlers", logStreamName="logs", startFromHead=True
    )
    lines = [event["message"] for event in found["events"]]
    assert all(line.startswith(f"[{last['MessagePrefix']}] ") for line in lines)
    said = "\n".join(lines)
    assert "BENCHMARK : Running Start Crawl for Crawler logs" in said
    assert f"WARN : No classifier knows the format of {world.url('b.bin')}" in said
    assert "INFO : Created table sales" in said


@pytest.mark.parametrize(
    "settings",
    [
        {"Targets": {}},
        {"Targets": {"JdbcTargets": [{"ConnectionName": "c", "Path": "p"}]}},
        {"Targets": {"DeltaTargets": [{"DeltaTables": ["s3://b/t/"], "WriteManifest": True}]}},
        {"Configuration": "{"},
    ],
    ids=["none", "jdbc", "manifest", "configuration"],
)
def test_what_cannot_be_crawled_is_refused_when_it_is_made(world: Crawling, settings: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        world.make("refused", **settings)
    assert code(refused) == "InvalidInputException"


def stack(world: Crawling, path: str, **more: Any) -> dict[str, Any]:
    role = f"arn:aws:iam::{world.aws.account_id}:role/crawler-role"
    properties = {"Name": "of-stack", "Role": role, "DatabaseName": world.database, **more}
    targets = {"S3Targets": [{"Path": path}]}
    return {"Crawler": {"Type": "AWS::Glue::Crawler", "Properties": {**properties, "Targets": targets}}}


def test_a_stack_makes_changes_schedules_and_deletes_a_crawler(world: Crawling) -> None:
    from localaws import crawlers

    glue = client(world.aws, "glue")
    world.put("a.json", ndjson({"a": 1}))
    schedule = {"Schedule": {"ScheduleExpression": "cron(0 2 * * ? *)"}}
    deploy(world.aws, "crawling", stack(world, world.url("none/"), TablePrefix="x_", **schedule))
    shown = glue.get_crawler(Name="of-stack")["Crawler"]
    assert shown["Schedule"] == {"ScheduleExpression": "cron(0 2 * * ? *)", "State": "SCHEDULED"}
    assert dict(crawlers.scheduled())["of-stack"] == "cron(0 2 * * ? *)"
    deploy(world.aws, "crawling", stack(world, world.url(), TablePrefix="p_"), update=True)
    assert "of-stack" not in dict(crawlers.scheduled())
    crawlers.start("of-stack")
    assert wait_until_ready(world.aws, "of-stack")["Status"] == "SUCCEEDED"
    assert list(world.tables()) == ["p_sales"]
    client(world.aws, "cloudformation").delete_stack(StackName="crawling")
    client(world.aws, "cloudformation").get_waiter("stack_delete_complete").wait(
        StackName="crawling", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    with pytest.raises(KeyError):
        crawlers.start("of-stack")


def athena(world: Crawling) -> Athena:
    return Athena(world.aws, BUCKET, world.database)


def test_athena_answers_from_crawled_csv_with_header_and_partitions(world: Crawling) -> None:
    world.put("year=2026/month=01/a.csv", "id,city,price\n1,Rome,2.5\n2,Oslo,\n")
    world.put("year=2026/month=02/a.csv", "id,city,price\n3,Bonn,4\n")
    world.crawl(world.make("athena-csv"))
    rows = athena(world).rows("SELECT id, city, price, year, month FROM sales ORDER BY id")
    assert rows == [
        ["1", "Rome", "2.5", "2026", "01"],
        ["2", "Oslo", None, "2026", "01"],
        ["3", "Bonn", "4.0", "2026", "02"],
    ]


def test_athena_answers_from_crawled_json_lines_zipped_nested_and_partitioned(world: Crawling) -> None:
    first = ndjson({"id": 1, "who": {"name": "Ann"}, "tags": ["x", "y"]}, {"id": 2, "who": {"name": "Bob"}, "tags": []})
    world.put("date=2026-01-01/a.json.gz", gzip.compress(first.encode()))
    world.put("date=2026-01-02/a.json.gz", gzip.compress(ndjson({"id": 2**40, "who": None, "tags": None}).encode()))
    world.crawl(world.make("athena-json"))
    rows = athena(world).rows(
        "SELECT id, who.name, cardinality(tags), date FROM sales WHERE date >= '2026' ORDER BY id"
    )
    assert rows == [
        ["1", "Ann", "2", "2026-01-01"],
        ["2", "Bob", "0", "2026-01-01"],
        [str(2**40), None, None, "2026-01-02"],
    ]


def test_a_json_document_over_several_lines_is_crawled_but_not_readable_as_on_aws(world: Crawling) -> None:
    world.put("a.json", json.dumps({"id": 1, "city": "Rome"}, indent=2))
    world.crawl(world.make("athena-document"))
    assert world.columns("sales") == {"id": "int", "city": "string"}
    answer = athena(world).run("SELECT * FROM sales")
    assert (answer.state, answer.reason.split(":")[0]) == ("FAILED", "HIVE_BAD_DATA")
