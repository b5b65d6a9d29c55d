"""Publishing against the Glue catalog and the ledger of the deployed stack, under the publishing role."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lakehouse import runs
from lakehouse.contract.load import pipelines
from lakehouse.errors import PublishError
from lakehouse.ledger.items import GoldPointer, GoldResult
from lakehouse.ledger.store import Ledger
from lakehouse.notify import Notification
from lakehouse.plan import RunPlan
from lakehouse.publish import publish as publish_module
from lakehouse.publish.announce import GoldPublished
from lakehouse.publish.catalog import Catalog, CatalogTable
from lakehouse.publish.pointer import Pointer
from lakehouse.publish.publish import outcome_of, publish_run, restore_pointers
from lakehouse.publish.run import finish_run
from tests.lake import Lake

TABLE = "user_activity"


@pytest.fixture
def catalog(lake: Lake) -> Iterator[Catalog]:
    """The gold table as the stack made it, before any run and again afterwards."""
    found = Catalog(lake.as_role("publish", "glue"), lake.settings.gold_database)
    forget(found, lake)
    yield found
    forget(found, lake)


@pytest.fixture
def ledger(lake: Lake) -> Iterator[Ledger]:
    """The ledger without a copy of the pointer, before and after."""
    key = {"pk": {"S": "_gold#activity"}, "sk": {"S": f"TABLE#{TABLE}"}}
    lake.client("dynamodb").delete_item(TableName=lake.settings.ledger_table, Key=key)
    yield Ledger(lake.as_role("publish", "dynamodb"), lake.settings.ledger_table)
    lake.client("dynamodb").delete_item(TableName=lake.settings.ledger_table, Key=key)


def forget(catalog: Catalog, lake: Lake) -> None:
    """What a stack update does to a gold table."""
    glue, table = lake.client("glue"), catalog.read(TABLE).definition
    changed: Any = {name: table[name] for name in ("Name", "TableType", "StorageDescriptor", "Parameters")}
    changed["Parameters"] = {k: v for k, v in changed["Parameters"].items() if not k.startswith("lakegate.")}
    changed["StorageDescriptor"] = {**changed["StorageDescriptor"], "Location": f"s3://{lake.bucket}/gold/none/"}
    glue.update_table(DatabaseName=catalog.database, TableInput=changed)


def gold(run: str, attempt: str = "1") -> dict[str, GoldResult]:
    return {TABLE: GoldResult(f"s3://lake/gold/activity/{TABLE}/run={run}/{attempt}/", 10, 1000, attempt, "duckdb")}


def versions(number: int) -> dict[str, int]:
    return {"users": number, "events": number, "orders": number}


def outcome(*arguments: Any) -> str:
    return outcome_of(publish_run(*arguments).values())


def shown(catalog: Catalog) -> tuple[str, dict[str, int]] | None:
    pointer = catalog.read(TABLE).pointer
    return (pointer.run_id, dict(pointer.versions)) if pointer else None


def test_a_run_moves_the_pointer_and_the_ledger_keeps_a_copy(catalog: Catalog, ledger: Ledger) -> None:
    before = catalog.read(TABLE).definition
    assert outcome(catalog, ledger, "activity", "r1", gold("r1"), versions(1)) == "published"
    after = catalog.read(TABLE)
    assert after.pointer == Pointer(gold("r1")[TABLE].location, "r1", versions(1))
    assert after.definition["StorageDescriptor"]["Columns"] == before["StorageDescriptor"]["Columns"]
    assert {"classification", "EXTERNAL"} <= set(after.definition["Parameters"])
    copy = ledger.pointer("activity", TABLE)
    assert copy is not None
    assert (copy.location, copy.run_id, dict(copy.versions)) == (gold("r1")[TABLE].location, "r1", versions(1))


def test_publishing_twice_changes_nothing_the_second_time(catalog: Catalog, ledger: Ledger) -> None:
    for _ in range(2):
        assert outcome(catalog, ledger, "activity", "r1", gold("r1"), versions(1)) == "published"
        version_id = catalog.read(TABLE).version_id
    assert outcome(catalog, ledger, "activity", "r1", gold("r1"), versions(1)) == "published"
    assert catalog.read(TABLE).version_id == version_id


def test_an_older_run_that_ends_last_is_superseded(catalog: Catalog, ledger: Ledger) -> None:
    assert outcome(catalog, ledger, "activity", "r2", gold("r2"), versions(2)) == "published"
    assert outcome(catalog, ledger, "activity", "r1", gold("r1"), versions(1)) == "superseded"
    assert shown(catalog) == ("r2", versions(2))
    copy = ledger.pointer("activity", TABLE)
    assert copy is not None
    assert copy.run_id == "r2"


def test_racing_runs_end_at_the_newest_in_catalog_and_ledger(catalog: Catalog, ledger: Ledger) -> None:
    barrier, outcomes = threading.Barrier(8), {}

    def run(number: int) -> None:
        barrier.wait()
        outcomes[number] = outcome(catalog, ledger, "activity", f"r{number}", gold(f"r{number}"), versions(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert shown(catalog) == ("r7", versions(7))
    copy = ledger.pointer("activity", TABLE)
    assert copy is not None
    assert copy.run_id == "r7"
    assert outcomes[7] == "published"


def test_a_pointer_moved_in_between_is_decided_again(catalog: Catalog, ledger: Ledger) -> None:
    """Another run publishes newer gold after this one has read the catalog and before it writes."""
    real_swap, moved = catalog.swap, []

    class Late(Catalog):
        def swap(self, table: CatalogTable, pointer: Pointer) -> bool:
            if not moved:
                moved.append(True)
                publish_run(catalog, ledger, "activity", "r9", gold("r9"), versions(9))
            return real_swap(table, pointer)

    late = Late(catalog.client, catalog.database)
    assert outcome(late, ledger, "activity", "r1", gold("r1"), versions(1)) == "superseded"
    assert shown(catalog) == ("r9", versions(9))


def test_a_late_copy_of_an_older_pointer_does_not_stay_in_the_ledger(
    catalog: Catalog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer run publishes after this one has moved the pointer and before it writes its copy."""
    real_put, late = ledger.put_pointer, []

    def put(pointer: GoldPointer) -> None:
        if not late:
            late.append(True)
            publish_run(catalog, ledger, "activity", "r9", gold("r9"), versions(9))
        real_put(pointer)

    monkeypatch.setattr(ledger, "put_pointer", put)
    publish_run(catalog, ledger, "activity", "r1", gold("r1"), versions(1))
    copy = ledger.pointer("activity", TABLE)
    assert copy is not None
    assert (copy.run_id, shown(catalog)) == ("r9", ("r9", versions(9)))


def test_a_lost_answer_of_the_catalog_is_no_failure(catalog: Catalog, ledger: Ledger) -> None:
    """The SDK repeats an update whose answer was lost and is told that the table has changed."""

    class Lossy(Catalog):
        def swap(self, table: CatalogTable, pointer: Pointer) -> bool:
            super().swap(table, pointer)
            return super().swap(table, pointer)

    lossy = Lossy(catalog.client, catalog.database)
    assert outcome(lossy, ledger, "activity", "r1", gold("r1"), versions(1)) == "published"
    assert shown(catalog) == ("r1", versions(1))


def test_giving_up_is_loud(catalog: Catalog, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    class Never(Catalog):
        def swap(self, table: CatalogTable, pointer: Pointer) -> bool:
            return False

    monkeypatch.setattr(publish_module, "MAX_TRIES", 2)
    with pytest.raises(PublishError, match="2 times"):
        publish_run(Never(catalog.client, catalog.database), ledger, "activity", "r1", gold("r1"), versions(1))


def test_what_a_stack_update_forgot_is_restored_from_the_ledger(catalog: Catalog, ledger: Ledger, lake: Lake) -> None:
    publish_run(catalog, ledger, "activity", "r3", gold("r3"), versions(3))
    forget(catalog, lake)
    assert shown(catalog) is None
    deployers = (
        Catalog(lake.as_person("deployer", "glue"), lake.settings.gold_database),
        Ledger(lake.as_person("deployer", "dynamodb"), lake.settings.ledger_table),
    )
    assert restore_pointers(*deployers, "activity", [TABLE]) == [TABLE]
    assert shown(catalog) == ("r3", versions(3))
    assert restore_pointers(*deployers, "activity", [TABLE]) == []


def test_an_old_run_after_a_stack_update_restores_the_newer_gold(catalog: Catalog, ledger: Ledger, lake: Lake) -> None:
    publish_run(catalog, ledger, "activity", "r3", gold("r3"), versions(3))
    forget(catalog, lake)
    assert outcome(catalog, ledger, "activity", "r1", gold("r1"), versions(1)) == "superseded"
    assert shown(catalog) == ("r3", versions(3))


def plan(run_id: str, number: int) -> RunPlan:
    return RunPlan("activity", "publish-test", run_id, "duckdb", versions(number), 100)


def test_a_finished_run_is_recorded_and_told_once(catalog: Catalog, ledger: Ledger) -> None:
    told: list[Notification] = []
    said: list[GoldPublished] = []
    pipeline = pipelines()["activity"]
    runs.committed(ledger, "activity", "publish-test", "f1", "duckdb", versions(1), 100)
    runs.gold_written(ledger, "activity", "publish-test", "f1", gold("f1"))
    for _ in range(2):
        assert finish_run(pipeline, plan("f1", 1), catalog, ledger, said.extend, told.append) == "published"
    record = ledger.run("activity", "publish-test", "f1")
    assert record is not None
    assert record.status == "published"
    assert record.published_at is not None
    assert [(message.kind, message.details["outcome"]) for message in told] == [("run_succeeded", "published")]
    assert "10 rows" in told[0].text
    assert told[0].subject == "[activity] Run succeeded: user_activity (10 rows)"


def test_a_run_that_was_overtaken_says_so(catalog: Catalog, ledger: Ledger) -> None:
    told: list[Notification] = []
    said: list[GoldPublished] = []
    publish_run(catalog, ledger, "activity", "f9", gold("f9"), versions(9))
    runs.committed(ledger, "activity", "publish-test", "f2", "duckdb", versions(2), 100)
    runs.gold_written(ledger, "activity", "publish-test", "f2", gold("f2"))
    assert finish_run(pipelines()["activity"], plan("f2", 2), catalog, ledger, said.extend, told.append) == "superseded"
    record = ledger.run("activity", "publish-test", "f2")
    assert record is not None
    assert record.status == "superseded"
    assert "overtaken" in told[0].subject


def test_a_run_without_recorded_gold_is_an_error(catalog: Catalog, ledger: Ledger) -> None:
    runs.committed(ledger, "activity", "publish-test", "f3", "duckdb", versions(3), 100)
    with pytest.raises(PublishError, match="user_activity"):
        finish_run(pipelines()["activity"], plan("f3", 3), catalog, ledger, lambda _: None, lambda _: None)
    unheard = replace(plan("f3", 3), run_id="unheard")
    with pytest.raises(PublishError, match="user_activity"):
        finish_run(pipelines()["activity"], unheard, catalog, ledger, lambda _: None, lambda _: None)
