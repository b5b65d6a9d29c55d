"""No personal value behind bronze: a lake with personal columns of every kind, every byte that it stores looked at."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from forget_world import World, eventually, lines
from personal_scan import decoded, speaking, warehouse_rows

from cli.commands.audit import sources_of
from cli.up import PEOPLE, _allow_people
from deploy import deploy_stack, settings_of
from deploy.config import PIPELINES_DIR
from lakehouse.audit.audit import audit
from lakehouse.audit.findings import Finding
from lakehouse.contract.load import pipelines
from lakehouse.tokens import read_secret, tokenise
from tests.lake import Lake
from tests.secret import SECRET

pytestmark = pytest.mark.timeout(1200)  # the first test waits for runs of three pipelines
PREFIX = "private"
TABLES = ("fact_sales", "dim_customers")
GUESTS = Path(__file__).parents[1] / "personal" / "pipelines" / "guests"
NAMES = ("Zq Amy O'Underhill", "Zqböb Overhill", "Zqcid Uphill")
EMAILS = ("zq.amy@guests.example", "zq.bob@guests.example", "zq.cid@guests.example")
PHONES, BIRTHDAYS, INCOMES = (491700111, 491700222, 491700333), ("1961/07/14", "1972/08/15"), ("88123.45", "99123.45")
SHIPPED = {f"Zqship {number} Person": f"{number} Zqstreet Lane" for number in range(40)}
SEEDED = ("amara.okoye@example.com", "bastian.keller@example.com", "Okoye", "Keller", "Zqamy Underhill")
PERSONAL = (*NAMES, *EMAILS, *map(str, PHONES), *BIRTHDAYS, *(day.replace("/", "-") for day in BIRTHDAYS), *INCOMES)
ALL = (*PERSONAL, *SHIPPED, *SHIPPED.values(), *SEEDED)
BOOKINGS, VISITS = "bronze/guests/bookings/b1", "bronze/guests/visits/b1"


def booking(number: int, guest: int, **instead: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"booking_id": number, "email": EMAILS[guest], "guest_name": NAMES[guest]}
    row |= {"phone": PHONES[guest], "born_on": BIRTHDAYS[guest % 2], "income": float(INCOMES[guest % 2])}
    return row | {"room": "101", "nights": 2} | instead


def shipment(number: int, **instead: Any) -> dict[str, Any]:
    name, street = list(SHIPPED.items())[number]
    row = {"shipping_id": number, "shipping_date": "2026/01/31", "customer_name": name, "street_address": street}
    figures = {"destination_city": "main_city", "shipping_cost": 2000, "shipping_distance": 20, "quantity": 2000}
    return row | figures | instead


def sales(*customers: str) -> bytes:
    head = "transaction_id,customer_id,product_id,quantity,price,transaction_date,payment_type,status\n"
    rows = (f"TXN{n},{who},P1,2,3.50,2026-01-31,Debit Card,Shipped\n" for n, who in enumerate(customers))
    return (head + "".join(rows)).encode()


FILES = {
    f"{BOOKINGS}/a.json": lines(booking(1, 0), booking(2, 1), booking(2, 1), booking(3, 2, guest_name="x" * 41)),
    f"{BOOKINGS}/swapped.ndjson": lines(
        booking(4, 1, room=NAMES[1]), booking(5, 1), booking(5, 0), *(booking(n, 2) for n in (6, 9))
    ),
    f"{BOOKINGS}/c.csv": f'booking_id,email,guest_name,room,nights\n7,{EMAILS[2]},"{NAMES[2]}",102,3\n'.encode(),
    f"{BOOKINGS}/cut.csv": f'booking_id,email,guest_name,room,nights\n8,{EMAILS[2]},"{NAMES[2]}'.encode(),
    f"{BOOKINGS}/bad.ndjson": lines(*(booking(number, 0, nights=NAMES[0]) for number in range(20, 24))),
    f"{BOOKINGS}/strange.txt": f"{NAMES[0]} <{EMAILS[0]}>".encode(),
    f"{VISITS}/a.csv": f"email,spent\n{EMAILS[0]},1.50\n{EMAILS[0]},2.00\n{EMAILS[1]},9.00\nno@body.x,1\n".encode(),
    "bronze/shipping/shipments/a.json": lines(*(shipment(number) for number in range(10))),
    "bronze/shipping/shipments/b.json": lines(
        *(shipment(number) for number in range(10, 16)), shipment(16, destination_city="Zqship 16 Person")
    ),
    "bronze/shipping/shipments/bad.json": lines(*(shipment(number, quantity="much") for number in range(20, 24))),
    "bronze/sales/transactions/year=2026/month=01/day=31/transactions_2026-01-31.csv": sales("C1", "C2", "C1", "C99"),
}


@dataclass
class Private:
    """The lake of these tests."""

    world: World
    lake: Lake
    mailbox: str
    """URL of a queue that hears what people are told."""

    def key(self, pipeline: str) -> bytes:
        return read_secret(self.lake.client("secretsmanager"), self.lake.settings.tokens_secret).key_of(pipeline)

    def speaking(self) -> dict[str, set[str]]:
        return speaking(self.lake, self.mailbox, TABLES, ALL)


@pytest.fixture(scope="module")
def private(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """Files of three pipelines, judged and run; one run has failed."""
    folder = tmp_path_factory.mktemp("private") / "pipelines"
    for source in (PIPELINES_DIR / "shipping", PIPELINES_DIR / "sales", GUESTS):
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        contract = folder / source.name / "pipeline.toml"
        contract.write_text(contract.read_text().replace('engine = "spark"', 'engine = "duckdb"'))
    config = replace(lake.config, prefix=PREFIX)
    where: dict[str, Any] = {"endpoint_url": lake.aws.endpoint_url, "pipelines_dir": folder}
    outputs = deploy_stack(lake.aws.session(), config, **where)
    own = Lake(lake.aws, config, outputs, settings_of(outputs))
    world = World(own, pipelines(folder))
    _allow_people(world.cli.home, world.cli.server, config)
    made = Private(world, own, _mailbox(own))
    world.put_all(FILES, seconds=300)
    world.settle("guests", "b1")
    world.settle("shipping", "a", "b")
    world.settle("sales", "2026-01-31")
    _a_run_fails(made)
    yield made
    for name in PEOPLE:
        lake.client("iam").delete_user_policy(UserName=name, PolicyName=name)


def _mailbox(lake: Lake) -> str:
    sqs = lake.client("sqs")
    url = str(sqs.create_queue(QueueName=f"{PREFIX}-mailbox")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    lake.client("sns").subscribe(TopicArn=lake.settings.topic_arn, Protocol="sqs", Endpoint=arn)
    return url


def _a_run_fails(made: Private) -> None:
    """A booking without a room breaks gold's total; a corrected file mends it."""
    made.world.put(f"{BOOKINGS}/none.json", lines(booking(40, 0, room="none")))
    eventually(lambda: any(run.status == "failed" for run in made.world.ledger.runs("guests")), "a failed run", 180)
    made.world.put(f"{BOOKINGS}/none.json", lines(booking(40, 0)))
    made.world.settle("guests", "b1")


def test_no_byte_behind_bronze_holds_a_personal_value(private: Private) -> None:
    ledger = private.world.ledger
    verdicts = {file.key: (file.verdict, file.reason) for file in (*ledger.files("guests"), *ledger.files("_unknown"))}
    assert verdicts[f"{BOOKINGS}/cut.csv"] == ("refused", "unclosed_quote")
    assert verdicts[f"{BOOKINGS}/bad.ndjson"] == ("refused", "too_many_bad_rows")
    assert verdicts[f"{BOOKINGS}/strange.txt"][0] == "refused"
    by_reason = {reason for file in ledger.files("guests") for reason in file.by_reason}
    assert {"not_in_values", "too_long", "conflicting_key", "unknown_reference"} <= by_reason
    assert sum(file.rows_duplicate for file in ledger.files("guests")) == 1
    assert any(run.status == "failed" for run in ledger.runs("guests"))
    assert len(private.world.gold("shipping", "shipments")) == 16
    assert private.speaking() == {}


def test_tokens_join_in_gold_and_in_the_warehouse(private: Private) -> None:
    key = private.key("guests")
    spent = {row["booking_id"]: row for row in private.world.gold("guests", "spending")}
    assert {number: (row["guest"], str(row["spent"]), row["level"]) for number, row in spent.items()} == {
        1: (tokenise(key, EMAILS[0]), "3.50", "gold"),
        2: (tokenise(key, EMAILS[1]), "9.00", "silver"),
        6: (tokenise(key, EMAILS[2]), "0.00", "silver"),
        7: (tokenise(key, EMAILS[2]), "0.00", "silver"),
        9: (tokenise(key, EMAILS[2]), "0.00", "silver"),
        40: (tokenise(key, EMAILS[0]), "3.50", "gold"),
    }
    amara = tokenise(private.key("sales"), "amara.okoye@example.com")
    facts, customers = (str(warehouse_rows(private.lake, table)) for table in TABLES)
    assert (facts.count(amara), customers.count(amara)) == (2, 1)


def test_a_value_that_is_put_there_on_purpose_is_found(private: Private) -> None:
    lake, (name, street) = private.lake, next(iter(SHIPPED.items()))
    places = [f"quarantine/{PREFIX}/planted.json", "gold/guests/planted.csv", "exports/x.gz"]
    for place in places:
        lake.client("s3").put_object(Bucket=lake.bucket, Key=place, Body=f"- {name} -".encode())
    private.world.log(f'{{"event": "found {street}"}}')
    lake.client("sns").publish(TopicArn=lake.settings.topic_arn, Message=EMAILS[0])
    item = {"pk": {"S": "PLANTED"}, "sk": {"S": "X"}, "message": {"S": NAMES[1]}}
    lake.client("dynamodb").put_item(TableName=lake.settings.ledger_table, Item=item)
    found = private.speaking()
    assert [found.pop(place) for place in list(found) if place.startswith("mail ")] == [{EMAILS[0]}]
    assert found == {
        **{place: {name} for place in places},
        f"log /aws/lambda/{PREFIX}-gate": {street},
        f"queue {PREFIX}-mailbox": {EMAILS[0]},
        "ledger": {NAMES[1]},
    }
    lake.client("dynamodb").delete_item(
        TableName=lake.settings.ledger_table, Key={"pk": {"S": "PLANTED"}, "sk": {"S": "X"}}
    )
    for place in places:
        listed = lake.client("s3").list_object_versions(Bucket=lake.bucket, Prefix=place)["Versions"]
        for one in listed:
            lake.client("s3").delete_object(Bucket=lake.bucket, Key=place, VersionId=one["VersionId"])


def test_an_audit_with_the_same_key_finds_every_layer_right(private: Private, tmp_path: Path) -> None:
    assert findings(private, tmp_path) == []


def test_who_is_named_by_a_dropped_or_a_token_column_can_be_forgotten(private: Private, tmp_path: Path) -> None:
    world = private.world
    # Booking 5 was refused for two people claiming it; one of them is left.
    for pipeline, value, table, left in (
        ("shipping", "Zqship 3 Person", "shipments", {*range(16)} - {3}),
        ("guests", EMAILS[1], "spending", {1, 5, 6, 7, 9, 40}),
    ):
        work = world.forgetter(pipeline, value)
        done = work.forget(work.search(), "test")
        assert (done.left, done.removed["bronze"] > 0, done.removed["silver"] > 0) == ((), True, True)
        assert {next(iter(row.values())) for row in world.gold(pipeline, table)} == left
    rows = [str(data) for (key, _), data in world.every_version("bronze/").items()]
    assert not [row for row in rows if "Zqship 3 Person" in row or EMAILS[1] in row]
    silver = world.every_version("silver/shipping/")
    assert silver
    assert not [key for (key, _), data in silver.items() if b"'shipping_id': 3," in decoded(data)]
    token = tokenise(private.key("guests"), EMAILS[1])
    guests = {**world.every_version("silver/guests/"), **world.every_version("gold/guests/")}
    assert not [key for (key, _), data in guests.items() if token.encode() in decoded(data)]
    assert findings(private, tmp_path) == []


def findings(private: Private, folder: Path) -> list[Finding]:
    sources = sources_of(private.world.cli, folder)
    return [step for step in audit(sources, []) if isinstance(step, Finding)]


def test_the_secret_is_the_lakes_own_and_only_who_needs_it_may_read_it(private: Private) -> None:
    lake = private.lake
    name = {"SecretId": lake.settings.tokens_secret}
    described = lake.client("secretsmanager").describe_secret(**name)
    assert (described["Name"], described["KmsKeyId"]) == (f"{PREFIX}/tokens", lake.outputs["DataKeyArn"])
    for who in ("gate", "gold", "load"):
        assert len(lake.as_role(who, "secretsmanager").get_secret_value(**name)["SecretString"]) == 64
    for who in ("commit", "publish", "sweep", "failed", "shipping-generate"):
        with pytest.raises(ClientError, match="AccessDenied"):
            lake.as_role(who, "secretsmanager").get_secret_value(**name)
    with pytest.raises(ClientError, match="AccessDenied"):
        lake.as_person("deployer", "secretsmanager").get_secret_value(**name)
    other = lake.client("secretsmanager").create_secret(Name=f"{PREFIX}/other", SecretString="x")["ARN"]
    with pytest.raises(ClientError, match="AccessDenied"):
        lake.as_role("gate", "secretsmanager").get_secret_value(SecretId=other)
    assert read_secret(lake.as_role("gate", "secretsmanager"), name["SecretId"]).version != SECRET.version
