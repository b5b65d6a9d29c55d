"""Following a file: its verdict counts once the batch holds what the slot says; the gate writes the slot first."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli.follow import verdicts
from cli.lake import Lake
from cli.screen import Screen
from cli.upload import Upload
from lakehouse.contract.model import Place
from lakehouse.ledger.items import BatchState, FileRecord, SlotState

PLACE = Place("p", "d", "b", "bronze/p/d/b/f.csv", "id")
JUDGED = SlotState("p", "d", "b", PLACE.key, "id", 1, "v1", "e", "h", "accepted", "file", "at")
ACCEPTED = SlotState(**{**vars(JUDGED), "in_force_file_id": "file", "in_force_version_id": "v1"})


class Ledger:
    """What the ledger says, look by look; the last for ever."""

    def __init__(self, slots: list[SlotState | None], batches: list[BatchState]) -> None:
        self._slots, self._batches = _one_by_one(slots), _one_by_one(batches)
        self.looked_at_batch = 0

    def slot(self, _: Place) -> SlotState | None:
        return next(self._slots)

    def batch(self, *_: str) -> BatchState:
        self.looked_at_batch += 1
        return next(self._batches)

    def file(self, *_: str) -> FileRecord:
        return FileRecord("p", "d", "b", PLACE.key, "file", "v1", "s", 10, "accepted", "at", rows_accepted=1)


def _one_by_one(found: list[Any]) -> Iterator[Any]:
    yield from found
    while True:
        yield found[-1]


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.follow.time.sleep", lambda _: None)


def _followed(ledger: Ledger) -> SlotState:
    lake = cast(Lake, SimpleNamespace(ledger=ledger))
    (found,) = verdicts(lake, [Upload(Path("f.csv"), PLACE, "v1")], Screen(True))
    return found.slot


def test_an_accepted_file_is_waited_for_until_its_batch_has_it() -> None:
    entry = ACCEPTED.in_force()
    assert entry is not None
    there = BatchState("p", "b", slots={"id": entry})
    ledger = Ledger([None, ACCEPTED], [BatchState("p", "b"), BatchState("p", "b"), there])
    assert _followed(ledger) == ACCEPTED
    assert ledger.looked_at_batch == 3


def test_a_refused_file_with_nothing_in_force_needs_no_batch() -> None:
    refused = SlotState(**{**vars(JUDGED), "verdict": "refused"})
    ledger = Ledger([refused], [BatchState("p", "b")])
    assert _followed(ledger) == refused
    assert ledger.looked_at_batch == 0
