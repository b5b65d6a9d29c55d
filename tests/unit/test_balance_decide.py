"""A row that is lost or doubled between a batch's files and silver never passes; what balances always does."""

from dataclasses import replace

import pytest

from lakehouse import names
from lakehouse.balance import check_balance, weigh
from lakehouse.contract.model import Column, Dataset
from lakehouse.errors import BalanceError
from lakehouse.ledger.items import BatchState, DatasetBalance, FileRecord, SlotInForce
from lakehouse.silver.columns import SEVERAL
from lakehouse.silver.slots import SlotFile, compacted_path

THINGS = Dataset("made_up", "things", "Made up", (), (), (Column("id", "long"),), ("id",))
Files = list[SlotFile]
Records = dict[str, FileRecord]


def record(file_id: str, rows_in: int, accepted: int, quarantined: int = 0, duplicates: int = 0) -> FileRecord:
    counts = {"rows_in": rows_in, "rows_accepted": accepted}
    counts |= {"rows_quarantined": quarantined, "rows_duplicate": duplicates}
    key = f"bronze/made_up/{file_id}.csv"
    return FileRecord("made_up", "things", "b", key, file_id, "v", "sha", 9, "accepted", "now", **counts)


RECORDS = {one.file_id: one for one in (record("one", 10, 7, 2, 1), record("two", 5, 5), record("old", 3, 3))}
SLOTS = {
    name: SlotInForce("things", f"bronze/made_up/{name}.csv", name, RECORDS[name].rows_accepted, 9, 99, revision=1)
    for name in ("one", "two")
}
STATE = BatchState("made_up", "b", 2, {**SLOTS, "other": SlotInForce("others", "k", "other", 4, 9, 99, 1)})
HELD = [SlotFile("b", slot.key, names.silver_data_path(slot.file_id), slot.rows, 99) for slot in SLOTS.values()]
BALANCE = DatasetBalance(rows_in=15, silver=12, quarantined=2, duplicates=1)


def changed(held: Files, place: int, **values: int | str) -> Files:
    return [replace(file, **values) if at == place else file for at, file in enumerate(held)]  # type: ignore[arg-type]


def test_rows_in_are_silver_quarantine_and_duplicates_whatever_other_files_the_batch_once_held() -> None:
    assert check_balance(STATE, [THINGS], RECORDS.values(), {"things": HELD}) == {"things": BALANCE}


def test_a_compacted_file_counts_for_all_its_slots() -> None:
    one = SlotFile("b", SEVERAL, compacted_path(HELD), 12, 150)
    assert weigh("things", STATE, RECORDS, [one]).balance == BALANCE
    assert weigh("things", STATE, RECORDS, [one]).problems == ()


def test_a_dataset_without_files_balances() -> None:
    assert check_balance(BatchState("made_up", "b"), [THINGS], [], {"things": []}) == {
        "things": DatasetBalance(0, 0, 0, 0)
    }


def without(file_id: str) -> Records:
    return {name: one for name, one in RECORDS.items() if name != file_id}


@pytest.mark.parametrize(
    ("records", "held", "message"),
    [
        ({**RECORDS, "one": record("one", 11, 7, 2, 1)}, HELD, "11 rows in, but 7 accepted + 2 quarantined"),
        ({**RECORDS, "one": record("one", 10, 7, 3, 0)}, HELD, None),
        ({**RECORDS, "one": record("one", 9, 6, 2, 1)}, HELD, "the batch counts 7 rows, the verdict"),
        ({**RECORDS, "one": replace(RECORDS["one"], verdict="refused")}, HELD, "which was refused"),
        (without("two"), HELD, "file two, of which the ledger has no verdict"),
        (RECORDS, HELD[:1], "5 rows in force, nothing in silver"),
        (RECORDS, changed(HELD, 1, rows=4), "5 rows in force, 4 rows in silver"),
        (RECORDS, changed(changed(HELD, 0, rows=8), 1, rows=4), "7 rows in force, 8 rows in silver"),
        (RECORDS, changed(HELD, 1, path="data/else.parquet"), "else.parquet: nothing in force, 5 rows in silver"),
        (RECORDS, changed(HELD, 1, slot="bronze/made_up/else.csv"), "nothing in force, 5 rows in silver"),
        (RECORDS, [*HELD, HELD[0]], "1 files are in silver more than once"),
        (RECORDS, [SlotFile("b", SEVERAL, compacted_path(HELD), 11, 9)], "log counts 11 rows, the files in it have 12"),
        (RECORDS, [SlotFile("b", SEVERAL, compacted_path(HELD[:1]), 12, 9)], "nothing in force, 12 rows in silver"),
    ],
)
def test_every_row_that_is_lost_or_doubled_is_named(records: Records, held: Files, message: str | None) -> None:
    weighed = weigh("things", STATE, records, held)
    if message is None:
        assert weighed.problems == (), "another share of refused rows that adds up is another verdict, not a loss"
        return
    assert message in "; ".join(weighed.problems)
    with pytest.raises(BalanceError, match=r"Rows of made_up/things, batch b, do not balance: \d+ in, \d+ in silver"):
        check_balance(STATE, [THINGS], records.values(), {"things": held})


def test_the_error_says_what_to_do_and_tells_only_the_first_problems() -> None:
    slots = {f"s{i}": replace(SLOTS["one"], key=f"k{i}", file_id=f"gone{i}") for i in range(9)}
    state = BatchState("made_up", "b", 9, slots)
    with pytest.raises(BalanceError, match=r"and \d+ more\. The run makes no gold\. `lake audit`") as error:
        check_balance(state, [THINGS], [], {"things": []})
    assert str(error.value).count("no verdict") == 5
