"""Judging anew after a contract has changed: what was refused is released, what was right is not touched."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from gate_world import events, orders, users
from repair_world import CrashError, RepairWorld, rows_text, stricter

from lakehouse.contract.load import pipelines
from lakehouse.errors import RepairError
from lakehouse.gate.judge import judge
from lakehouse.names import UNKNOWN
from lakehouse.repair.judge_again import arrival, outcomes, slot_of
from localaws import EmbeddedAws

BATCH = "many"
REFUSED, WITH_BAD_ROWS, CORRECT = 60, 40, 12


def files() -> list[tuple[str, str]]:
    """60 files that a strict contract refuses, 40 of which it refuses a row, 12 right ones, and the other datasets."""
    found = [(f"events/{BATCH}/e.json", events(*range(30))), (f"orders/{BATCH}/o.json", orders(*range(20)))]
    for number in range(REFUSED + WITH_BAD_ROWS + CORRECT):
        ids = range(number * 100, number * 100 + 11)
        if number < REFUSED:
            body = users(*ids[:3], country="US")
        elif number < REFUSED + WITH_BAD_ROWS:
            body = users(*ids[:10]) + users(ids[10], country="US")
        else:
            body = users(*ids)
        found.append((f"users/{BATCH}/part-{number:03}.json", body))
    return found


def test_releasing_and_redriving_a_hundred_changes_no_correct_row(aws: EmbeddedAws, tmp_path: Path) -> None:
    lake = RepairWorld(aws, tmp_path, stricter(pipelines(), "IN"))
    lake.bring(files())
    wanted = lake.quarantined()
    assert Counter(one.file.verdict for one in wanted) == {"refused": REFUSED, "accepted": WITH_BAD_ROWS}
    assert {one.standing for one in wanted} == {"unchanged"}
    right = {key: rows for key, rows in lake.silver(BATCH).items() if key not in {one.slot.key for one in wanted}}
    assert len(right) == CORRECT + 2
    slots_of_right = {slot.key: slot for slot in lake.ledger.slots("activity") if slot.key in right}
    gold_before = lake.gold(BATCH, "before")

    lake.pipelines = pipelines()
    wanted = lake.quarantined()
    assert [one.standing for one in wanted] == ["to_judge"] * 100
    lake.ask(wanted)
    assert lake.work() == 100
    released = outcomes(wanted, lake.pipelines, lake.ledger)
    assert sum(one.rows_released for one in released.values()) == REFUSED * 3 + WITH_BAD_ROWS
    assert sum(one.rows_remaining for one in released.values()) == 0
    assert lake.quarantined() == []

    silver = lake.silver(BATCH)
    assert silver == {f"bronze/activity/{path}": rows_of(lake, path, body) for path, body in files()}
    assert {key: silver[key] for key in right} == right
    assert {slot.key: slot for slot in lake.ledger.slots("activity") if slot.key in right} == slots_of_right
    gold = lake.gold(BATCH, "after")
    clean = RepairWorld(aws, tmp_path / "clean")
    every_user = "".join(body for path, body in files() if path.startswith("users/"))
    clean.bring([*files()[:2], (f"users/{BATCH}/all.json", every_user)])
    assert gold == clean.gold(BATCH, "clean")
    assert len(gold) == len(gold_before) + REFUSED * 3 + WITH_BAD_ROWS
    assert set(gold_before) - set(gold) == set()

    # A hundred dead letters, of correct files and of released ones: everything stays as it is.
    slots = {slot.key: slot for slot in lake.ledger.slots("activity")}
    state, executions = lake.world.ledger.batch("activity", BATCH), lake.world.executions(BATCH)
    judged_now = [key for key in slots if slots[key].contract_hash == lake.pipeline.dataset("users").contract_hash]
    for key in judged_now[:100]:
        lake.send("gate-dlq", arrival(lake.world.bucket, key))
    assert [one.handed_over for one in lake.dead_letters.redrive("intake", 1000)] == [True] * 100
    assert (lake.waiting("gate-dlq"), lake.work()) == (0, 100)
    assert {slot.key: slot for slot in lake.ledger.slots("activity")} == slots
    assert lake.world.ledger.batch("activity", BATCH) == state
    assert lake.world.executions(BATCH) == executions  # so nothing makes gold again


def rows_of(lake: RepairWorld, path: str, body: str) -> str:
    """The silver rows of a file that is judged once, by its contract of now, as `RepairWorld.silver` writes them."""
    dataset = lake.pipeline.dataset(path.partition("/")[0])
    found = judge(io.BytesIO(body.encode()), f"bronze/activity/{path}", dataset, lake.folder)
    assert found.parquet is not None
    return rows_text(pq.read_table(found.parquet))


@pytest.fixture(scope="module")
def lake(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> RepairWorld:
    return RepairWorld(aws, tmp_path_factory.mktemp("repair"))


def part(batch: str, body: str) -> tuple[str, str]:
    return f"users/{batch}/part.json", body


@pytest.mark.parametrize("when", ["before-call", "after-call"])
def test_a_release_that_dies_on_its_way_is_repeated_without_harm(lake: RepairWorld, batch: str, when: str) -> None:
    lake.pipelines = stricter(pipelines(), "IN")
    lake.bring((f"users/{batch}/part-{number}.json", users(number, country="US")) for number in range(5))
    lake.pipelines = pipelines()
    wanted = [one for one in lake.quarantined() if one.slot.batch == batch]
    with pytest.raises(CrashError):
        lake.ask(wanted, lake.dying("sqs", "SendMessage", when, after=2))
    lake.work()
    rest = [one for one in lake.quarantined() if one.slot.batch == batch]
    assert len(rest) == (3 if when == "before-call" else 2)
    lake.ask(wanted)
    lake.work()
    assert len(outcomes(wanted, lake.pipelines, lake.ledger)) == 5
    assert {slot.revision for slot in lake.ledger.slots("activity") if slot.batch == batch} == {2}


def test_what_is_judged_under_the_present_contract_is_left_alone(lake: RepairWorld, batch: str) -> None:
    lake.pipelines = pipelines()
    lake.bring([part(batch, users(1, country="XX"))])
    (one,) = [found for found in lake.quarantined() if found.slot.batch == batch]
    assert (one.standing, one.file.verdict) == ("unchanged", "refused")
    lake.ask([one])
    lake.work()
    assert lake.ledger.slot(one.place) == one.slot  # type: ignore[arg-type]


def test_a_stricter_contract_releases_less_than_nothing_and_says_so(lake: RepairWorld, batch: str) -> None:
    lake.pipelines = stricter(pipelines(), "IN")
    lake.bring([part(batch, users(*range(20)) + users(20, country="US"))])
    lake.pipelines = stricter(pipelines(), "US")
    (one,) = [found for found in lake.quarantined() if found.slot.batch == batch]
    lake.ask([one])
    lake.work()
    (released,) = outcomes([one], lake.pipelines, lake.ledger).values()
    assert (released.after.verdict, released.rows_released, released.rows_remaining) == ("refused", -20, 21)


def test_only_the_last_verdict_of_a_slot_counts(lake: RepairWorld, batch: str) -> None:
    lake.pipelines = pipelines()
    lake.bring([part(batch, users(1, country="XX"))])
    (first,) = [found for found in lake.quarantined() if found.slot.batch == batch]
    lake.bring([part(batch, users(1))])
    assert [found for found in lake.quarantined() if found.slot.batch == batch] == []
    with pytest.raises(RepairError, match="was judged again since"):
        slot_of(first.file, lake.ledger)


def test_a_file_of_no_pipeline_is_released_once_one_fits(lake: RepairWorld, batch: str) -> None:
    lake.pipelines = {name: one for name, one in pipelines().items() if name != "activity"}
    path, body = part(batch, users(1, 2))
    key = f"bronze/activity/{path}"
    lake.bring([(path, body)])
    (one,) = [found for found in lake.quarantined() if found.slot.key == key]
    assert (one.slot.pipeline, one.standing) == (UNKNOWN, "no_contract")
    lake.pipelines = pipelines()
    (one,) = [found for found in lake.quarantined() if found.slot.key == key]
    assert one.standing == "to_judge"
    lake.ask([one])
    lake.work()
    (released,) = outcomes([one], lake.pipelines, lake.ledger).values()
    assert (released.after.pipeline, released.rows_released) == ("activity", 2)
    (one,) = [found for found in lake.quarantined() if found.slot.key == key]
    assert one.standing == "released"


def test_a_file_that_its_contract_now_puts_elsewhere_would_count_twice(lake: RepairWorld, batch: str) -> None:
    lake.pipelines = pipelines()
    lake.bring([part(batch, users(1, country="XX"))])
    users_of = lake.pipeline.dataset("users")
    moved = replace(users_of, batch="another", contract_hash="moved")
    others = tuple(moved if one is users_of else one for one in lake.pipeline.datasets)
    lake.pipelines = {**lake.pipelines, "activity": replace(lake.pipeline, datasets=others)}
    (one,) = [found for found in lake.quarantined() if found.slot.batch == batch]
    assert one.standing == "elsewhere"
