"""Repair by the `lake` command, in a checkout of its own whose contract changes, on a terminal of 80 columns."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.ledger.store import Ledger
from localaws.users import read_credentials
from tests.e2e.lake_command import ROOT, LakeCommand, free_port

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
RIGHT = 'name = "quantity", type = "int", min = 1,'
STRICT = 'name = "quantity", type = "int", min = 1, max = 4,'
SHIPPED = ("cli", "config", "deploy", "glue", "iam", "kms", "lakehouse", "lambda", "localaws", "pipelines")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, with a contract that refuses more than it should."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SHIPPED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    change_contract(folder, RIGHT, STRICT)
    return folder


def change_contract(checkout: Path, before: str, after: str) -> None:
    contract = checkout / "pipelines" / "transactions" / "pipeline.toml"
    text = contract.read_text()
    assert text.count(before) == 1
    contract.write_text(text.replace(before, after))


def file_of(folder: Path, day: str, quantities: Sequence[int]) -> Path:
    """A day's file with a sale for each quantity."""
    sales = [
        {
            "transaction_id": f"TXN-{day}-{number}",
            "timestamp": f"{day}T12:00:{number:02}",
            "customer_id": f"CUST-{number}",
            "product_id": "PROD-1",
            "product_name": "Thing",
            "category": "Things",
            "quantity": quantity,
            "price": 2.5,
            "total_amount": 2.5 * quantity,
        }
        for number, quantity in enumerate(quantities)
    ]
    path = folder / "transactions" / f"date={day}" / "sales.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sales))
    return path


@pytest.fixture(scope="module")
def files(lake_command: LakeCommand, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A file for each of three days, in the lake; the contract of that time refused five rows of each."""
    folder = tmp_path_factory.mktemp("files")
    made = [file_of(folder, day, [1, 2, 3, 4, 5] * 5) for day in DAYS]
    put = lake_command.ok("put", *(str(path) for path in made))
    assert [batch["rows"]["quarantined"] for batch in put] == [5, 5, 5]
    return made


@pytest.fixture(scope="module")
def lake_command(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeCommand]:
    command = LakeCommand(tmp_path_factory.mktemp("repair") / "home", free_port(), checkout, columns=80)
    assert command("up").code == 0
    yield command
    assert command("down").code == 0


def aws(lake_command: LakeCommand, service: str) -> Any:
    """A client of the administrator."""
    keys = read_credentials(lake_command.home / "credentials")["admin"]
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{lake_command.port}",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        region_name="us-east-1",
    )


def gold(lake_command: LakeCommand) -> list[dict[str, Any]]:
    """The rows that readers see through the catalog."""
    glue, s3 = aws(lake_command, "glue"), aws(lake_command, "s3")
    found = []
    for partition in glue.get_partitions(DatabaseName="lakegate_gold", TableName="transactions")["Partitions"]:
        bucket, _, prefix = partition["StorageDescriptor"]["Location"].removeprefix("s3://").partition("/")
        for listed in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            body = s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read()
            rows = pq.read_table(pa.BufferReader(body)).to_pylist()
            found += [{**row, "date": partition["Values"][0]} for row in rows]
    return sorted(found, key=lambda row: str(row["transaction_id"]))


def ledger(lake_command: LakeCommand) -> Ledger:
    return Ledger(aws(lake_command, "dynamodb"), "lakegate-ledger")


def narrow(text: str) -> None:
    """Every line fits a terminal of 80 columns, but for keys, which are shown whole."""
    assert [line for line in text.splitlines() if len(line) > 80 and "bronze/" not in line] == []


def test_the_way_of_a_contract_that_was_wrong(lake_command: LakeCommand, checkout: Path, files: list[Path]) -> None:
    before = gold(lake_command)
    assert len(before) == 60
    unchanged = lake_command("quarantine", "release", "--all")
    assert unchanged.code == 0
    assert unchanged.out.count("the contract has not changed since: nothing to release") == 3
    narrow(unchanged.out)

    change_contract(checkout, STRICT, RIGHT)
    early = lake_command("quarantine", "release", "--all")
    assert early.code == 1
    assert "by another contract than this checkout's" in early.err
    assert lake_command("up").code == 0

    first = next(one.file_id for one in ledger(lake_command).files("transactions") if one.batch == DAYS[0])
    (released,) = lake_command.ok("quarantine", "release", first[:12])
    assert (released["rows_released"], released["rows_remaining"]) == (5, 0)
    assert [row for row in gold(lake_command) if row["quantity"] < 5] == before

    plan = lake_command.ok("backfill", "transactions", "--from", DAYS[0], "--to", DAYS[1], "--dry-run")
    assert (plan["runs"], len(plan["judge"]), plan["incomplete"]) == (list(DAYS[:2]), 1, {})
    done = lake_command("backfill", "transactions", "--from", DAYS[0], "--to", DAYS[2])
    assert done.code == 0, done.err
    narrow(done.out)
    assert done.out.count("published") == 3
    after = gold(lake_command)
    assert len(after) == 75
    assert [row for row in after if row["quantity"] < 5] == before
    assert lake_command.ok("quarantine", "release", "--all") == []


def test_a_replay_makes_equal_gold(lake_command: LakeCommand, files: list[Path]) -> None:
    before, first = gold(lake_command), ledger(lake_command).batch("transactions", DAYS[0]).run_id
    run = lake_command.ok("replay", str(first)[:-10])["run"]
    assert (run["status"], run["batch"], run["run_id"] != first) == ("published", DAYS[0], True)
    assert gold(lake_command) == before


def test_what_cannot_be_replayed_is_said_and_left_alone(lake_command: LakeCommand) -> None:
    row = {"user_id": "u_1", "signup_date": "2024-01-31T10:00:00", "country": "IN", "device_type": "mobile"}
    body = json.dumps({**row, "marketing_source": "youtube"})
    bucket = f"lakegate-lake-{aws(lake_command, 'sts').get_caller_identity()['Account']}"
    aws(lake_command, "s3").put_object(Bucket=bucket, Key="bronze/activity/users.json", Body=body)
    state = eventually(lambda: ledger(lake_command).batch("activity", "default").generation)
    incomplete = lake_command("replay", "activity/default")
    assert (incomplete.code, "it waits for events, orders" in incomplete.err) == (1, True)
    assert ledger(lake_command).batch("activity", "default").generation == state
    assert list(ledger(lake_command).runs("activity")) == []
    nobody = lake_command("replay", "transactions/2001-01-01")
    assert (nobody.code, "There is no batch transactions/2001-01-01" in nobody.err) == (1, True)


def test_a_corrected_file_takes_the_place_of_the_wrong_one(lake_command: LakeCommand, tmp_path: Path) -> None:
    wrong = file_of(tmp_path, "2026-02-01", [1, 2, 0])
    (put,) = lake_command.ok("put", str(wrong))
    (file,) = put["files"]
    right = tmp_path / "corrected.json"
    right.write_text(wrong.read_text().replace('"quantity": 0', '"quantity": 3').replace(" 0.0}", " 7.5}"))
    (outcome,) = lake_command.ok("quarantine", "release", file["file_id"], "--with", str(right))
    assert (outcome["rows"]["accepted"], outcome["rows"]["quarantined"]) == (3, 0)
    assert [row["quantity"] for row in gold(lake_command) if row["date"] == "2026-02-01"] == [1, 2, 3]
    stale = lake_command("quarantine", "release", file["file_id"])
    assert (stale.code, "was judged again since" in stale.err) == (1, True)


def test_dead_letters_are_shown_given_back_and_change_nothing(lake_command: LakeCommand, files: list[Path]) -> None:
    before, state = gold(lake_command), ledger(lake_command).batch("transactions", DAYS[0])
    sqs = aws(lake_command, "sqs")
    slot = next(iter(state.slots.values()))
    bucket = f"lakegate-lake-{aws(lake_command, 'sts').get_caller_identity()['Account']}"
    detail = {"bucket": {"name": bucket}, "object": {"key": slot.key}}
    arrival = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    function = aws(lake_command, "lambda").get_function(FunctionName="lakegate-sweep")["Configuration"]["FunctionArn"]
    due = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-01-31T12:00:00Z", "detail": {}}
    failed = {
        "requestContext": {"functionArn": f"{function}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": due,
        "responsePayload": {"errorType": "LedgerError", "errorMessage": "of anna@example.com"},
    }
    urls = {name: sqs.get_queue_url(QueueName=f"lakegate-{name}")["QueueUrl"] for name in ("gate-dlq", "functions-dlq")}
    sqs.send_message(QueueUrl=urls["gate-dlq"], MessageBody=json.dumps(arrival))
    sqs.send_message(QueueUrl=urls["functions-dlq"], MessageBody=json.dumps(failed))
    shown = lake_command("dlq", "list").out
    narrow(shown)
    assert "LedgerError" in shown
    assert slot.key in shown
    assert "anna" not in shown
    given = lake_command.ok("dlq", "redrive")
    assert [(one["queue"], one["goes_to"], one["handed_over"]) for one in given] == [
        ("intake", "lakegate-gate", True),
        ("functions", "lakegate-sweep", True),
    ]
    count = "ApproximateNumberOfMessages"
    for url in urls.values():
        assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[count])["Attributes"][count] == "0"
    assert (gold(lake_command), ledger(lake_command).batch("transactions", DAYS[0])) == (before, state)


def test_a_backfill_by_spark_submit_makes_equal_gold(lake_command: LakeCommand, files: list[Path]) -> None:
    before = gold(lake_command)
    made = lake_command.ok("backfill", "transactions", "--from", DAYS[1], "--to", DAYS[1], "--spark-submit")
    (result,) = made["results"]
    assert (result["by"], result["status"], result["gold_rows"]) == ("spark-submit", "published", 25)
    assert gold(lake_command) == before


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + 60
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
