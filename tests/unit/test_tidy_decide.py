"""What may go: runs that nobody has been shown for long, versions that no longer count."""

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ledger.items import SlotState
from lakehouse.tidy.decide import SAFETY, runs_to_remove, unshown_runs, versions_that_count

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WRITTEN = {f"r{number}": NOON + number * HOUR for number in range(5)}


def slot(judged: str, in_force: str | None) -> SlotState:
    return SlotState("p", "d", "b", "k", "s", 1, judged, "e", "c", "accepted", "f", "", in_force_version_id=in_force)


def test_the_newest_runs_stay_and_so_do_those_that_are_shown() -> None:
    assert unshown_runs(WRITTEN, {"r1"}, keep=2) == {"r0", "r2"}
    assert unshown_runs(WRITTEN, set(), keep=5) == set()
    assert unshown_runs(WRITTEN, {"another"}, keep=0) == set(WRITTEN)


def test_a_run_goes_only_after_it_was_not_shown_for_long() -> None:
    since = {"r0": NOON - SAFETY, "r1": NOON - SAFETY + timedelta(seconds=1)}
    assert runs_to_remove({"r0", "r1", "r2"}, since, NOON, most=9) == ["r0"]


def test_a_run_that_is_shown_again_stays_however_old_its_note_is() -> None:
    assert runs_to_remove(set(), {"r0": NOON - 2 * SAFETY}, NOON, most=9) == []


def test_the_longest_unshown_go_first_and_the_rest_another_day() -> None:
    since = {run: NOON - SAFETY - number * HOUR for number, run in enumerate(WRITTEN)}
    assert runs_to_remove(set(WRITTEN), since, NOON, most=2) == ["r4", "r3"]


@pytest.mark.parametrize(
    ("versions", "judged", "in_force", "stay"),
    [
        (["v1"], "v1", "v1", {"v1"}),
        (["v2", "v1"], "v2", "v2", {"v2"}),
        (["v2", "v1"], "v2", "v1", {"v1", "v2"}),
        (["v3", "v2", "v1"], "v3", "v1", {"v1", "v3"}),
        (["v2", "v1"], "v2", None, {"v2"}),
    ],
    ids=["single", "corrected", "refused above accepted", "two refused above accepted", "never accepted"],
)
def test_the_newest_version_and_the_one_in_force_count(
    versions: list[str], judged: str, in_force: str | None, stay: set[str]
) -> None:
    assert versions_that_count(versions, slot(judged, in_force)) == stay


def test_nothing_is_decided_before_the_gate_has_judged_the_newest_version() -> None:
    assert versions_that_count(["v3", "v2", "v1"], slot("v2", "v2")) is None
    assert versions_that_count([], slot("v2", "v2")) is None
