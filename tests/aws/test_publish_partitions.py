"""Publishing partitions: older files never come after newer ones, whoever crashes or races."""

import itertools
import threading
from collections.abc import Callable, Mapping

import pytest
from gold_tables import Crash, GoldTable, Hook, Publisher

from lakehouse.errors import PublishError
from lakehouse.ledger.items import GoldPartition, GoldResult
from lakehouse.publish import partitions as module
from lakehouse.publish.catalog import Catalog, CatalogPartition
from lakehouse.publish.partitions import publish_partitions
from lakehouse.publish.publish import Shown, publish_run, restore_pointers
from tests.lake import Lake

ONE, TWO, THREE = "2026-01-01", "2026-01-02", "2026-01-03"


@pytest.fixture(scope="module")
def publisher(lake: Lake) -> Publisher:
    return Publisher(lake)


@pytest.fixture
def table(publisher: Publisher) -> GoldTable:
    return publisher.table()


def publish(
    table: GoldTable, run: str, version: int, made: Mapping[str, GoldPartition], hook: Hook | None = None
) -> dict[str, bool]:
    versions = {"sales": version}
    return publish_partitions(table.catalog(hook), table.ledger(hook), "tests", table.name, made, run, versions)


def test_athena_reads_each_partition_from_the_folder_of_its_run(table: GoldTable) -> None:
    assert publish(table, "r1", 1, {ONE: table.files("r1", ONE, "a", "b"), TWO: table.files("r1", TWO, "c")}) == {
        ONE: True,
        TWO: True,
    }
    assert table.rows() == [["a", ONE], ["b", ONE], ["c", TWO]]
    publish(table, "r2", 2, {TWO: table.files("r2", TWO, "c", "d")})
    assert table.rows() == [["a", ONE], ["b", ONE], ["c", TWO], ["d", TWO]]
    assert table.shown() == table.decided() == {ONE: "r1", TWO: "r2"}


def test_a_partition_without_rows_is_gone_and_stays_gone_for_older_runs(table: GoldTable) -> None:
    publish(table, "r1", 1, {ONE: table.files("r1", ONE, "a"), TWO: table.files("r1", TWO, "b")})
    publish(table, "r3", 3, {ONE: table.files("r3", ONE)})
    assert table.rows() == [["b", TWO]]
    assert publish(table, "r2", 2, {ONE: table.files("r2", ONE, "x")}) == {ONE: False}
    assert table.rows() == [["b", TWO]]
    publish(table, "r4", 4, {ONE: table.files("r4", ONE, "a")})
    assert table.rows() == [["a", ONE], ["b", TWO]]


def test_an_older_run_shows_only_what_no_newer_run_has_made(table: GoldTable) -> None:
    publish(table, "r2", 2, {ONE: table.files("r2", ONE, "new")})
    shown = publish(table, "r1", 1, {ONE: table.files("r1", ONE, "old"), TWO: table.files("r1", TWO, "two")})
    assert shown == {ONE: False, TWO: True}
    assert table.rows() == [["new", ONE], ["two", TWO]]


def test_publishing_again_writes_nothing(table: GoldTable) -> None:
    calls: list[str] = []
    made = {ONE: table.files("r1", ONE, "a"), TWO: table.files("r1", TWO)}
    publish(table, "r1", 1, made)
    publish(table, "r1", 1, made, calls.append)
    assert {call for call in calls if "before" in call and "partition" in call} == {"before get_partition"}


def crashing(at: int) -> Hook:
    """Dies at the call's point of that number: before the first call, after it, before the second, …"""
    points = itertools.count()

    def hook(call: str) -> None:
        if next(points) == at:
            raise Crash(call)

    return hook


def test_a_crash_at_any_call_is_repaired_by_the_repeat(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run changes a partition, makes a new one and empties a third."""
    monkeypatch.setattr(module, "AT_ONCE", 1)
    crashes = []
    for point in itertools.count():
        table = publisher.table()
        publish(table, "r1", 1, {ONE: table.place("r1", ONE), THREE: table.place("r1", THREE)})
        made = {day: table.place("r2", day, rows=0 if day == THREE else 1) for day in (ONE, TWO, THREE)}
        try:
            publish(table, "r2", 2, made, crashing(point))
        except Crash as crash:
            crashes.append(str(crash))
        else:
            break
        assert publish(table, "r2", 2, made) == dict.fromkeys(made, True)
        assert table.shown() == table.decided() == {ONE: "r2", TWO: "r2"}
    writes = {"batch_update_partition", "create_partition", "delete_partition", "put_item"}
    assert {f"{when} {call}" for when in ("before", "after") for call in writes} <= set(crashes)


@pytest.mark.parametrize(("slow", "quick"), [(1, 2), (2, 1)], ids=["newer overtakes", "older comes in between"])
@pytest.mark.parametrize("empty", [0, 1, 2], ids=["both with rows", "older empty", "newer empty"])
def test_of_two_publishers_the_newer_is_shown_wherever_they_meet(
    publisher: Publisher, slow: int, quick: int, empty: int
) -> None:
    """Whatever point the slow one has reached when the quick one publishes from its beginning to its end."""
    for point in itertools.count():
        table = publisher.table()
        made = {number: {ONE: table.place(f"r{number}", ONE, rows=0 if number == empty else 1)} for number in (1, 2)}
        quick_one = Meeting(point, lambda table=table, made=made: publish(table, f"r{quick}", quick, made[quick]))
        publish(table, f"r{slow}", slow, made[slow], quick_one)
        if quick_one.met is None:
            break
        assert table.shown() == table.decided() == ({} if empty == 2 else {ONE: "r2"}), quick_one.met
    assert point >= 6


class Meeting:
    """At the call's point of that number somebody else comes in between."""

    def __init__(self, point: int, other: Callable[[], object]) -> None:
        self.point = point
        self.other = other
        self.seen = itertools.count()
        self.met: str | None = None

    def __call__(self, call: str) -> None:
        if next(self.seen) == self.point:
            self.met = call
            self.other()


def test_many_publishers_at_once_end_at_the_newest(table: GoldTable) -> None:
    made = {number: {ONE: table.files(f"r{number}", ONE, str(number))} for number in range(1, 7)}
    barrier = threading.Barrier(len(made))

    def run(number: int) -> None:
        barrier.wait()
        publish(table, f"r{number}", number, made[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert table.shown() == table.decided() == {ONE: "r6"}
    assert table.rows() == [["6", ONE]]


def test_giving_up_is_loud(table: GoldTable, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(Catalog):
        def partition(self, table: str, value: str) -> CatalogPartition | None:
            return CatalogPartition(value, "s3://elsewhere/", "other")

    monkeypatch.setattr(module, "MAX_TRIES", 3)
    stubborn = Stubborn(table.catalog().client, table.catalog().database)
    publish(table, "r1", 1, {ONE: table.files("r1", ONE, "a")})
    with pytest.raises(PublishError, match="3 times"):
        publish_partitions(
            stubborn, table.ledger(), "tests", table.name, {ONE: table.files("r2", ONE, "a")}, "r2", {"sales": 2}
        )


def test_a_refusal_of_a_partition_is_loud(table: GoldTable) -> None:
    class Refusing:
        exceptions = table.catalog().client.exceptions

        def batch_update_partition(self, **_: object) -> dict[str, object]:
            return {"Errors": [{"ErrorDetail": {"ErrorCode": "InternalServiceException"}}]}

    catalog = Catalog(Refusing(), "gold")  # type: ignore[arg-type]
    with pytest.raises(PublishError, match="InternalServiceException"):
        catalog.update_partition(table.catalog().read(table.name), CatalogPartition(ONE, "s3://lake/", "r1"))


def results(table: GoldTable, run: str, **made: GoldPartition) -> dict[str, GoldResult]:
    rows, size = sum(one.rows for one in made.values()), sum(one.bytes for one in made.values())
    days = {f"2026-01-0{day.removeprefix('day')}": one for day, one in made.items()}
    return {table.name: GoldResult(f"s3://lake/run={run}/", rows, size, "1", "duckdb", partitions=days)}


def test_a_partitioned_table_stays_at_its_root_and_tells_what_came_last(table: GoldTable) -> None:
    catalog, ledger = table.catalog(), table.ledger()
    root = catalog.read(table.name).definition["StorageDescriptor"]["Location"]
    two = results(table, "r2", day1=table.files("r2", ONE, "new"))
    assert publish_run(catalog, ledger, "tests", "r2", two, {"sales": 2}) == {table.name: Shown(root, True, True)}
    one = results(table, "r1", day1=table.files("r1", ONE, "old"), day2=table.files("r1", TWO, "b"))
    assert publish_run(catalog, ledger, "tests", "r1", one, {"sales": 1}) == {table.name: Shown(root, False, True)}
    none = results(table, "r0", day1=table.files("r0", ONE, "older"))
    assert publish_run(catalog, ledger, "tests", "r0", none, {"sales": 0}) == {table.name: Shown(root, False, False)}
    pointer, remembered = catalog.read(table.name).pointer, ledger.pointer("tests", table.name)
    assert pointer is not None
    assert remembered is not None
    assert (pointer.location, pointer.run_id, dict(pointer.versions)) == (root, "r2", {"sales": 2})
    assert (remembered.location, remembered.run_id) == (root, "r2")
    assert table.rows() == [["b", TWO], ["new", ONE]]


def test_partitions_that_the_catalog_lost_are_restored_from_the_ledger(table: GoldTable, publisher: Publisher) -> None:
    """By whoever deploys: an update of the stack is what resets them."""
    catalog, ledger = publisher.deployer
    made = results(table, "r1", day1=table.files("r1", ONE, "a"), day2=table.files("r1", TWO, "b"))
    publish_run(table.catalog(), table.ledger(), "tests", "r1", made, {"sales": 1})
    assert restore_pointers(catalog, ledger, "tests", [table.name]) == []
    publisher.admin.delete_table(DatabaseName=catalog.database, Name=table.name)
    table.create()
    publisher.admin.delete_partition(DatabaseName=catalog.database, TableName=table.name, PartitionValues=[ONE])
    assert restore_pointers(catalog, ledger, "tests", [table.name]) == [table.name]
    assert table.rows() == [["a", ONE], ["b", TWO]]
    assert restore_pointers(catalog, ledger, "tests", [table.name]) == []
