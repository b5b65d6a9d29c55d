"""Contracts and types that change: what was there stays, what is wrong is refused with a reason, and a repeat mends."""

from collections import Counter
from pathlib import Path

import pytest

from localaws import EmbeddedAws
from tests.faults.late_clean import must_be_as_clean
from tests.faults.late_contract import (
    DAY,
    NEXT,
    PIECES,
    WITH_NOTE,
    changes_a_keys_type_and_back,
    changes_a_type_and_back,
    gains_an_optional_column,
    notes,
)
from tests.faults.late_lake import LateLake, item
from tests.faults.world import Cloud


@pytest.fixture(scope="module")
def cloud(aws: EmbeddedAws) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def lake(cloud: Cloud, tmp_path: Path) -> LateLake:
    return LateLake(cloud, tmp_path)


def test_a_contract_that_gains_an_optional_column(lake: LateLake) -> None:
    with lake.open():
        gains_an_optional_column(lake)
    must_be_as_clean(
        lake,
        {
            (DAY, "a"): [item(1, 1), item(2, 2)],
            (DAY, "b"): [item(3, 3, "Bb", note="new"), item(4, 4, "Bb")],
            (NEXT, "a"): [item(1, 10, note="newer")],
            (NEXT, "b"): [item(5, 5, note="last")],
        },
    )


def test_gold_that_asks_for_the_new_column_finds_it_empty_in_old_files(lake: LateLake) -> None:
    sql = lake.contracts / "shelf" / "gold" / "items_by_day.sql"
    with lake.open():
        lake.bring(DAY, "a", [item(1, 1)])
        lake.change_contract(
            (PIECES, WITH_NOTE),
            (
                '  { name = "pieces", type = "int", comment = "How many" },\n  { name = "day"',
                '  { name = "pieces", type = "int", comment = "How many" },\n'
                '  { name = "note", type = "string", required = false, comment = "Any" },\n  { name = "day"',
            ),
        )
        sql.write_text(sql.read_text().replace("  pieces,\n", "  pieces,\n  note,\n"))
        lake.bring(DAY, "b", [item(2, 2, note="new")])
        found = {row[0]: row[2] for row in lake.gold()["items_by_day"]}
    assert found == {"i1": None, "i2": "new"}


def test_a_contract_that_changes_a_type_is_refused_before_anything_is_lost(lake: LateLake) -> None:
    with lake.open():
        changes_a_type_and_back(lake)
    files = {(DAY, "a"): [item(1, 1), item(2, 2)], (DAY, "b"): [item(3, 3)], (DAY, "c"): [item(4, 4)]}
    must_be_as_clean(lake, files)


def test_a_key_that_had_another_type_for_a_while_leaves_nothing_behind(lake: LateLake) -> None:
    with lake.open():
        changes_a_keys_type_and_back(lake)
    must_be_as_clean(lake, {(DAY, "a"): [item(1, 1)], (DAY, "b"): [item(2, 2)], (NEXT, "a"): [item(1, 10)]})


def test_rows_whose_value_has_another_type_are_quarantined_with_the_reason(lake: LateLake) -> None:
    with lake.open():
        lake.bring(DAY, "a", [item(1, 1)])
        key = lake.bring(DAY, "b", [item(2, 2), item(3, "3"), item(4, 4)])
        assert (lake.file(key).verdict, lake.file(key).by_reason) == ("accepted", {"wrong_type": 1})
        (letter,) = lake.letters("rows_quarantined")
        assert letter["by_reason"] == {"wrong_type": 1}
        assert lake.gold()["city_pieces"] == Counter([("Aa", 7)])
        lake.bring(DAY, "b", [item(2, 2), item(3, 3), item(4, 4)])
    must_be_as_clean(lake, {(DAY, "a"): [item(1, 1)], (DAY, "b"): [item(2, 2), item(3, 3), item(4, 4)]})


def test_a_file_of_which_most_rows_have_another_type_is_refused_and_the_version_before_stays(lake: LateLake) -> None:
    with lake.open():
        lake.bring(DAY, "a", [item(1, 1), item(2, 2)])
        key = lake.bring(DAY, "a", [item(1, "1"), item(2, "2"), item(3, 3)])
        assert (lake.file(key).verdict, lake.file(key).reason) == ("refused", "too_many_bad_rows")
        (letter,) = lake.letters("file_refused")
        assert "stays in force" in letter["text"]
    must_be_as_clean(lake, {(DAY, "a"): [item(1, 1), item(2, 2)]})


def test_a_file_is_judged_by_the_new_contract_when_its_event_comes_again(lake: LateLake) -> None:
    stricter = (PIECES, PIECES.replace('"int",', '"int", max = "5",'))
    with lake.open():
        key = lake.bring(DAY, "a", [item(1, 1), item(2, 9), item(3, 3)])
        first = lake.slot(key)
        lake.change_contract(stricter)
        lake.event(key)
        lake.run_all()
        again = lake.slot(key)
        assert (again.revision, again.judged_version_id) == (2, first.judged_version_id)
        assert lake.file(key).by_reason == {"above_max": 1}
        lake.event(key)
        assert lake.slot(key) == again, "judged once under a contract"
        assert lake.gold()["city_pieces"] == Counter([("Aa", 4)])
        lake.change_contract(stricter[::-1])
        lake.event(key)
        lake.run_all()
    must_be_as_clean(lake, {(DAY, "a"): [item(1, 1), item(2, 9), item(3, 3)]})


def test_an_old_file_is_judged_with_the_new_column_when_its_event_comes_again(lake: LateLake) -> None:
    rows = [item(1, 1, note="there before the contract knew it"), item(2, 2)]
    with lake.open():
        lake.change_contract(('max_bad_share = "0.5"', 'max_bad_share = "0.5"\nunknown_columns = "ignore"'))
        key = lake.bring(DAY, "a", rows)
        lake.change_contract((PIECES, WITH_NOTE))
        lake.event(key)
        lake.run_all()
        assert notes(lake.silver()) == {"i1": "there before the contract knew it", "i2": None}
    must_be_as_clean(lake, {(DAY, "a"): rows})
