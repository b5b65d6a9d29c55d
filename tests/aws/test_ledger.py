"""The ledger against the embedded DynamoDB: what it keeps, and that repeats and races change nothing."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from lakehouse import names, runs
from lakehouse.contract.model import Place
from lakehouse.errors import LedgerError
from lakehouse.ledger.items import BatchState, FileRecord, GoldPointer, GoldResult, SlotInForce, SlotState
from lakehouse.ledger.store import Ledger
from localaws import EmbeddedAws


@pytest.fixture
def ledger(aws: EmbeddedAws) -> Iterator[Ledger]:
    client = aws.client("dynamodb")
    table = f"ledger-{uuid4().hex[:8]}"
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "kind_pipeline", "at")
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-kind",
                "KeySchema": [
                    {"AttributeName": "kind_pipeline", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    yield Ledger(client, table)
    client.delete_table(TableName=table)


def entry(
    file_id: str, revision: int = 1, dataset: str = "users", key: str = "bronze/activity/users.json"
) -> SlotInForce:
    return SlotInForce(dataset, key, file_id, rows=3, bytes=100, parquet_bytes=50, revision=revision)


def slot(revision: int, version: str = "v1", **more: object) -> SlotState:
    known = {"pipeline": "activity", "dataset": "users", "batch": "b1", "key": "bronze/activity/users/b1/ü +%.json"}
    return SlotState(
        **known,
        slot_id="s1",
        revision=revision,
        judged_version_id=version,
        judged_etag='"e"',
        contract_hash="c",
        verdict="accepted",
        file_id=f"f-{version}",
        at=f"2026-01-0{revision}T00:00:00.000000+00:00",
        **more,
    )


def file(version: str = "v1") -> FileRecord:
    return FileRecord(
        pipeline="activity",
        dataset="users",
        batch="b1",
        key="bronze/activity/users/b1/ü +%.json",
        file_id=f"f-{version}",
        version_id=version,
        content_sha256="00",
        bytes=10,
        verdict="accepted",
        at="2026-01-01T00:00:00.000000+00:00",
        rows_in=3,
        rows_accepted=2,
        rows_quarantined=1,
        by_reason={"not_in_values": 1},
        parquet_bytes=5,
        seconds=0.25,
    )


def test_what_is_recorded_is_read_back_whole(ledger: Ledger) -> None:
    first = slot(1, in_force_file_id="f-v1", in_force_version_id="v1", in_force_rows=2, in_force_bytes=10)
    assert ledger.record(first, file())
    place = Place("activity", "users", "b1", first.key, "s1")
    assert ledger.slot(place) == first
    assert ledger.file("activity", "b1", "f-v1") == file()
    assert list(ledger.files("activity")) == [file()]
    assert list(ledger.slots("activity")) == [first]
    assert list(ledger.files("other")) == []
    assert ledger.slot(replace(place, slot_id="s2")) is None
    assert ledger.run("activity", "b1", "r") is None


def test_lists_are_newest_first_and_paged(ledger: Ledger) -> None:
    for number in range(1, 8):
        one = replace(file(f"v{number}"), at=f"2026-01-0{number}T00:00:00.000000+00:00", message="x" * 300_000)
        ledger.table.put(one)
    assert [one.version_id for one in ledger.files("activity")] == [f"v{number}" for number in range(7, 0, -1)]


def test_a_verdict_is_recorded_only_on_top_of_the_revision_that_was_read(ledger: Ledger) -> None:
    assert ledger.record(slot(1), file("v1"))
    assert not ledger.record(slot(1, "v2"), file("v2")), "another gate was first"
    assert ledger.file("activity", "b1", "f-v2") is None, (
        "the file of a verdict that was not recorded must not be there"
    )
    assert ledger.record(slot(2, "v3"), file("v3"))
    assert not ledger.record(slot(2, "v3"), file("v3")), "the repeat after a lost answer"
    place = Place("activity", "users", "b1", "k", "s1")
    found = ledger.slot(place)
    assert found is not None
    assert (found.revision, found.judged_version_id) == (2, "v3")


def test_notified_marks_only_the_revision_it_was_about(ledger: Ledger) -> None:
    ledger.record(slot(1), file())
    ledger.record(slot(2, "v2"), file("v2"))
    place = Place("activity", "users", "b1", "k", "s1")
    ledger.notified(slot(1))
    assert (ledger.slot(place) or slot(1)).notified_revision == 0
    ledger.notified(slot(2))
    assert (ledger.slot(place) or slot(1)).notified_revision == 2


def test_a_batch_counts_the_changes_of_its_manifest_only(ledger: Ledger) -> None:
    assert ledger.batch("activity", "b1") == BatchState("activity", "b1")
    assert ledger.put_in_force("activity", "b1", "s1", entry("a", 1)).generation == 1
    assert ledger.put_in_force("activity", "b1", "s1", entry("a", 1)).generation == 1, "repeated"
    again = ledger.put_in_force("activity", "b1", "s1", entry("a", 2))
    assert (again.generation, again.slots["s1"].revision) == (1, 2), "same file, judged again"
    assert ledger.put_in_force("activity", "b1", "s1", entry("b", 3)).generation == 2
    assert ledger.put_in_force("activity", "b1", "s1", entry("a", 4)).generation == 3, "back to the earlier content"
    assert ledger.batch("activity", "b1").slots == {"s1": entry("a", 4)}


def test_an_older_verdict_never_replaces_a_newer_one_in_a_batch(ledger: Ledger) -> None:
    ledger.put_in_force("activity", "b1", "s1", entry("a", 1))
    ledger.put_in_force("activity", "b1", "s1", entry("a", 3))
    late = ledger.put_in_force("activity", "b1", "s1", entry("b", 2))
    assert (late.slots["s1"].file_id, late.generation) == ("a", 1)


def test_sixteen_writers_of_a_new_batch_lose_nothing(ledger: Ledger) -> None:
    seen: list[BatchState] = []
    barrier = threading.Barrier(16)

    def put(number: int) -> None:
        barrier.wait()
        seen.append(ledger.put_in_force("activity", "b1", f"s{number % 8}", entry(f"f{number % 8}")))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    final = ledger.batch("activity", "b1")
    assert len(seen) == 16
    assert set(final.slots) == {f"s{number}" for number in range(8)}
    assert final.generation == 8
    assert any(one == final for one in seen), "the last change answers with the whole batch"


def test_markers_are_noted_before_and_after_files(ledger: Ledger) -> None:
    assert ledger.put_marker("activity", "b1", "users").markers == {"users"}
    assert ledger.put_in_force("activity", "b1", "s1", entry("a")).markers == {"users"}
    state = ledger.put_marker("activity", "b1", "orders")
    assert (state.markers, state.generation, set(state.slots)) == ({"users", "orders"}, 1, {"s1"})


def test_the_started_run_is_remembered_for_its_generation_only(ledger: Ledger) -> None:
    ledger.put_in_force("activity", "b1", "s1", entry("a"))
    ledger.batch_started("activity", "b1", 1, "run-1")
    ledger.put_in_force("activity", "b1", "s1", entry("b", 2))
    ledger.batch_started("activity", "b1", 1, "late")
    assert ledger.batch("activity", "b1").run_id == "run-1"


def test_a_batch_holds_1500_files_and_beyond_its_limit_says_what_to_do(ledger: Ledger) -> None:
    key = "bronze/activity/users/2026-01-31/part-00001-of-01500.json.gz"
    slots = {names.digest(str(number)): entry(names.digest("f", str(number)), key=key) for number in range(1_499)}
    ledger.table.put(BatchState("activity", "b1", 1_499, slots, at="2026"))
    assert len(ledger.put_in_force("activity", "b1", "fits", entry("a")).slots) == 1_500
    with pytest.raises(LedgerError, match=r"400 KB.*split the batch"):
        ledger.put_in_force("activity", "b1", "too much", entry("b", key="k" * 200_000))
    assert len(ledger.batch("activity", "b1").slots) == 1_500


def test_a_run_goes_through_its_steps_and_ends_once(ledger: Ledger) -> None:
    runs.started(ledger, "activity", "b1", "r1", 3, "m")
    runs.committed(ledger, "activity", "b1", "r1", "spark", {"users": 4}, 123)
    assert runs.started(ledger, "activity", "b1", "r1", 3, "m") is not None
    runs.failed(ledger, "activity", "b1", "r1", "States.TaskFailed: no disk")
    result = GoldResult("s3://lake/gold/", rows=2, bytes=10, attempt="a1", engine="spark")
    runs.gold_written(ledger, "activity", "b1", "r1", {"user_activity": result})
    done = runs.published(ledger, "activity", "b1", "r1")
    assert done is not None
    assert runs.failed(ledger, "activity", "b1", "r1", "too late") is None
    assert runs.superseded(ledger, "activity", "b1", "r1") is None
    run = ledger.run("activity", "b1", "r1")
    assert run == done
    assert run.status == "published"
    assert run.gold == {"user_activity": result}
    assert (run.generation, run.engine, run.versions, run.manifest_bytes) == (3, "spark", {"users": 4}, 123)
    assert run.started_at
    assert run.started_at <= run.committed_at <= run.gold_at <= run.published_at
    assert [one.run_id for one in ledger.runs("activity")] == ["r1"]


def test_a_step_recorded_before_the_start_is_kept(ledger: Ledger) -> None:
    runs.committed(ledger, "activity", "b1", "r1", "duckdb", {"users": 1}, 1)
    run = runs.started(ledger, "activity", "b1", "r1", 1, "m")
    assert run is not None
    assert (run.status, run.generation, run.manifest_hash) == ("committed", 1, "m")


def test_a_pointer_is_read_back(ledger: Ledger) -> None:
    pointer = GoldPointer("activity", "user_activity", "s3://lake/gold/", "r1", {"users": 3}, "2026")
    ledger.put_pointer(pointer)
    assert ledger.pointer("activity", "user_activity") == pointer
    assert ledger.pointer("activity", "other") is None
