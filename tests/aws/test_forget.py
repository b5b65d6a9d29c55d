"""`lake forget` on a deployed lake: a person in every place is gone from all of them, and nobody else is."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forget_world import PREFIX, World, copy_pipelines, event, lines, order, sale, user

from cli.up import PEOPLE, _allow_people
from deploy import deploy_stack, settings_of
from deploy.config import PIPELINES_DIR
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


def test_a_person_is_gone_from_every_place_and_nobody_else_is(world: World) -> None:
    root = "bronze/activity"
    bad = {**user(70_017), "country": "nowhere"}
    world.put(f"{root}/users.json", lines(user(70_017, "US"), user(2), user(3)))
    world.put(f"{root}/events.json", lines(event(1, 70_017), event(2, 2), event(3, 70_017), event(4, 700_170)))
    world.put(
        f"{root}/orders.json", b"[" + b",\n ".join(lines(one).strip() for one in [order(1, 2), order(2, 70_017)]) + b"]"
    )
    world.settle("activity", "default")
    kept = user(2), user(3), {**user(4), "country": "nowhere"}, *(user(number) for number in range(10, 30))
    world.put(f"{root}/users.json", lines(*kept[:2], user(70_017), bad, *kept[2:]))
    world.put(f"{root}/orders.json.gz", gzip.compress(lines(order(3, 2), order(4, 70_017))))
    world.put(f"{root}/events/more.csv", b"event_id,user_id\ne_9,u_70017\n")
    world.put(f"{root}/strange.bin", b"something of u_70017 here")
    world.settle("activity", "default")
    assert [row["country"] for row in world.gold("activity", "user_activity") if row["user_id"] == "u_70017"] == ["IN"]

    work = world.forgetter("activity", "u_70017")
    found = work.search()
    assert found.records == {"users": 3, "events": 3, "orders": 2, "_unknown": 1}
    done = work.forget(found, BY)

    assert done.left == ()
    assert [hit for hit in done.proof.hits] == []
    assert [key for key, data in world.every_version().items() if re.search(rb"u_70017(?!\d)", data)] == []
    assert world.body(f"{root}/users.json") == lines(*kept)
    assert world.body(f"{root}/events.json") == lines(event(2, 2), event(4, 700_170))
    assert json.loads(world.body(f"{root}/orders.json")) == [order(1, 2)]
    assert gzip.decompress(world.body(f"{root}/orders.json.gz")) == lines(order(3, 2))
    assert world.body(f"{root}/events/more.csv") == b"event_id,user_id\n"
    gold = world.gold("activity", "user_activity")
    assert sorted(row["user_id"] for row in gold) == sorted(f"u_{number}" for number in (2, 3, *range(10, 30)))
    assert sum(row["total_orders"] for row in gold) == 2

    again = world.forgetter("activity", "u_70017").search()
    assert again.nothing
    (erasure,) = world.ledger.erasures("activity")
    assert (erasure.status, erasure.left, erasure.by) == ("proven", 0, BY)
    assert "70017" not in str(erasure)
