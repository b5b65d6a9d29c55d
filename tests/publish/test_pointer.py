"""Which files a gold table should show, with plain values."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.publish.pointer import Pointer, is_older, pointer_of, pointer_to_show


def pointer(run: str, **versions: int) -> Pointer:
    return Pointer(f"s3://lake/gold/p/t/run={run}/1/", run, versions)


OLD, NEW = pointer("old", users=1, orders=1), pointer("new", users=1, orders=2)


def test_the_first_run_is_shown() -> None:
    assert pointer_to_show(None, None, OLD) == OLD


def test_newer_silver_replaces_older() -> None:
    assert pointer_to_show(OLD, OLD, NEW) == NEW


def test_older_silver_never_replaces_newer() -> None:
    assert pointer_to_show(NEW, NEW, OLD) == NEW


def test_one_older_dataset_is_enough_to_stay() -> None:
    mixed = pointer("mixed", users=0, orders=9)
    assert pointer_to_show(NEW, NEW, mixed) == NEW


def test_the_same_silver_made_again_is_shown() -> None:
    again = Pointer("s3://lake/gold/p/t/run=new/2/", "new", NEW.versions)
    assert pointer_to_show(NEW, NEW, again) == again


def test_what_the_catalog_forgot_counts_by_the_ledgers_copy() -> None:
    assert pointer_to_show(None, NEW, OLD) == NEW
    assert pointer_to_show(None, OLD, NEW) == NEW


def test_a_dataset_that_only_one_of_them_knows_decides_nothing() -> None:
    assert not is_older({"users": 1, "events": 0}, {"users": 1, "orders": 5})
    assert is_older({"users": 1}, {"users": 2, "orders": 5})


def test_a_catalog_table_without_a_run_has_no_pointer() -> None:
    assert pointer_of("s3://lake/gold/p/t/run=none/", {"classification": "parquet"}) is None


def test_a_pointer_survives_the_catalog() -> None:
    assert pointer_of(NEW.location, {"EXTERNAL": "TRUE", **NEW.parameters()}) == NEW


@given(st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_whatever_the_order_of_the_runs_the_newest_is_shown_in_the_end(ends: list[int]) -> None:
    """Runs of one table's growing versions: any order of publishing ends at the greatest."""
    runs = [pointer(f"{index}-{version}", users=version) for index, version in enumerate(ends)]
    for order in permutations(runs):
        shown: Pointer | None = None
        for offered in order:
            shown = pointer_to_show(shown, None, offered)
        assert shown is not None
        assert shown.versions == {"users": max(ends)}
