"""What a commit decides, with plain values."""

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.ledger.items import SlotInForce
from lakehouse.silver.slots import SlotFile, SlotSwap, decide_swap, wanted_files


def slot_file(slot: str, content: str, rows: int = 1) -> SlotFile:
    return SlotFile("b", slot, f"data/{slot}-{content}.parquet", rows, 100)


A1, A2, B1 = slot_file("a", "1"), slot_file("a", "2"), slot_file("b", "1")


def test_an_empty_table_gets_every_wanted_file() -> None:
    assert decide_swap([A1, B1], []) == SlotSwap(add=(A1, B1), remove=())


def test_a_table_that_agrees_is_left_alone() -> None:
    swap = decide_swap([B1, A1], [A1, B1])
    assert swap == SlotSwap((), ())
    assert not swap


def test_a_corrected_file_replaces_the_slots_earlier_one_and_nothing_else() -> None:
    assert decide_swap([A2, B1], [A1, B1]) == SlotSwap(add=(A2,), remove=(A1,))


def test_a_slot_that_is_no_longer_in_force_goes() -> None:
    assert decide_swap([B1], [A1, B1]) == SlotSwap(add=(), remove=(A1,))


def test_a_file_is_the_same_when_only_its_figures_were_written_down_otherwise() -> None:
    assert not decide_swap([slot_file("a", "1", rows=5)], [slot_file("a", "1", rows=6)])


FILES = st.sets(st.sampled_from([slot_file(slot, content) for slot in "abcd" for content in "123"]))


@given(FILES, FILES)
def test_applying_the_swap_gives_exactly_what_is_wanted(want: set[SlotFile], have: set[SlotFile]) -> None:
    swap = decide_swap(want, have)
    assert have - set(swap.remove) | set(swap.add) == want
    assert not set(swap.add) & have
    assert set(swap.remove) <= have


def test_only_the_datasets_own_slots_are_wanted() -> None:
    users = SlotInForce("users", "bronze/p/users.json", "f1", 3, 10, 20, revision=1)
    orders = SlotInForce("orders", "bronze/p/orders.json", "f2", 4, 10, 30, revision=1)
    found = wanted_files({"s1": users, "s2": orders}, "b", "users")
    assert found == [SlotFile("b", "bronze/p/users.json", "data/f1.parquet", 3, 20)]
