"""Deployed crawlers, under their role from `iam/`, and the functions around them; Athena on what they found."""

import json
from dataclasses import replace

import pytest
from athena_client import Athena
from crawling import ndjson, wait_until_ready

from deploy import deploy_stack, settings_of
from tests.lake import Lake

FOLDER = "bronze/sales/transactions/year=2026/month=01/day=01"


@pytest.fixture(scope="module")
def lake(lake: Lake) -> Lake:
    """The stack once more: what other tests leave in bronze would change the raw tables."""
    config = replace(lake.config, prefix="crawls")
    outputs = deploy_stack(lake.aws.session(), config, endpoint_url=lake.aws.endpoint_url)
    return Lake(lake.aws, config, outputs, settings_of(outputs))


def test_a_deployed_crawler_works_under_its_role_and_athena_reads_what_it_found(lake: Lake) -> None:
    # No dataset's path: the gate refuses the file, the crawler describes whatever lies there.
    rows = ({"transaction_id": "t1", "quantity": 2, "price": 1.5}, {"transaction_id": "t2", "quantity": 1, "price": 2})
    lake.client("s3").put_object(Bucket=lake.bucket, Key=f"{FOLDER}/raw.data", Body=ndjson(*rows).encode())
    crawler = lake.named("sales-raw")
    lake.client("glue").start_crawler(Name=crawler)
    last = wait_until_ready(lake.aws, crawler)
    assert last["Status"] == "SUCCEEDED", last
    database = lake.settings.gold_database.removesuffix("gold") + "bronze"
    athena = Athena(lake.aws, lake.bucket, database)
    query = "SELECT transaction_id, quantity, price FROM sales_transactions WHERE year = '2026' AND day = '01'"
    assert {("t1", "2", "1.5"), ("t2", "1", "2.0")} <= {tuple(row) for row in athena.rows(query)}


def test_a_file_of_another_format_does_not_stop_a_deployed_crawler(lake: Lake) -> None:
    """It makes tables of its own of what does not fit together, whose names begin with the pipeline's: anybody who may
    put a file into bronze, which the gate refuses a moment later, would stop the pipeline otherwise."""
    rows = ndjson({"transaction_id": "t1", "quantity": 2, "price": 1.5})
    before = tables(lake)
    for key, body in (("transactions/odd.csv", "a,b\n1,2\n"), ("transactions/deep/odd.data", rows)):
        lake.client("s3").put_object(Bucket=lake.bucket, Key=f"bronze/sales/{key}", Body=body.encode())
    crawler = lake.named("sales-raw")
    lake.client("glue").start_crawler(Name=crawler)
    last = wait_until_ready(lake.aws, crawler)
    assert last["Status"] == "SUCCEEDED", last
    assert {name.split("_")[0] for name in tables(lake) - before} <= {"sales"}


def tables(lake: Lake) -> set[str]:
    database = lake.settings.gold_database.removesuffix("gold") + "bronze"
    return {one["Name"] for one in lake.client("glue").get_tables(DatabaseName=database)["TableList"]}


def test_the_deployed_functions_ask_and_answer_under_their_roles(lake: Lake) -> None:
    """The task of the token is over: `crawled` may answer it, is told so, and forgets it."""
    from localaws.task_tokens import token_of

    crawler = lake.named("sales-raw")
    token = token_of(f"{lake.settings.state_machine_arn_prefix}sales")
    request = {"crawler": crawler, "pipeline": "sales", "batch": "b", "run_id": "r", "token": token}
    answer = lake.client("lambda").invoke(FunctionName=lake.named("crawl"), Payload=json.dumps(request).encode())
    assert json.loads(answer["Payload"].read())["crawler"] == crawler
    wait_until_ready(lake.aws, crawler)
    event = {"detail-type": "Glue Crawler State Change", "detail": {"crawlerName": crawler, "state": "Succeeded"}}
    answer = lake.client("lambda").invoke(FunctionName=lake.named("crawled"), Payload=json.dumps(event).encode())
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    waiting = lake.client("dynamodb").query(
        TableName=lake.settings.ledger_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"_crawl#{crawler}"}},
        ConsistentRead=True,
    )
    assert waiting["Items"] == []
