"""Each role may do its part and nothing else: asked of the running stack, with sessions of the roles themselves."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from role_questions import (
    CRAWLER,
    ERASED,
    SILVER,
    Ask,
    answer_task,
    change_role,
    crawl,
    crawl_elsewhere,
    delete,
    describe_run,
    drop_gold_table,
    drop_ledger,
    erase,
    get,
    invoke,
    list_ledger,
    listing,
    make_table,
    publish,
    put,
    put_events,
    query,
    read_gold_table,
    read_ledger,
    read_partitions,
    read_silver_table,
    receive,
    see_queue,
    send,
    start_job,
    start_run,
    write_ledger,
)

from tests.lake import Lake

REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403", "AuthorizationErrorException"}

ALLOWED = [
    ("gate", get("bronze/probe")),
    ("gate", put("silver/activity/users/data/probe")),
    ("gate", put("quarantine/activity/users/f/probe")),
    ("gate", write_ledger()),
    ("gate", publish()),
    ("gate", see_queue()),
    ("commit", get("silver/activity/users/_delta_log/probe")),
    ("commit", put("silver/activity/users/_delta_log/probe")),
    ("commit", listing("silver/activity/users/_delta_log/")),
    ("commit", write_ledger()),
    ("gold", get("silver/activity/users/data/probe")),
    ("gold", put("gold/activity/user_activity/run=r/a/probe")),
    ("gold", write_ledger()),
    ("activity-glue-gold", get("silver/activity/users/data/probe")),
    ("activity-glue-gold", put("gold/activity/user_activity/run=r/a/probe")),
    ("activity-glue-gold", write_ledger()),
    ("publish", read_gold_table()),
    ("publish", write_ledger()),
    ("publish", put_events("lakegate")),
    ("publish", publish()),
    ("failed", write_ledger()),
    ("failed", publish()),
    ("derive", get("silver/carts/carts/data/probe")),
    ("derive", put("gold/carts/promotions/run=r/a/probe")),
    ("derive", put("exports/carts/promotions/run=r/a/t.csv")),
    ("derive", read_gold_table("promotions")),
    ("derive", put_events("lakegate")),
    ("compact", get("silver/transactions/transactions/data/probe")),
    ("compact", put("silver/transactions/transactions/data/compact-probe.parquet")),
    ("compact", put("silver/transactions/transactions/_delta_log/probe")),
    ("compact", read_ledger()),
    ("sweep", read_ledger()),
    ("sweep", list_ledger()),
    ("sweep", write_ledger()),
    ("sweep", start_run("activity")),
    ("sweep", describe_run("lakegate-activity")),
    ("sweep", publish()),
    ("sweep", send("FunctionsDeadLetters")),
    ("crawl", crawl(CRAWLER)),
    ("crawled", crawl(CRAWLER)),
    ("crawled", answer_task("lakegate-sales")),
    ("carts-generate", put("bronze/carts/_probe/x/y")),
    ("carts-generate", send("FunctionsDeadLetters")),
    ("sales-raw-crawler", get("bronze/sales/transactions/probe")),
    ("sales-raw-crawler", listing("bronze/sales/transactions/")),
    ("sales-raw-crawler", make_table("bronze", "sales_transactions")),
    ("shipping-raw-crawler", get("silver/shipping/shipments/_delta_log/probe")),
    ("shipping-raw-crawler", make_table("silver", "shipping_shipments")),
    ("shipping-processed-crawler", get("gold/shipping/shipments/probe")),
    ("shipping-processed-crawler", read_gold_table("shipments")),
    ("activity-workflow", invoke("commit")),
    ("activity-workflow", invoke("publish")),
    ("shipping-workflow", invoke("crawl")),
    ("sales-workflow", invoke("load")),
    ("shipping-workflow", query()),
    ("shipping-workflow", publish()),
    ("shipping-workflow", get("gold/shipping/shipments/probe")),
]

DENIED = [
    ("gate", put("gold/activity/user_activity/run=r/a/probe")),
    ("gate", put("bronze/probe")),
    ("gate", delete("bronze/probe")),
    ("gate", put("silver/activity/users/_delta_log/probe")),
    ("gate", get("gold/activity/user_activity/run=r/a/probe")),
    ("gate", drop_ledger()),
    ("gate", read_gold_table()),
    ("gate", start_job()),
    ("gate", start_run("no-pipeline")),
    ("commit", get("bronze/probe")),
    ("commit", put("silver/activity/users/data/probe")),
    ("commit", delete("silver/activity/users/_delta_log/probe")),
    ("commit", put("gold/activity/user_activity/run=r/a/probe")),
    ("commit", listing("bronze/")),
    ("commit", publish()),
    ("commit", start_run("activity")),
    ("gold", get("bronze/probe")),
    ("gold", put("silver/activity/users/data/probe")),
    ("gold", get("quarantine/activity/users/f/probe")),
    ("gold", read_gold_table()),
    ("activity-glue-gold", get("bronze/probe")),
    ("activity-glue-gold", put("silver/activity/users/_delta_log/probe")),
    ("activity-glue-gold", get("quarantine/activity/users/f/probe")),
    ("activity-glue-gold", drop_gold_table()),
    ("publish", get("bronze/probe")),
    ("publish", get("silver/activity/users/data/probe")),
    ("publish", get("gold/activity/user_activity/run=r/a/probe")),
    ("publish", read_silver_table()),
    ("publish", drop_gold_table()),
    ("publish", put_events("somebody.else")),
    ("publish", put_events("lakegate", "somebody.else")),
    ("publish", invoke("derive")),
    ("derive", get("bronze/probe")),
    ("derive", put("silver/carts/carts/data/probe")),
    ("derive", put_events("aws.probe")),
    ("derive", start_run("carts")),
    ("compact", get("bronze/probe")),
    ("compact", put("silver/transactions/transactions/data/probe")),
    ("compact", delete("silver/transactions/transactions/data/probe")),
    ("compact", write_ledger()),
    ("compact", put("gold/transactions/transactions/run=r/a/probe")),
    ("sweep", get("bronze/probe")),
    ("sweep", get("silver/activity/users/data/probe")),
    ("sweep", put("quarantine/activity/users/f/probe")),
    ("sweep", drop_ledger()),
    ("sweep", start_run("no-pipeline")),
    ("sweep", describe_run("somebody-elses")),
    ("sweep", read_gold_table()),
    ("sweep", send("GateDeadLetters")),
    ("load", get("silver/activity/users/data/probe")),
    ("load", put("gold/activity/user_activity/run=r/a/probe")),
    ("load", read_gold_table()),
    ("crawl", answer_task("lakegate-sales")),
    ("crawled", answer_task("somebody-elses")),
    ("crawl", crawl_elsewhere()),
    ("crawled", crawl_elsewhere()),
    ("crawl", read_gold_table()),
    ("crawled", start_run("activity")),
    ("crawled", write_ledger()),
    ("carts-generate", put("bronze/sales/_probe/x/y")),
    ("carts-generate", get("bronze/probe")),
    ("carts-generate", delete("bronze/carts/_probe/x/y")),
    ("carts-generate", write_ledger()),
    ("carts-generate", send("GateDeadLetters")),
    ("sales-raw-crawler", put("bronze/sales/transactions/probe")),
    ("sales-raw-crawler", make_table("gold")),
    ("sales-raw-crawler", drop_gold_table()),
    ("sales-raw-crawler", get("silver/sales/transactions/data/probe")),
    ("shipping-processed-crawler", make_table("gold", "shipments")),
    ("shipping-processed-crawler", get("silver/shipping/shipments/data/probe")),
    ("failed", get("bronze/probe")),
    ("failed", read_gold_table()),
    ("failed", start_run("activity")),
    ("activity-workflow", get("gold/activity/user_activity/run=r/a/probe")),
    ("activity-workflow", get("silver/activity/users/data/probe")),
    ("activity-workflow", invoke("gate")),
    ("activity-workflow", invoke("derive")),
    ("activity-workflow", invoke("carts-generate")),
    ("activity-workflow", crawl("sales-raw")),
    ("activity-workflow", start_job()),
    ("activity-workflow", write_ledger()),
]

FOREIGN = [
    ("gate", put("silver/no-pipeline/d/data/probe")),
    ("gate", put("quarantine/no-pipeline/d/f/probe")),
    ("commit", put("silver/no-pipeline/d/_delta_log/probe")),
    ("commit", listing("silver/no-pipeline/d/_delta_log/")),
    ("gold", put("gold/no-pipeline/t/run=r/a/probe")),
    ("gold", get("silver/no-pipeline/d/data/probe")),
    ("activity-glue-gold", get("silver/carts/carts/data/probe")),
    ("activity-glue-gold", put("gold/carts/promotions/run=r/a/probe")),
    ("activity-glue-gold", listing("gold/carts/")),
    ("publish", read_gold_table("no_pipelines_table")),
    ("derive", read_gold_table("user_activity")),
    ("sales-raw-crawler", make_table("bronze", "shipping_shipments")),
    ("shipping-raw-crawler", make_table("silver", "sales_transactions")),
    ("derive", get("silver/activity/users/data/probe")),
    ("derive", put("gold/activity/user_activity/run=r/a/probe")),
    ("compact", get("silver/activity/users/data/probe")),
    ("compact", put("silver/activity/users/data/compact-probe.parquet")),
    ("crawl", crawl("no-pipeline-raw")),
    ("crawled", answer_task("lakegate-activity")),
    ("sales-raw-crawler", get("bronze/shipping/shipments/probe")),
    ("sales-raw-crawler", listing("bronze/shipping/")),
    ("activity-workflow", invoke("load")),
    ("activity-workflow", invoke("crawl")),
    ("activity-workflow", query()),
    ("activity-workflow", publish()),
    ("activity-workflow", start_job("carts-gold")),
    ("shipping-workflow", get("gold/activity/user_activity/run=r/a/probe")),
    ("shipping-workflow", invoke("load")),
]
"""What belongs to a pipeline that the role does not work for."""

OPERATOR_MAY = [
    put("bronze/activity/_probe/x/y/z"),
    get("bronze/probe"),
    get("silver/activity/users/data/probe"),
    get("gold/activity/user_activity/run=r/a/probe"),
    get("quarantine/activity/users/f/probe"),
    listing("gold/"),
    read_ledger(),
    read_gold_table(),
    invoke("carts-generate"),
    invoke("derive"),
    crawl(CRAWLER),
    read_partitions(),
    query(),
]

OPERATOR_MAY_NOT = [
    invoke("publish"),
    invoke("load"),
    put_events("lakegate"),
    make_table("bronze"),
    put("silver/activity/users/data/probe"),
    put("gold/activity/user_activity/run=r/a/probe"),
    put("quarantine/activity/users/f/probe"),
    delete("bronze/probe"),
    drop_ledger(),
    drop_gold_table(),
    change_role(),
    receive(),
    invoke("gate"),
]


def refused(lake: Lake, client: Any, ask: Ask) -> bool:
    """Whether AWS refuses for want of a permission. Any other answer, errors included, means that it was permitted."""
    try:
        ask(lake, client)
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSED
    return False


@pytest.fixture(scope="module", autouse=True)
def _probes(lake: Lake) -> None:
    """Objects to be read, so that a missing one is not taken for a permitted read."""
    for key in (*ERASED, f"{SILVER}/_delta_log/probe"):
        lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=b"x")


@pytest.mark.parametrize(("who", "asked"), ALLOWED)
def test_role_may_do_its_part(lake: Lake, who: str, asked: tuple[str, Ask]) -> None:
    service, ask = asked
    assert not refused(lake, lake.as_role(who, service), ask)


@pytest.mark.parametrize(("who", "asked"), [*DENIED, *FOREIGN])
def test_role_may_do_nothing_else(lake: Lake, who: str, asked: tuple[str, Ask]) -> None:
    service, ask = asked
    assert refused(lake, lake.as_role(who, service), ask)


def test_whoever_deploys_sees_which_partitions_are_gone(lake: Lake) -> None:
    service, ask = read_partitions()
    assert not refused(lake, lake.as_person("deployer", service), ask)


@pytest.mark.parametrize("asked", OPERATOR_MAY)
def test_operator_may_bring_files_and_read(lake: Lake, asked: tuple[str, Ask]) -> None:
    service, ask = asked
    assert not refused(lake, lake.as_person("operator", service), ask)


@pytest.mark.parametrize("asked", OPERATOR_MAY_NOT)
def test_operator_may_not_change_what_the_lake_made(lake: Lake, asked: tuple[str, Ask]) -> None:
    service, ask = asked
    assert refused(lake, lake.as_person("operator", service), ask)


ERASER_MAY = [
    put("bronze/probe"),
    get("silver/activity/users/data/probe"),
    listing("silver/"),
    write_ledger(),
    *map(erase, ERASED),
]
ERASER_MAY_NOT = [
    put("silver/activity/users/data/probe"),
    put("gold/activity/user_activity/run=r/a/probe"),
    delete("bronze/probe"),
    erase("silver/activity/users/_delta_log/probe"),
    drop_ledger(),
    drop_gold_table(),
    start_run("activity"),
    invoke("gate"),
    publish(),
]


@pytest.mark.parametrize("asked", ERASER_MAY)
def test_eraser_may_remove_versions_for_good(lake: Lake, asked: tuple[str, Ask]) -> None:
    service, ask = asked
    assert not refused(lake, lake.as_person("eraser", service), ask)


@pytest.mark.parametrize("asked", ERASER_MAY_NOT)
def test_eraser_may_not_make_anything_itself(lake: Lake, asked: tuple[str, Ask]) -> None:
    service, ask = asked
    assert refused(lake, lake.as_person("eraser", service), ask)


@pytest.mark.parametrize("key", ERASED)
def test_operator_may_not_remove_versions(lake: Lake, key: str) -> None:
    service, ask = erase(key)
    assert refused(lake, lake.as_person("operator", service), ask)
