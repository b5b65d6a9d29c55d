"""Adding a pipeline is adding a folder: the one that docs/adding-a-pipeline.md walks through, taken from that page."""

import csv
import io
import json
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from athena_client import Athena

from deploy import deploy_stack, settings_of
from deploy.config import PIPELINES_DIR
from lakehouse.ledger.items import FileRecord, RunRecord
from lakehouse.ledger.store import Ledger
from tests.lake import Lake
from tests.page import page_files, write_page_files

ROWS = 60
EVENT = {"rows": ROWS, "seed": 7, "dirty": 0.05, "time": "2026-01-31T05:00:00Z"}
FAULT_OF = {"damaged": "shop", "wrong item": "shop", "too small": "customer", "changed mind": "customer"}


@pytest.fixture(scope="module")
def sixth(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """All pipelines and the page's one, deployed under a prefix of their own."""
    folder = tmp_path_factory.mktemp("sixth")
    shutil.copytree(PIPELINES_DIR, folder / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    write_page_files(folder, "pipelines/")
    config = replace(lake.config, prefix="sixth")
    where = {"endpoint_url": lake.aws.endpoint_url, "pipelines_dir": folder / "pipelines"}
    outputs = deploy_stack(lake.aws.session(), config, **where)
    return Lake(lake.aws, config, outputs, settings_of(outputs))


@pytest.fixture(scope="module")
def generated(sixth: Lake) -> dict[str, Any]:
    """What the generator's function answered, once its file is gold."""
    answer = sixth.client("lambda").invoke(FunctionName=sixth.named("returns-generate"), Payload=json.dumps(EVENT))
    said: dict[str, Any] = json.load(answer["Payload"])
    assert "FunctionError" not in answer, said
    eventually(lambda: ended_execution(sixth))
    return said


def ended_execution(sixth: Lake) -> dict[str, Any] | None:
    machine = sixth.settings.state_machine_arn_prefix + "returns"
    executions = sixth.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    arn = next((one["executionArn"] for one in executions if one["status"] != "RUNNING"), None)
    return sixth.client("stepfunctions").describe_execution(executionArn=arn) if arn else None


def eventually(look: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
    return found


def good_rows(text: str) -> list[dict[str, str]]:
    """The rows that keep the page's contract, judged without any code of the lake."""
    return [
        row
        for row in csv.DictReader(io.StringIO(text))
        if row["reason"] in FAULT_OF
        and Decimal(row["refund"]) == int(row["quantity"]) * Decimal(row["price"])
        and re.fullmatch(r"\d{4}/(0\d|1[0-2])/\d\d", row["returned_on"])
    ]


def average(refunds: list[Decimal]) -> Decimal:
    return (sum(refunds, Decimal(0)) / len(refunds)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def expected_answer(rows: list[dict[str, str]]) -> list[list[str]]:
    """What the page's query must answer."""
    of_reason: defaultdict[str, list[Decimal]] = defaultdict(list)
    for row in rows:
        of_reason[row["reason"]].append(Decimal(row["refund"]))
    sums = sorted(of_reason.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [
        [reason, FAULT_OF[reason], str(len(refunds)), str(sum(refunds)), str(average(refunds))]
        for reason, refunds in sums
    ]


def test_the_page_has_the_files_that_it_speaks_of() -> None:
    assert {Path(path).name for path in page_files()} >= {
        "pipeline.toml",
        "refunds_by_reason.sql",
        "generate.py",
        "costly_reasons.sql",
    }


def test_its_generator_puts_the_same_file_again_and_is_heard_once(sixth: Lake, generated: dict[str, Any]) -> None:
    assert generated["pipeline"] == "returns"
    (key,) = generated["keys"]
    assert key == "bronze/returns/returns/date=2026-01-31/returns-20260131T050000Z.csv"
    first = sixth.client("s3").get_object(Bucket=sixth.bucket, Key=key)["Body"].read()
    answer = sixth.client("lambda").invoke(FunctionName=sixth.named("returns-generate"), Payload=json.dumps(EVENT))
    assert json.load(answer["Payload"]) == generated
    assert sixth.client("s3").get_object(Bucket=sixth.bucket, Key=key)["Body"].read() == first
    machine = sixth.settings.state_machine_arn_prefix + "returns"
    assert len(sixth.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]) == 1


def test_its_rows_balance_and_the_bad_ones_have_their_reasons(sixth: Lake, generated: dict[str, Any]) -> None:
    ledger = Ledger(sixth.client("dynamodb"), sixth.settings.ledger_table)
    (file,) = ledger.files("returns")
    assert isinstance(file, FileRecord)
    text = sixth.client("s3").get_object(Bucket=sixth.bucket, Key=generated["keys"][0])["Body"].read().decode()
    good = good_rows(text)
    assert (file.verdict, file.rows_in, file.rows_accepted) == ("accepted", ROWS, len(good))
    assert 0 < file.rows_quarantined == ROWS - len(good)
    assert set(file.by_reason) <= {"unknown_reference", "check_failed", "bad_format"}


def test_it_ran_to_published_gold_on_duckdb(sixth: Lake, generated: dict[str, Any]) -> None:
    execution = ended_execution(sixth)
    assert execution is not None
    assert execution["status"] == "SUCCEEDED", (execution.get("error"), execution.get("cause"))
    (run,) = Ledger(sixth.client("dynamodb"), sixth.settings.ledger_table).runs("returns")
    assert isinstance(run, RunRecord)
    assert (run.status, run.engine, run.batch) == ("published", "duckdb", "2026-01-31")


def test_its_query_answers_through_athena(sixth: Lake, generated: dict[str, Any]) -> None:
    text = sixth.client("s3").get_object(Bucket=sixth.bucket, Key=generated["keys"][0])["Body"].read().decode()
    athena = Athena(sixth.aws, sixth.bucket, sixth.settings.gold_database)
    (query,) = [text for path, text in page_files().items() if path.endswith("costly_reasons.sql")]
    answer = athena.run(query, WorkGroup=sixth.config.prefix)
    assert answer.state == "SUCCEEDED", answer.reason
    assert answer.header == ["reason", "fault_of", "returns", "refunded", "average_refund"]
    assert answer.rows == expected_answer(good_rows(text))


def test_the_first_five_are_there_as_before(sixth: Lake, lake: Lake) -> None:
    """Both stacks have the same things, but for the sixth pipeline's."""

    def kinds(of: Lake) -> set[tuple[str, str]]:
        pages = of.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=of.config.prefix)
        return {
            (one["LogicalResourceId"], one["ResourceType"]) for page in pages for one in page["StackResourceSummaries"]
        }

    more = kinds(sixth) - kinds(lake)
    assert kinds(lake) <= kinds(sixth)
    assert more
    assert all(name.startswith("Returns") for name, _ in more)
