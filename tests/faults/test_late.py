"""Files that come late, changed, or changed back: the lake ends where one ends that was given the final files alone."""

from pathlib import Path

import pytest

from localaws import EmbeddedAws
from tests.faults.late_clean import must_be_as_clean
from tests.faults.late_lake import LateLake, item
from tests.faults.world import Cloud

FIRST, SECOND = "2026-05-01", "2026-05-02"


@pytest.fixture(scope="module")
def cloud(aws: EmbeddedAws) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def lake(cloud: Cloud, tmp_path: Path) -> LateLake:
    return LateLake(cloud, tmp_path)


def test_a_late_file_for_a_closed_and_compacted_batch(lake: LateLake) -> None:
    files = {(FIRST, "a"): [item(1, 1), item(2, 2)], (FIRST, "b"): [item(3, 3, "Bb")], (SECOND, "a"): [item(1, 10)]}
    with lake.open():
        for (day, name), rows in files.items():
            lake.bring(day, name, rows)
        (compacted,) = lake.compact("2026-05-04T03:00:00Z")
        assert (compacted["batch"], compacted["files"]) == (FIRST, 2)
        late = {(FIRST, "late"): [item(2, 20, "Bb"), item(4, 4)]}
        lake.bring(FIRST, "late", late[FIRST, "late"])
        must_be_as_clean(lake, {**files, **late})
        (again,) = lake.compact("2026-05-05T03:00:00Z")
        assert (again["batch"], again["files"]) == (FIRST, 3)
        must_be_as_clean(lake, {**files, **late})


def test_a_corrected_file_of_a_compacted_batch_takes_away_what_it_no_longer_has(lake: LateLake) -> None:
    with lake.open():
        lake.bring(FIRST, "a", [item(1, 1), item(2, 2)])
        lake.bring(FIRST, "b", [item(2, 5), item(3, 3)])
        lake.bring(SECOND, "a", [item(3, 30, "Bb")])
        lake.compact("2026-05-04T03:00:00Z")
        lake.bring(FIRST, "b", [item(4, 4, "Bb")])
    must_be_as_clean(
        lake,
        {
            (FIRST, "a"): [item(1, 1), item(2, 2)],
            (FIRST, "b"): [item(4, 4, "Bb")],
            (SECOND, "a"): [item(3, 30, "Bb")],
        },
    )


def test_a_correction_that_gives_up_its_keys_gives_them_back_to_the_day_before(lake: LateLake) -> None:
    with lake.open():
        lake.bring(FIRST, "a", [item(1, 1), item(2, 2)])
        lake.bring(SECOND, "a", [item(1, 10), item(2, 20)])
        lake.bring(SECOND, "a", [item(2, 21)])
    must_be_as_clean(lake, {(FIRST, "a"): [item(1, 1), item(2, 2)], (SECOND, "a"): [item(2, 21)]})


def test_a_correction_of_a_correction_back_to_the_first_content(lake: LateLake) -> None:
    rows = [[item(1, 1)], [item(1, 2), item(2, 2, "Bb")], [item(1, 1)]]
    with lake.open():
        for content in rows:
            key = lake.bring(FIRST, "a", content)
    statuses = [run.status for run in lake.world.ledger.runs("shelf")]
    assert statuses == ["published"] * 3, "each content is a run of its own, also the first one again"
    assert lake.slot(key).revision == 3
    must_be_as_clean(lake, {(FIRST, "a"): rows[-1]})


def test_a_correction_back_before_the_run_of_the_correction_has_begun(lake: LateLake) -> None:
    with lake.open():
        lake.bring(FIRST, "a", [item(1, 1)])
        lake.bring(FIRST, "a", [item(1, 2)], run=False)
        lake.bring(FIRST, "a", [item(1, 1)])
    must_be_as_clean(lake, {(FIRST, "a"): [item(1, 1)]})


def test_a_file_for_the_next_batch_before_this_one_ends(lake: LateLake) -> None:
    files = {
        (FIRST, "a"): [item(1, 1), item(2, 2)],
        (SECOND, "a"): [item(2, 20), item(3, 30, "Bb")],
        (FIRST, "b"): [item(3, 3), item(4, 4)],
    }
    with lake.open():
        for (day, name), rows in files.items():
            lake.bring(day, name, rows)
    must_be_as_clean(lake, files)


def test_files_in_the_opposite_order_end_the_same(lake: LateLake) -> None:
    files = {(FIRST, "a"): [item(1, 1), item(2, 2)], (FIRST, "b"): [item(2, 3)], (SECOND, "a"): [item(1, 10)]}
    with lake.open():
        for (day, name), rows in reversed(files.items()):
            lake.bring(day, name, rows)
    must_be_as_clean(lake, files)
