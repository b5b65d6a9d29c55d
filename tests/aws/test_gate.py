"""The gate against the embedded AWS, under its own IAM policy: what each kind of arrival leaves behind."""

import io
import json

import pyarrow.parquet as pq
import pytest
from gate_world import World, events, orders, users

from lakehouse import names
from lakehouse.errors import EventError
from lakehouse.events import ObjectCreated
from lakehouse.ledger.items import SlotInForce


def rows_in_force(world: World, batch: str) -> dict[str, int]:
    """Rows by dataset, counted in the silver files that the batch names."""
    found: dict[str, int] = {}
    for slot in world.ledger.batch("activity", batch).slots.values():
        key = names.silver_prefix("activity", slot.dataset) + names.silver_data_path(slot.file_id)
        data = world.body(key)
        table = pq.read_table(io.BytesIO(data))
        assert (table.num_rows, len(data)) == (slot.rows, slot.parquet_bytes)
        found[slot.dataset] = found.get(slot.dataset, 0) + table.num_rows
    return found


def test_an_accepted_file_is_silver_and_in_force(world: World, batch: str) -> None:
    key = f"bronze/activity/users/{batch}/users.json"
    text = users(1, 2, 3)
    world.gate().handle(world.put(key, text), "m1")
    slot = world.slot(batch, key)
    assert (slot.verdict, slot.revision, slot.reason, slot.in_force_rows) == ("accepted", 1, None, 3)
    assert slot.in_force_file_id == slot.file_id
    state = world.ledger.batch("activity", batch)
    assert state.generation == 1
    silver = f"silver/activity/users/data/{slot.file_id}.parquet"
    expected = SlotInForce("users", key, slot.file_id, 3, len(text), len(world.body(silver)), 1)
    assert dict(state.slots) == {slot.slot_id: expected}
    file = world.ledger.file("activity", batch, slot.file_id)
    assert file is not None
    assert (file.verdict, file.rows_in, file.rows_accepted, file.bytes) == ("accepted", 3, 3, len(text))
    assert file.seconds > 0
    assert rows_in_force(world, batch) == {"users": 3}
    assert world.executions(batch) == [], "the batch waits for events and orders"
    assert world.messages(key) == [], "nothing to tell of a good file"
    assert world.keys(f"quarantine/activity/users/{slot.file_id}/") == []
    assert world.body(key).decode() == text


def test_the_last_file_of_a_batch_starts_one_run(world: World, batch: str) -> None:
    gate = world.gate()
    gate.handle(world.put(f"bronze/activity/orders/{batch}/o.json", orders(1)), "m1")
    gate.handle(world.put(f"bronze/activity/users/{batch}/u.json", users(1)), "m2")
    assert world.executions(batch) == []
    last = world.put(f"bronze/activity/events/{batch}/e.json", events(1, 2))
    for message in ("m3", "m3", "m4"):
        gate.handle(last, message)
    [name] = world.executions(batch)
    assert world.runs(batch) == [name]
    run = world.ledger.run("activity", batch, name)
    assert run is not None
    assert (run.status, run.generation) == ("started", 3)
    arn = world.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
    document = json.loads(world.stepfunctions.describe_execution(executionArn=arn)["input"])
    assert document == {
        "pipeline": "activity",
        "batch": batch,
        "run_id": name,
        "generation": 3,
        "manifest_hash": run.manifest_hash,
    }
    assert world.ledger.batch("activity", batch).run_id == name


def complete(world: World, batch: str) -> str:
    """A complete batch; the key of its users."""
    gate = world.gate()
    key = f"bronze/activity/users/{batch}/u.json"
    for arrived in (
        world.put(f"bronze/activity/orders/{batch}/o.json", orders(1)),
        world.put(f"bronze/activity/events/{batch}/e.json", events(1)),
        world.put(key, users(1, 2)),
    ):
        gate.handle(arrived, f"{batch}-{arrived.key}")
    return key


def test_content_a_then_b_then_a_starts_three_runs(world: World, batch: str) -> None:
    key = complete(world, batch)
    world.gate().handle(world.put(key, users(1)), "m2")
    assert rows_in_force(world, batch)["users"] == 1
    world.gate().handle(world.put(key, users(1, 2)), "m3")
    assert rows_in_force(world, batch)["users"] == 2
    assert len(set(world.executions(batch))) == 3
    assert world.runs(batch) == world.executions(batch)
    assert world.ledger.batch("activity", batch).generation == 5


def test_the_same_content_again_changes_nothing(world: World, batch: str) -> None:
    key = complete(world, batch)
    before = world.ledger.batch("activity", batch)
    world.gate().handle(world.put(key, users(1, 2)), "m2")
    after = world.ledger.batch("activity", batch)
    assert (after.generation, after.run_id) == (before.generation, before.run_id)
    assert {slot.file_id for slot in after.slots.values()} == {slot.file_id for slot in before.slots.values()}
    assert len(world.executions(batch)) == 1
    silver = f"silver/activity/users/data/{world.slot(batch, key).file_id}.parquet"
    versions = world.s3.list_object_versions(Bucket=world.bucket, Prefix=silver)["Versions"]
    assert len(versions) == 1, "a silver file is never written over"


def test_a_refused_file_is_kept_recorded_and_told_of_once(world: World, batch: str) -> None:
    key = f"bronze/activity/users/{batch}/ü %41+.json"
    event = world.put(key, " \n ")
    for message in ("m1", "m1", "m2"):
        world.gate().handle(event, message)
    slot = world.slot(batch, key)
    assert (slot.verdict, slot.in_force_file_id, slot.notified_revision) == ("refused", None, 1)
    assert slot.reason
    assert world.ledger.batch("activity", batch).generation == 0
    folder = f"quarantine/activity/users/{slot.file_id}/"
    assert set(world.keys(folder)) >= {f"{folder}original", f"{folder}verdict.json"}
    assert world.body(f"{folder}original") == b" \n "
    verdict = json.loads(world.body(f"{folder}verdict.json"))
    assert (verdict["key"], verdict["reason"], verdict["verdict"]) == (key, slot.reason, "refused")
    [letter] = world.messages(key, at_least=1)
    assert (letter["kind"], letter["pipeline"], letter["reason"]) == ("file_refused", "activity", slot.reason)
    assert letter["Subject"].isascii()
    assert "lake quarantine show" in letter["text"]
    assert "No earlier version" in letter["text"]


def test_a_refused_correction_leaves_the_earlier_version_in_force_and_says_so(world: World, batch: str) -> None:
    key = complete(world, batch)
    good = world.slot(batch, key)
    world.gate().handle(world.put(key, b""), "m2")
    slot = world.slot(batch, key)
    assert (slot.verdict, slot.revision) == ("refused", 2)
    assert (slot.in_force_file_id, slot.in_force_version_id) == (good.file_id, good.judged_version_id)
    assert slot.file_id != good.file_id
    assert rows_in_force(world, batch) == {"users": 2, "events": 1, "orders": 1}
    assert len(world.executions(batch)) == 1
    [letter] = world.messages(key, at_least=1)
    assert f"The version of {good.in_force_at} stays in force" in letter["text"]
    world.gate().handle(world.put(key, users(7)), "m3")
    assert rows_in_force(world, batch)["users"] == 1
    assert len(world.executions(batch)) == 2


def test_an_event_for_an_old_version_arriving_late_finds_the_newest(world: World, batch: str) -> None:
    key = f"bronze/activity/users/{batch}/u.json"
    old = world.put(key, users(1))
    new = world.put(key, users(1, 2, 3))
    world.gate().handle(new, "m2")
    world.gate().handle(old, "m1")
    assert rows_in_force(world, batch) == {"users": 3}
    assert world.ledger.batch("activity", batch).generation == 1
    assert world.slot(batch, key).revision == 1


def test_a_file_changed_while_it_is_judged_is_looked_at_again(world: World, batch: str) -> None:
    from lakehouse.gate.judge import judge

    key = f"bronze/activity/users/{batch}/u.json"
    seen = []

    def judge_and_change(*args: object) -> object:
        seen.append(args)
        if len(seen) == 1:
            world.put(key, users(1, 2, 3, 4))
        return judge(*args)

    world.gate(judge_file=judge_and_change).handle(world.put(key, users(1)), "m1")
    assert len(seen) == 2
    assert rows_in_force(world, batch) == {"users": 4}
    assert world.slot(batch, key).revision == 2


def test_a_delete_marker_is_no_change(world: World, batch: str) -> None:
    key = f"bronze/activity/users/{batch}/u.json"
    event = world.put(key, users(1, 2))
    world.put(f"{key}.gz", b"another key with the same beginning")
    world.s3.delete_object(Bucket=world.bucket, Key=key)
    world.gate().handle(event, "m1")
    assert rows_in_force(world, batch) == {"users": 2}
    assert world.slot(batch, key).revision == 1
    world.gate().handle(event, "m2")
    assert world.slot(batch, key).revision == 1


def test_an_event_about_an_object_that_never_was_is_harmless(world: World, batch: str) -> None:
    key = f"bronze/activity/users/{batch}/none.json"
    world.put(f"{key}.more.json", users(1))
    world.gate().handle(ObjectCreated(world.bucket, key), "m1")
    assert [slot for slot in world.ledger.slots("activity") if slot.key == key] == []


@pytest.mark.parametrize("name", ["a b", "a+b", "ü—日本", "100%", "%2B", "a&b=c;d", "#", "'\"", "~!()*"])
def test_keys_of_every_kind_go_through(world: World, batch: str, name: str) -> None:
    key = f"bronze/activity/users/{batch}/{name}.json"
    world.gate().handle(world.put(key, users(1)), "m1")
    assert world.slot(batch, key).verdict == "accepted"


def test_a_flat_key_belongs_to_the_default_batch(world: World) -> None:
    world.gate().handle(world.put("bronze/activity/users.json", users(1)), "m1")
    assert world.slot("default", "bronze/activity/users.json").in_force_rows == 1
    assert rows_in_force(world, "default") == {"users": 1}


@pytest.mark.parametrize(
    "key",
    ["bronze/nobody/x.json", "bronze/activity/unknown/x.json", "bronze/stray.json", "bronze/activity/users/full/"],
)
def test_a_file_that_fits_nowhere_is_kept_and_told_of_once(world: World, key: str) -> None:
    event = world.put(key, b"hello" * 3)
    for message in ("m1", "m2"):
        world.gate().handle(event, message)
    [file] = [file for file in world.ledger.files("_unknown") if file.key == key]
    assert (file.dataset, file.batch, file.verdict, file.bytes) == ("_unknown", "default", "refused", 15)
    assert world.body(f"quarantine/_unknown/_unknown/{file.file_id}/original") == b"hello" * 3
    assert len(world.messages(key, at_least=1)) == 1


def test_what_is_no_file_is_ignored_and_another_bucket_is_an_error(world: World) -> None:
    ignored = ["bronze/activity/users/", "silver/activity/users/data/x.parquet"]
    for key in ignored:
        world.gate().handle(world.put(key, b""), "m1")
    assert [file for file in world.ledger.files("_unknown") if file.key in ignored] == []
    with pytest.raises(EventError, match="bucket 'other'"):
        world.gate().handle(ObjectCreated("other", "bronze/activity/users.json"), "m1")


def test_another_contract_judges_the_same_version_again(world: World, batch: str) -> None:
    from dataclasses import replace

    key = f"bronze/activity/users/{batch}/u.json"
    event = world.put(key, users(1))
    world.gate().handle(event, "m1")
    pipeline = world.pipelines["activity"]
    changed = tuple(replace(dataset, contract_hash="other") for dataset in pipeline.datasets)
    gate = world.gate()
    replace(gate, pipelines={"activity": replace(pipeline, datasets=changed)}).handle(event, "m2")
    slot = world.slot(batch, key)
    assert (slot.revision, slot.contract_hash) == (2, "other")
    assert world.ledger.batch("activity", batch).slots[slot.slot_id].file_id == slot.file_id


def test_a_marker_closes_a_dataset(world: World, batch: str) -> None:
    from dataclasses import replace

    pipeline = world.pipelines["activity"]
    marked = tuple(
        replace(dataset, marker="_SUCCESS") if dataset.name == "users" else dataset for dataset in pipeline.datasets
    )
    gate = replace(world.gate(), pipelines={"activity": replace(pipeline, datasets=marked)})
    for number, (dataset, body) in enumerate({"users": users(1), "events": events(1), "orders": orders(1)}.items()):
        gate.handle(world.put(f"bronze/activity/{dataset}/{batch}/part.json", body), f"m{number}")
    assert world.executions(batch) == []
    gate.handle(world.put(f"bronze/activity/users/{batch}/_SUCCESS", b""), "m9")
    assert len(world.executions(batch)) == 1
    gate.handle(world.put(f"bronze/activity/users/{batch}/_SUCCESS", b""), "m10")
    assert len(world.executions(batch)) == 1
