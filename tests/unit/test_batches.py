"""When a batch is complete and which run it needs: decisions over plain values."""

from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse.batches.decide import manifest, manifest_bytes, missing, run_needed
from lakehouse.contract.model import Dataset, Pipeline
from lakehouse.ledger.items import BatchState, SlotInForce


def dataset(name: str, parts: int = 1, marker: str | None = None) -> Dataset:
    return Dataset("shop", name, "", (f"{name}.{{ext}}",), ("ndjson",), (), ("id",), parts=parts, marker=marker)


SHOP = Pipeline(
    "shop", "", Path(), "duckdb", (dataset("a"), dataset("b", parts=2), dataset("c", marker="_SUCCESS")), ()
)


def state(*slots: tuple[str, str, str], markers: str = "", generation: int = 1) -> BatchState:
    """A batch holding (dataset, key, file id)."""
    held = {f"s{number}": SlotInForce(*slot, 1, 10, 5, 1) for number, slot in enumerate(slots)}
    return BatchState("shop", "b1", generation, held, frozenset(markers))


WHOLE = [("a", "a1", "f1"), ("b", "b1", "f2"), ("b", "b2", "f3"), ("c", "c1", "f4")]


@pytest.mark.parametrize(
    ("held", "markers", "expected"),
    [
        ([], "", ("a", "b", "c")),
        (WHOLE, "c", ()),
        (WHOLE, "", ("c",)),
        ([*WHOLE, ("c", "c2", "f5"), ("b", "b3", "f6")], "c", ()),
        (WHOLE[1:], "c", ("a",)),
        (WHOLE[:2] + WHOLE[3:], "c", ("b",)),
        (WHOLE[:3], "c", ("c",)),
        (WHOLE[:3], "ab", ("c",)),
    ],
)
def test_a_dataset_is_present_with_its_parts_and_its_marker(
    held: list[tuple[str, str, str]], markers: str, expected: tuple[str, ...]
) -> None:
    batch = state(*held, markers=markers)
    assert missing(SHOP, batch) == expected
    assert (run_needed(SHOP, batch) is None) == bool(expected)


def test_the_manifest_does_not_know_the_order_of_arrival() -> None:
    assert manifest(state(*WHOLE)) == manifest(state(*reversed(WHOLE))) == tuple(sorted(WHOLE))
    assert run_needed(SHOP, state(*WHOLE, markers="c")) == run_needed(SHOP, state(*reversed(WHOLE), markers="c"))
    assert manifest_bytes(state(*WHOLE)) == 40


def test_a_run_is_named_by_batch_manifest_and_generation() -> None:
    first = run_needed(SHOP, state(*WHOLE, markers="c"))
    assert first is not None
    assert first == run_needed(SHOP, replace(state(*WHOLE, markers="c"), run_id="started", at="later"))
    others = [
        replace(state(*WHOLE, markers="c"), batch="b2"),
        state(*WHOLE, markers="c", generation=2),
        state(*WHOLE[:3], ("c", "c1", "other"), markers="c"),
        state(*WHOLE[:3], ("c", "c1x", "f4"), markers="c"),
        state(*WHOLE, ("c", "c2", "f5"), markers="c"),
    ]
    ids = {run.run_id for run in (run_needed(SHOP, other) for other in others) if run}
    assert len(ids | {first.run_id}) == 6
    assert first.run_id.startswith("shop-b1-")
