"""The daily tidying on a small lake: old runs go, what readers see and what counts stays, an audit finds nothing."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gold_tables import Crash, Hooked

from lakehouse.audit.findings import Finding
from lakehouse.events import ObjectCreated
from lakehouse.ledger.store import Ledger
from lakehouse.publish.catalog import Catalog
from lakehouse.tidy.bronze import MARK, VersionMarker
from lakehouse.tidy.decide import SAFETY
from lakehouse.tidy.gold import GoldTidier, Tidied
from localaws import EmbeddedAws
from tests.aws.audit_world import FIRST, SECOND, AuditWorld
from tests.lake import Lake
from tests.sql.test_partitioned import sale

TODAY = datetime.now(UTC)
LATER = TODAY + SAFETY


@pytest.fixture(scope="module")
def spare(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return AuditWorld(aws, folder=tmp_path_factory.mktemp("tidy"))


@pytest.fixture
def world(spare: AuditWorld) -> AuditWorld:
    """A lake in which each day was run three times, as corrections came."""
    spare.empty()
    for day, amounts in ((FIRST, "123"), (SECOND, "456")):
        for amount in amounts:
            spare.bring("shop", f"sales/day={day}/a.ndjson", sale(f"s-{day}", f"{amount}.00", "Aa"))
            spare.run("shop", day)
    return spare


@pytest.fixture
def files(spare: AuditWorld) -> AuditWorld:
    """A lake in which two days' files were corrected twice, and nothing was run yet."""
    spare.empty()
    for day, amounts in ((FIRST, "123"), (SECOND, "456")):
        for amount in amounts:
            spare.bring("shop", f"sales/day={day}/a.ndjson", sale(f"s-{day}", f"{amount}.00", "Aa"))
    return spare


def tidier(world: AuditWorld, at: datetime, keep: int = 1, hook: Any = None) -> GoldTidier:
    """`hook` is called before and after each call to AWS."""
    s3, glue, dynamodb = (Hooked(one, hook) if hook else one for one in (world.s3, world.glue, world.dynamodb))
    ledger = Ledger(dynamodb, world.settings.ledger_table)
    return GoldTidier(s3, Catalog(glue, world.database), ledger, world.bucket, keep, at)


def tidy(world: AuditWorld, at: datetime, keep: int = 1) -> dict[str, Tidied]:
    """One look at the shop's gold; by table."""
    return {one.table: one for one in tidier(world, at, keep).tidy(world.pipelines["shop"])}


def runs_with_files(world: AuditWorld, table: str, layer: str = "gold") -> set[str]:
    return {key.split("/")[3].removeprefix("run=") for key in world.keys(f"{layer}/shop/{table}/")}


def shown_files(world: AuditWorld) -> dict[str, list[str]]:
    """Every file that a reader of the shop's gold gets, by place."""
    places = []
    for table in world.pipelines["shop"].gold:
        places.append(world.catalog.read(table.name).definition["StorageDescriptor"]["Location"])
        places += [partition.location for partition in world.catalog.partitions(table.name)]
        pointer = world.ledger.pointer("shop", table.name)
        places += [pointer.csv] if pointer and pointer.csv else []
    return {place: world.keys(place.removeprefix(f"s3://{world.bucket}/")) for place in places}


def world_runs(world: AuditWorld, day: str) -> list[str]:
    """Runs of a day of the shop, the oldest first."""
    return [run.run_id for run in world.ledger.runs("shop") if run.batch == day][::-1]


def findings(world: AuditWorld) -> list[Finding]:
    return [step for step in world.audit() if isinstance(step, Finding)]


def test_old_runs_go_and_what_readers_see_stays(world: AuditWorld) -> None:
    table = next(one for one in world.pipelines["shop"].gold if one.partition_by)
    whole = next(one for one in world.pipelines["shop"].gold if one.csv)
    first, second, before = world_runs(world, FIRST), world_runs(world, SECOND), shown_files(world)
    assert runs_with_files(world, table.name) == {*first, *second}

    found = tidy(world, TODAY)
    assert all(one.removed == () for one in found.values()), "noted today, removed much later"
    assert tidy(world, LATER - timedelta(seconds=1))[table.name].removed == ()
    assert set(tidy(world, LATER)[table.name].removed) == {*first[:2], *second[:2]}

    assert runs_with_files(world, table.name) == {first[2], second[2]}, "a partition each shows them"
    assert runs_with_files(world, whole.name) == {second[2]}
    assert runs_with_files(world, whole.name, "exports") == {second[2]}
    assert shown_files(world) == before
    assert findings(world) == []
    assert list(world.ledger.unshown("shop", table.name)) == []
    assert all(one.removed == () and one.noted == 0 for one in tidy(world, LATER).values()), "a repeat finds nothing"


def test_the_newest_runs_stay_although_nobody_sees_them(world: AuditWorld) -> None:
    second = world_runs(world, SECOND)
    tidy(world, TODAY, keep=3)
    removed = tidy(world, LATER, keep=3)
    assert all(not set(second) & set(one.removed) for one in removed.values())


def test_a_run_that_gave_way_today_stays_however_old_it_is(world: AuditWorld) -> None:
    """The first day's partition was written long before twenty others, and is corrected now: who reads it reads on."""
    table = next(one for one in world.pipelines["shop"].gold if one.partition_by).name
    tidy(world, TODAY)
    gave_way = world_runs(world, FIRST)[2]
    world.bring("shop", f"sales/day={FIRST}/a.ndjson", sale(f"s-{FIRST}", "9.00", "Aa"))
    world.run("shop", FIRST)
    assert gave_way not in tidy(world, LATER)[table].removed
    assert gave_way in runs_with_files(world, table)
    assert gave_way in tidy(world, LATER + SAFETY)[table].removed


def test_where_the_catalog_was_reset_the_ledgers_pointer_counts(world: AuditWorld) -> None:
    table = next(one for one in world.pipelines["shop"].gold if one.csv)
    shown = world_runs(world, SECOND)[2]
    world.glue.delete_table(DatabaseName=world.database, Name=table.name)
    world.glue.create_table(DatabaseName=world.database, TableInput=world._definition(table))
    tidy(world, TODAY, keep=0)
    tidy(world, LATER, keep=0)
    assert runs_with_files(world, table.name) == {shown}


def test_a_run_that_is_shown_again_loses_its_note(world: AuditWorld) -> None:
    table = next(one for one in world.pipelines["shop"].gold if one.csv).name
    current, old = world.catalog.read(table), world_runs(world, FIRST)[0]
    tidy(world, TODAY)
    assert old in {note.run_id for note in world.ledger.unshown("shop", table)}
    run = world.ledger.run("shop", FIRST, old)
    assert run is not None
    assert current.pointer is not None
    place = run.gold[table].location
    world.catalog.swap(current, type(current.pointer)(place, old, dict(current.pointer.versions)))
    assert old not in tidy(world, LATER)[table].removed
    assert old not in {note.run_id for note in world.ledger.unshown("shop", table)}


def test_it_may_die_at_every_call_and_is_repeated(world: AuditWorld) -> None:
    table = next(one for one in world.pipelines["shop"].gold if one.partition_by).name
    before, deaths = shown_files(world), 0
    for step in itertools.count():
        seen = itertools.count()

        def die(_: str, at: int = step, seen: Iterator[int] = seen) -> None:
            if next(seen) == at:
                raise Crash

        try:
            tidier(world, TODAY, hook=die).tidy_table("shop", table)
            tidier(world, LATER, hook=die).tidy_table("shop", table)
        except Crash:
            deaths += 1
            continue
        break
    assert deaths > 10, "it did not die often"
    assert shown_files(world) == before
    assert runs_with_files(world, table) == {world_runs(world, FIRST)[2], world_runs(world, SECOND)[2]}
    assert list(world.ledger.unshown("shop", table)) == []
    assert findings(world) == []


def marker(world: AuditWorld, at: datetime = TODAY) -> VersionMarker:
    return VersionMarker(world.s3, world.ledger, world.bucket, at)


def versions(world: AuditWorld, key: str) -> list[str]:
    """The newest first."""
    found = world.s3.list_object_versions(Bucket=world.bucket, Prefix=key)["Versions"]
    return [one["VersionId"] for one in found]


def tags(world: AuditWorld, key: str, version: str) -> list[dict[str, str]]:
    return list(world.s3.get_object_tagging(Bucket=world.bucket, Key=key, VersionId=version)["TagSet"])


def expire(world: AuditWorld) -> None:
    """What S3 does some day by the bucket's rule: versions that are marked and not current go."""
    for one in world.s3.list_object_versions(Bucket=world.bucket, Prefix="bronze/")["Versions"]:
        if not one["IsLatest"] and MARK in tags(world, one["Key"], one["VersionId"]):
            world.s3.delete_object(Bucket=world.bucket, Key=one["Key"], VersionId=one["VersionId"])


def test_former_versions_are_marked_and_those_that_count_are_not(files: AuditWorld) -> None:
    key = f"bronze/shop/sales/day={SECOND}/a.ndjson"
    newest, *former = versions(files, key)
    assert len(former) == 2
    files.s3.put_object_tagging(
        Bucket=files.bucket, Key=key, VersionId=former[1], Tagging={"TagSet": [{"Key": "by", "Value": "producer"}]}
    )
    assert marker(files).mark("shop") == 4, "two of each day"
    assert marker(files).mark("shop") == 0, "a repeat changes nothing"
    assert tags(files, key, newest) == []
    assert tags(files, key, former[0]) == [MARK]
    assert tags(files, key, former[1]) == [{"Key": "by", "Value": "producer"}, MARK]


def test_an_accepted_version_under_a_refused_one_outlives_every_rule_of_the_bucket(files: AuditWorld) -> None:
    key = files.bring("shop", f"sales/day={SECOND}/a.ndjson", '{"sale_id": 1}\n')
    refused, in_force, *former = versions(files, key)
    files.run("shop", FIRST)
    files.run("shop", SECOND)
    slot = next(one for one in files.ledger.slots("shop") if one.key == key)
    assert (slot.judged_version_id, slot.in_force_version_id) == (refused, in_force)
    marker(files).mark("shop")
    expire(files)
    assert versions(files, key) == [refused, in_force], f"{former} are gone"
    assert findings(files) == []


def test_a_version_that_is_in_force_again_loses_its_mark(files: AuditWorld) -> None:
    """Somebody removes the newest version by hand; the one below comes into force; a refused one arrives on top."""
    key = f"bronze/shop/sales/day={SECOND}/a.ndjson"
    newest, below, _ = versions(files, key)
    marker(files).mark("shop")
    assert tags(files, key, below) == [MARK]
    files.s3.delete_object(Bucket=files.bucket, Key=key, VersionId=newest)
    files.gate(files.administrator).handle(ObjectCreated(files.bucket, key), "again")
    files.bring("shop", f"sales/day={SECOND}/a.ndjson", '{"sale_id": 1}\n')
    marker(files).mark("shop")
    assert tags(files, key, below) == []
    expire(files)
    assert below in versions(files, key)


def test_nothing_is_marked_while_the_gate_has_not_judged_the_newest(files: AuditWorld) -> None:
    key = f"bronze/shop/sales/day={SECOND}/a.ndjson"
    marker(files).mark("shop")
    files.put(key, sale("s", "8.00", "Aa"))
    _, in_force, *_ = versions(files, key)
    assert marker(files).mark("shop") == 0
    assert tags(files, key, in_force) == []


def test_the_deployed_function_tidies_under_its_own_role(lake: Lake) -> None:
    s3, table = lake.client("s3"), "user_activity"
    catalog = Catalog(lake.client("glue"), lake.settings.gold_database)
    prefix = f"gold/activity/{table}/run=tests-tidy-"
    catalog.read(table)
    for number in range(23):
        s3.put_object(Bucket=lake.bucket, Key=f"{prefix}{number:02}/1/part.parquet", Body=b"x")

    def invoke(at: datetime) -> dict[str, Any]:
        payload = json.dumps({"time": at.isoformat()}).encode()
        answer = lake.client("lambda").invoke(FunctionName=lake.named("tidy"), Payload=payload)
        found = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return dict(found)

    noted = next(one for one in invoke(TODAY)["gold"]["activity"] if one["table"] == table)
    assert noted["noted"] >= 3
    assert noted["removed"] == []
    removed = next(one for one in invoke(LATER)["gold"]["activity"] if one["table"] == table)["removed"]
    assert [run for run in removed if "tidy" in run] == [f"tests-tidy-{number:02}" for number in range(3)]
    left = s3.list_objects_v2(Bucket=lake.bucket, Prefix=prefix)["Contents"]
    assert len(left) == 20
    assert invoke(LATER)["marked"].keys() >= {"activity", "_unknown"}
