"""`lake audit` on a small lake: a sound one has no finding, and a single change in any layer is found and named.

All changes, one after the other, are a part of the fault suite: tests/faults/test_audit_changes.py.
"""

from dataclasses import replace
from unittest import mock

import pytest

from lakehouse import runs
from lakehouse.audit.batch import BatchView
from lakehouse.audit.bronze import judge_object
from lakehouse.audit.findings import Finding
from lakehouse.audit.sources import BronzeObject
from lakehouse.contract.model import Place
from lakehouse.ledger.items import BatchState
from localaws import EmbeddedAws
from tests.aws.audit_changes import CHANGES, Change, must_find
from tests.aws.audit_world import FIRST, AuditWorld, counted, noted
from tests.aws.gate_world import events, orders, users
from tests.sql.test_partitioned import sale


@pytest.fixture(scope="module")
def lake_world(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    world = AuditWorld(aws, folder=tmp_path_factory.mktemp("audit"))
    world.fill()
    return world


def test_a_sound_lake_has_no_finding(lake_world: AuditWorld) -> None:
    steps = lake_world.audit()
    assert [step for step in steps if isinstance(step, Finding)] == []
    assert counted(steps) == {
        "bronze": (9, 61),
        "quarantine": (7, 4),
        "silver": (9, 98),
        "ledger": (29, 0),
        "gold": (11, 44),
    }
    assert noted(steps) == {}


OFTEN = [change for change in CHANGES if change.often]


@pytest.mark.parametrize("change", OFTEN, ids=[change.name for change in OFTEN])
def test_a_single_change_is_found_and_nothing_else(lake_world: AuditWorld, change: Change) -> None:
    must_find(lake_world, change)


@pytest.fixture(scope="module")
def spare(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return AuditWorld(aws, folder=tmp_path_factory.mktemp("small"))


@pytest.fixture
def small(spare: AuditWorld) -> AuditWorld:
    """A lake with one day of the shop, to be broken for good."""
    world = spare
    world.empty()
    world.bring("shop", f"sales/day={FIRST}/a.ndjson", sale("s1", "10.00", "Aa"))
    world.run("shop", FIRST)
    return world


def found(world: AuditWorld) -> list[tuple[str, str, str]]:
    """Layer, kind and table of every finding."""
    return [(one.layer, one.kind, one.table) for one in world.findings()]


def test_a_version_that_counts_and_is_gone_is_missed(small: AuditWorld) -> None:
    (slot,) = small.ledger.slots("shop")
    small.s3.delete_object(Bucket=small.bucket, Key=slot.key)
    assert found(small) == []  # under a delete marker what arrived still counts
    small.s3.delete_object(Bucket=small.bucket, Key=slot.key, VersionId=slot.judged_version_id)
    assert found(small) == [("bronze", "version_gone", "sales")]
    small.put(slot.key, sale("s1", "11.00", "Aa"))
    assert found(small) == [("bronze", "newer_version", "sales")]


def test_a_former_version_that_expired_is_noted_and_no_finding(small: AuditWorld) -> None:
    (slot,) = small.ledger.slots("shop")
    small.bring("shop", f"sales/day={FIRST}/a.ndjson", sale("s1", "12.00", "Aa"))
    small.run("shop", FIRST)
    small.s3.delete_object(Bucket=small.bucket, Key=slot.key, VersionId=slot.judged_version_id)
    assert found(small) == []
    assert noted(small.audit()) == {"former_gone": 1}


def test_a_refused_correction_leaves_a_sound_lake(small: AuditWorld) -> None:
    small.bring("shop", f"sales/day={FIRST}/a.ndjson", sale("s1", "false", "Aa"))
    assert found(small) == []
    (slot,) = small.ledger.slots("shop")
    small.s3.delete_object(Bucket=small.bucket, Key=slot.key, VersionId=slot.in_force_version_id)
    assert found(small) == [("bronze", "version_gone", "sales")]


def test_an_incomplete_batch_is_sound_and_one_that_never_started_is_not(small: AuditWorld) -> None:
    small.bring("activity", "users/may/users.json", users(1))
    assert found(small) == []
    small.bring("activity", "events/may/events.json", events(1))
    small.bring("activity", "orders/may/orders.json", orders(1))
    assert found(small) == [("ledger", "run_open", "")]
    run_id = small.ledger.batch("activity", "may").run_id
    with (
        small.other_item("activity#may", f"RUN#{run_id}", None),
        small.other_item("activity#may", "BATCH", lambda found: found.pop("run_id")),
    ):
        assert found(small) == [("ledger", "not_started", "")]
    small.run("activity", "may")
    assert found(small) == []


def test_gold_that_stands_for_older_silver_is_behind(small: AuditWorld) -> None:
    small.bring("shop", f"sales/day={FIRST}/a.ndjson", sale("s1", "13.00", "Aa"))
    plan = small.commit("shop", FIRST)
    assert found(small) == [("ledger", "run_open", "")]
    runs.published(small.ledger, "shop", FIRST, plan.run_id)
    tables = ("sales_by_day", "day_totals", "city_totals", "best_city")
    assert found(small) == [("gold", "behind", table) for table in tables]
    small.bring("shop", f"sales/day={FIRST}/a.ndjson", sale("s1", "14.00", "Aa"))
    small.run("shop", FIRST)
    assert found(small) == []


def test_files_of_another_contract_are_noted_and_compared_as_far_as_they_can_be(small: AuditWorld) -> None:
    shop = small.pipelines["shop"]
    (sales,) = shop.datasets
    (key,) = small.keys("silver/shop/sales/data/")
    newer = replace(shop, datasets=(replace(sales, contract_hash="another"),))
    with mock.patch.dict(small.pipelines, shop=newer):
        assert found(small) == []
        assert noted(small.audit()) == {"other_contract": 1}
        with small.other_object(key, b"PAR1"):
            assert ("silver", "content", "sales") in found(small)


def test_what_nothing_names_is_counted_and_no_finding(small: AuditWorld) -> None:
    small.s3.put_object(Bucket=small.bucket, Key="silver/shop/sales/data/left.parquet", Body=b"")
    assert found(small) == []
    assert noted(small.audit()) == {"left_over": 1}


def test_an_audit_takes_no_right_that_the_operator_lacks_and_changes_nothing(small: AuditWorld) -> None:
    before = [small.keys(layer) for layer in ("bronze/", "quarantine/", "silver/", "gold/", "exports/")]
    items = small.dynamodb.scan(TableName=small.settings.ledger_table)["Items"]
    assert found(small) == []
    assert [small.keys(layer) for layer in ("bronze/", "quarantine/", "silver/", "gold/", "exports/")] == before
    assert small.dynamodb.scan(TableName=small.settings.ledger_table)["Items"] == items


def test_a_marker_that_the_batch_does_not_know_of_was_never_noted() -> None:
    place = Place("p", "d", "b", "bronze/p/d/b/_SUCCESS", "slot", marker=True)
    marker = BronzeObject(place.key, ("v1",), 0)
    noted_in = BatchView("p", "b", BatchState("p", "b", markers=frozenset({"d"})), {}, {}, {})
    assert judge_object(marker, place, noted_in) is None
    unknown = judge_object(marker, place, replace(noted_in, state=None))
    assert unknown is not None
    assert (unknown.layer, unknown.kind, unknown.key) == ("bronze", "never_judged", place.key)
