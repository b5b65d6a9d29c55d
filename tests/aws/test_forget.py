"""`lake forget` on a deployed lake: a person in every place is gone from all of them, and nobody else is."""

import gzip
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
from forget_world import PREFIX, World, copy_pipelines, event, lines, order, sale, user

from cli.up import PEOPLE, _allow_people
from deploy import deploy_stack, settings_of
from deploy.config import PIPELINES_DIR
from lakehouse.erase import forget as steps
from lakehouse.erase.remove import Remover
from lakehouse.ledger.items import RunRecord
from tests.lake import Lake

BY = "arn:aws:iam::000000000000:user/eraser"


@pytest.fixture(scope="module")
def world(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The lake, with the operator and the eraser as `lake up` makes them."""
    folder = tmp_path_factory.mktemp("forget") / "pipelines"
    folder.mkdir()
    pipelines = copy_pipelines(PIPELINES_DIR, folder)
    config = replace(lake.config, prefix=PREFIX)
    where: dict[str, Any] = {"endpoint_url": lake.aws.endpoint_url, "pipelines_dir": folder}
    outputs = deploy_stack(lake.aws.session(), config, **where)
    made = World(Lake(lake.aws, config, outputs, settings_of(outputs)), pipelines)
    _allow_people(made.cli.home, made.cli.server, config)
    yield made
    iam = lake.client("iam")
    for name in PEOPLE:
        iam.delete_user_policy(UserName=name, PolicyName=name)


def speaking(world: World, pattern: bytes) -> list[str]:
    """Keys of all versions that hold the pattern, decoded by nothing of the lake but gzip and Parquet's own reader."""
    found = []
    for (key, _), data in world.every_version().items():
        plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        if data[:4] == b"PAR1":
            plain = str(pq.read_table(io.BytesIO(data)).to_pylist()).encode() + data
        if re.search(pattern, plain):
            found.append(key)
    return found


def test_a_person_is_gone_from_every_place_and_nobody_else_is(world: World) -> None:
    root = "bronze/activity"
    kept = user(2), user(3), {**user(4), "country": "nowhere"}, *(user(number) for number in range(10, 30))
    bad = {**user(70_017), "country": "nowhere"}
    orders = [lines(one).strip() for one in (order(1, 2), order(2, 70_017))]
    world.put_all(
        {
            f"{root}/users.json": lines(user(70_017, "US"), user(2), user(3)),
            f"{root}/events.json": lines(event(1, 70_017), event(2, 2), event(3, 70_017), event(4, 700_170)),
            f"{root}/orders.json": b"[" + b",\n ".join(orders) + b"]",
            f"{root}/orders/a.json.gz": gzip.compress(lines(order(3, 2), order(4, 70_017))),
            f"{root}/events/more.csv": b"event_id,user_id\ne_9,u_70017\n",
            f"{root}/strange.bin": b"something of u_70017 here",
            f"{root}/users/refused_since.json": lines(user(40), user(70_017)),
            f"{root}/users/theirs.json": lines(*[user(70_017)] * 20, {**user(50), "country": "nowhere"}),
        }
    )
    refused = [{**user(number), "country": "nowhere"} for number in (40, 70_017)]
    world.put(f"{root}/users/refused_since.json", lines(*refused))
    world.put(f"{root}/users.json", lines(*kept[:2], user(70_017), bad, *kept[2:]))
    world.settle("activity", "default")
    assert [row["country"] for row in world.gold("activity", "user_activity") if row["user_id"] == "u_70017"] == ["IN"]
    assert {key.split("/")[0] for key in speaking(world, rb"u_70017\b")} == {"bronze", "silver", "quarantine", "gold"}
    run = next(iter(world.ledger.runs("activity")))
    quoting = RunRecord("activity", "default", "told", "failed", run.at, error="found 'u_70017', expected a country")
    world.ledger.table.put(quoting)
    world.log("it was u_70017")

    work = world.forgetter("activity", "u_70017")
    found = work.search()
    assert found.records == {"users": 25, "events": 3, "orders": 2, "_unknown": 1}
    done = work.forget(found, BY)

    assert (done.left, done.proof.hits) == ((), [])
    assert speaking(world, rb"u_70017\b") == []
    assert world.body(f"{root}/users.json") == lines(*kept)
    assert world.body(f"{root}/events.json") == lines(event(2, 2), event(4, 700_170))
    assert world.body(f"{root}/orders.json") == b"[" + orders[0] + b"]"
    assert gzip.decompress(world.body(f"{root}/orders/a.json.gz")) == lines(order(3, 2))
    assert world.body(f"{root}/events/more.csv") == b"event_id,user_id\n"
    assert world.body(f"{root}/users/refused_since.json") == lines(user(40))
    assert lines(refused[0]) in world.every_version(f"{root}/users/refused_since.json").values()
    assert world.body(f"{root}/users/theirs.json") == lines({**user(50), "country": "nowhere"})
    gold = world.gold("activity", "user_activity")
    assert sorted(row["user_id"] for row in gold) == sorted(f"u_{number}" for number in (2, 3, 40, *range(10, 30)))
    assert sum(row["total_orders"] for row in gold) == 2
    assert "u_70017" not in str(world.ledger.run("activity", "default", "told"))
    assert world.forgetter("activity", "u_70017").search().nothing
    (erasure,) = world.ledger.erasures("activity")
    assert (erasure.status, erasure.left, erasure.by) == ("proven", 0, BY)
    assert "70017" not in str(erasure)


class CrashError(Exception):
    """The process dies."""


STEPS = (
    (steps.Forgetter, "_written", "after"),
    (steps.Forgetter, "_rewrite", "after"),
    (steps.Forgetter, "_await_runs", "before"),
    (Remover, "_superseded_gold", "after"),
    (Remover, "_quarantine", "after"),
    (Remover, "_records", "after"),
    (Remover, "_silver", "after"),
    (Remover, "_texts", "after"),
    (Remover, "_logs", "after"),
    (Remover, "_bronze", "after"),
)
"""Where the process dies, in the order of the steps."""


def crash_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str) -> None:
    real = getattr(owner, name)

    def crashing(*arguments: Any) -> Any:
        if when == "after":
            real(*arguments)
        raise CrashError

    monkeypatch.setattr(owner, name, crashing)


def test_a_repeat_goes_on_wherever_the_process_died(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that was compacted, a partitioned table, a file of which nothing is left, one that arrives meanwhile."""
    day, root = "2026-01-31", "bronze/transactions/transactions/date=2026-01-31"
    files = {
        f"{root}/a.json": json.dumps([sale("t1", "c-17"), sale("t2", "c-2")]).encode(),
        f"{root}/b.json": json.dumps(sale("t3", "c-17", "Gift for Ann Lee")).encode(),
        f"{root}/c.json": json.dumps({"sales": [sale("t4", "c-2"), sale("t5", "c-170")]}).encode(),
    }
    world.put_all(files)
    world.settle("transactions", day)
    compacted = world.invoke("compact", time="2026-02-02T03:00:00Z")["compacted"]["transactions/transactions"]
    assert [one["files"] for one in compacted] == [3]
    world.query("select * from transactions order by transaction_id")
    assert len(speaking(world, rb"c-17\b")) == 2 + 2 + 1 + 1 + 1
    untouched = world.every_version(f"{root}/c.json")

    for owner, name, when in STEPS:
        work = world.forgetter("transactions", "c-17")
        with monkeypatch.context() as patch:
            crash_at(patch, owner, name, when)
            with pytest.raises(CrashError):
                work.forget(work.search(), BY)
        if name == "_await_runs":
            world.put(f"{root}/a.json", json.dumps([sale("t1", "c-17"), sale("t6", "c-2")]).encode())
    work = world.forgetter("transactions", "c-17")
    done = work.forget(work.search(), BY)

    assert (done.left, done.proof.hits) == ((), [])
    assert speaking(world, rb"c-17\b") == []
    assert speaking(world, b"Ann Lee") == []
    assert json.loads(world.body(f"{root}/a.json")) == [sale("t6", "c-2")]
    assert world.body(f"{root}/b.json") == b""
    assert world.every_version(f"{root}/c.json") == untouched
    gold = world.gold("transactions", "transactions")
    assert [row["transaction_id"] for row in gold] == ["t4", "t5", "t6"]
    assert world.query("select transaction_id from transactions order by 1") == [["t4"], ["t5"], ["t6"]]


def test_a_number_means_the_person_in_its_own_column_alone(world: World) -> None:
    """Carts' customers are numbers, and there are few of them: 5 is also a product, an amount, a cart."""
    header = b"cart_id,customer_id,product_id,product_amount,product_price\n"
    others = b"5,6,5,5,$5.00\n" + b"7,15,5,1,$1.00\n" * 20
    world.put("bronze/carts/carts.csv", header + b'1,5,1,5,"$1,000.00"\n' + others + b"1,5,1,0,$1.00\n")
    world.settle("carts", "default")
    assert [row["customer_id"] for row in world.export("carts", "promotions")] == ["5", "6", "15"]

    work = world.forgetter("carts", "5")
    found = work.search()
    done = work.forget(found, BY)

    assert found.records == {"carts": 2}
    assert (done.left, done.proof.hits) == ((), [])
    assert world.body("bronze/carts/carts.csv") == header + others
    assert [row["customer_id"] for row in world.gold("carts", "promotions")] == [15, 6]
    assert [row["customer_id"] for row in world.export("carts", "promotions")] == ["6", "15"]
    assert [row["abandoned_amount"] for row in world.export("carts", "abandoned_products")] == ["25"]
    folders = {key.split("/")[3] for key, _ in world.every_version("gold/carts/")}
    assert len(folders) == 1
    assert world.every_version("quarantine/carts/") == {}
