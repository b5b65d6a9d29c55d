"""Loading published gold into the embedded Redshift, under the policies of the loading function and of COPY."""

import os
import signal
import threading
from typing import Any

import pyarrow as pa
import pytest
from redshift_client import WORKGROUP, wait_for_blocked
from warehouse_world import BATCH, SCHEMA, WarehouseWorld, sale

from lakehouse.errors import WarehouseError
from lakehouse.tokens import tokenise
from lakehouse.warehouse.load import TableLoad, WarehouseLoad
from localaws import EmbeddedAws
from tests.secret import SECRET


@pytest.fixture(scope="module")
def admin(aws: EmbeddedAws) -> Any:
    return aws.client("redshift-data")


@pytest.fixture
def world(aws: EmbeddedAws, admin: Any) -> WarehouseWorld:
    return WarehouseWorld(aws, admin)


def loaded(inserted: int, updated: int, deleted: int, total: int, first: bool = False) -> WarehouseLoad:
    """The expected answer: the facts' counts, with the dimensions loaded now or before."""
    tables = {"fact_sales": TableLoad(inserted, updated, deleted, total)}
    for name, rows in (("dim_customers", 10), ("dim_products", 20)):
        tables[name] = TableLoad(rows if first else 0, 0, 0, rows)
    return WarehouseLoad("loaded", tables)


def test_a_first_load_brings_facts_and_dimensions_and_tells_people_once(world: WarehouseWorld) -> None:
    plan = world.publish(1, sale(1), sale(2))
    for _ in range(2):
        assert world.load(plan) == loaded(2, 0, 0, 2, first=True)
    assert world.facts() == {"TXN1": (2, "Completed"), "TXN2": (2, "Completed")}
    assert world.redshift.rows("select product_name, price from dim_products where product_id = 'P20'") == [
        ["Field Guide to Birds", "24.00"]
    ]
    amara = ["C1", *(tokenise(SECRET.key_of("sales"), text) for text in ("Amara", "amara.okoye@example.com"))]
    assert world.redshift.rows("select customer_id, first_name, email from dim_customers where customer_id = 'C1'") == [
        amara
    ]
    run = world.ledger.run("sales", BATCH, plan.run_id)
    assert run is not None
    assert run.status == "published"
    assert run.warehouse == loaded(2, 0, 0, 2, first=True).as_event()
    (message,) = world.told
    assert (message.kind, message.subject) == ("warehouse_loaded", f"[sales] Warehouse loaded: batch {BATCH}")
    assert "fact_sales: 2 new, 0 changed, 0 removed; 2 rows" in message.text
    assert message.details["tables"] == run.warehouse["tables"]
    assert "@" not in message.text


def test_three_loads_of_the_same_file_change_no_row(world: WarehouseWorld) -> None:
    sales = [sale(number) for number in range(50)]
    assert world.load(world.publish(1, *sales)) == loaded(50, 0, 0, 50, first=True)
    before = world.checksum()
    for version in (1, 2):
        assert world.load(world.publish(version, *sales)) == loaded(0, 0, 0, 50)
        assert world.checksum() == before


def test_a_corrected_file_replaces_and_removes(world: WarehouseWorld) -> None:
    world.load(world.publish(1, sale(1), sale(2), sale(3)))
    corrected = world.publish(2, sale(1), sale(2, quantity=3), sale(4))
    assert world.load(corrected) == loaded(1, 1, 1, 3)
    assert world.facts() == {"TXN1": (2, "Completed"), "TXN2": (3, "Completed"), "TXN4": (2, "Completed")}
    assert world.load(world.publish(3)) == loaded(0, 0, 3, 0)
    assert world.facts() == {}


@pytest.mark.parametrize("how", [signal.SIGKILL, None], ids=["the backend is killed", "the server ends"])
def test_a_crash_between_copy_and_merge_leaves_the_facts_as_they_were(
    world: WarehouseWorld, how: signal.Signals | None
) -> None:
    from localaws import redshift as service

    world.load(world.publish(1, sale(1), sale(2)))
    before = world.checksum()
    plan, failures = world.publish(2, sale(1, status="Refunded"), sale(3)), []

    def load() -> None:
        try:
            world.load(plan)
        except WarehouseError as error:
            failures.append(str(error))

    loading = threading.Thread(target=load)
    with world.redshift.behind() as other:
        other.run("LOCK TABLE fact_sales IN EXCLUSIVE MODE")  # lets COPY and its reads pass, holds DELETE and MERGE
        loading.start()
        backend = wait_for_blocked(other)
        doing = other.run("SELECT query FROM pg_stat_activity WHERE pid = :pid::int", pid=backend)[0][0]
        assert doing.startswith('DELETE FROM "fact_sales"')  # after COPY, before MERGE
        server = service.server().pid
        assert server is not None
        os.kill(backend if how else server, how or signal.SIGQUIT)
        loading.join(30)
    assert len(failures) == 1
    assert "The connection to the database was lost" in failures[0]
    assert world.checksum() == before
    assert world.load(plan) == loaded(1, 1, 1, 2)
    assert world.facts() == {"TXN1": (2, "Refunded"), "TXN3": (2, "Completed")}


def test_an_older_run_loads_nothing_and_says_so(world: WarehouseWorld) -> None:
    older, newer = world.publish(1, sale(1)), world.publish(2, sale(2))
    world.load(newer)
    assert world.load(older) == WarehouseLoad("overtaken")
    assert world.facts() == {"TXN2": (2, "Completed")}
    run = world.ledger.run("sales", BATCH, older.run_id)
    assert run is not None
    assert run.warehouse == {"outcome": "overtaken", "tables": {}}
    assert [message.details["run_id"] for message in world.told] == [newer.run_id]


def test_an_older_load_that_read_its_pointer_too_early_changes_nothing(world: WarehouseWorld) -> None:
    older = world.publish(1, sale(1))
    pointer = world.ledger.pointer("sales", "fact_sales")
    world.load(world.publish(2, sale(2)))
    assert pointer is not None
    world.point(pointer.location, pointer.run_id, dict(pointer.versions))
    assert world.load(older) == WarehouseLoad("overtaken")
    assert world.facts() == {"TXN2": (2, "Completed")}


def test_loads_at_once_end_with_the_newest(world: WarehouseWorld) -> None:
    plans = [world.publish(version, sale(version), sale(100, quantity=version)) for version in range(1, 5)]
    pointers = {plan.run_id: f"s3://{world.bucket}/gold/sales/fact_sales/run={plan.run_id}/1/" for plan in plans}
    outcomes: dict[int, str] = {}

    def load(number: int, clients: dict[str, Any]) -> None:
        outcomes[number] = world.load(plans[number], clients).outcome

    # Each is read as published, however late it comes: only the warehouse's own guard is left.
    real = type(world.ledger).pointer

    def own(ledger: Any, pipeline: str, table: str) -> Any:
        found = real(ledger, pipeline, table)
        number = int(threading.current_thread().name)
        plan = plans[number]
        return type(found)("sales", table, pointers[plan.run_id], plan.run_id, plan.versions, found.at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.ledger), "pointer", own)
        threads = [
            threading.Thread(target=load, args=(number, world.new_clients()), name=str(number)) for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert outcomes[3] == "loaded"
    assert set(outcomes) == {0, 1, 2, 3}
    assert world.facts() == {"TXN4": (2, "Completed"), "TXN100": (4, "Completed")}
    assert world.redshift.rows("select count(*) from dim_products") == [[20]]


def test_what_is_not_published_is_not_loaded(world: WarehouseWorld) -> None:
    plan = world.publish(1, sale(1))
    unpublished = type(plan)("sales", BATCH, "sales-other", "duckdb", {"transactions": 2}, 1)
    with pytest.raises(WarehouseError, match="Gold table fact_sales of run sales-other is not published"):
        world.load(unpublished)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (SCHEMA.remove(13), "Unmatched number of columns between table and file. Table columns: 14, Data columns: 13"),
        (SCHEMA.set(7, pa.field("quantity", pa.int64())), "incompatible Parquet schema for column 'quantity'"),
    ],
)
def test_gold_of_another_shape_is_refused_and_nothing_changes(
    world: WarehouseWorld, schema: pa.Schema, reason: str
) -> None:
    world.load(world.publish(1, sale(1)))
    row = {name: value for name, value in sale(2).items() if name in schema.names}
    with pytest.raises(WarehouseError, match=reason):
        world.load(world.publish(2, row, schema=schema))
    assert world.facts() == {"TXN1": (2, "Completed")}


def test_without_the_right_to_read_gold_the_load_fails_with_the_reason(world: WarehouseWorld) -> None:
    plan = world.publish(1, sale(1))
    world.iam.delete_role_policy(RoleName=f"{world.prefix}-warehouse", PolicyName="warehouse")
    with pytest.raises(WarehouseError, match="is not authorized to perform: s3:ListBucket"):
        world.load(plan)
    run = world.ledger.run("sales", BATCH, plan.run_id)
    assert run is not None
    assert run.warehouse == {}
    assert world.told == []


def test_a_changed_dimension_replaces_the_old_one(world: WarehouseWorld) -> None:
    world.load(world.publish(1, sale(1)))
    world.redshift.rows(
        "update dim_products set price = 1 where product_id = 'P1'",
        "delete from dim_products where product_id = 'P2'",
        "insert into dim_products values ('P99', 'Gone', 'Home', 1, 'S1')",
    )
    load = world.load(world.publish(2, sale(1)))
    assert load.tables["dim_products"] == TableLoad(inserted=1, updated=1, deleted=1, total=20)
    assert world.redshift.rows("select price from dim_products where product_id = 'P1'") == [["34.90"]]


def test_the_handler_loads_what_the_publishing_step_hands_on(
    world: WarehouseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    import load
    from lakehouse import aws as clients

    topic = world.aws.client("sns").create_topic(Name=f"{world.prefix}-notifications")["TopicArn"]
    environment = {
        "AWS_ENDPOINT_URL": world.aws.endpoint_url,
        "AWS_DEFAULT_REGION": world.aws.region,
        "AWS_ACCESS_KEY_ID": world.keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": world.keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": world.keys["SessionToken"],
        "LAKE_BUCKET": world.bucket,
        "LAKE_LEDGER_TABLE": f"{world.prefix}-ledger",
        "LAKE_TOPIC_ARN": topic,
        "LAKE_STATE_MACHINE_ARN_PREFIX": "arn:none",
        "LAKE_SILVER_DATABASE": "silver",
        "LAKE_GOLD_DATABASE": "gold",
        "LAKE_EVENT_SOURCE": world.prefix,
        "LAKE_TOKENS_SECRET": world.secret,
        "LAKE_WAREHOUSE_WORKGROUP": WORKGROUP,
        "LAKE_WAREHOUSE_DATABASE": world.redshift.database,
        "LAKE_WAREHOUSE_ROLE_ARN": world.role_arn,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "CONFIG", clients.CONFIG.merge(_path_style()))
    clients._client.cache_clear()
    plan = world.publish(1, sale(1))
    event = {**plan.as_event(), "published": {"outcome": "published"}}
    try:
        answer = load.handler(event, type("Context", (), {"aws_request_id": "r1"}))
    finally:
        clients._client.cache_clear()
    assert answer == {
        "pipeline": "sales",
        "batch": BATCH,
        "run_id": plan.run_id,
        **loaded(1, 0, 0, 1, first=True).as_event(),
    }


def _path_style() -> Any:
    from botocore.config import Config

    return Config(s3={"addressing_style": "path"})
