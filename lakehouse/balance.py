"""Do the rows of a batch balance? Pure: what the ledger says of its files against what silver's Delta log holds.

Of every file in force: rows in = rows in silver + rows in quarantine + exact duplicates inside the file. Whether the
Parquet files hold the rows that the log says, the engine counts: see lakehouse.engines.totals.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lakehouse.contract.model import Dataset
from lakehouse.errors import BalanceError
from lakehouse.ledger.items import BatchState, DatasetBalance, FileRecord, SlotInForce
from lakehouse.silver.slots import SlotFile, compacted_path, wanted_files

SHOWN = 5
"""So many problems are told in full."""


@dataclass(frozen=True)
class Weighed:
    """One dataset's rows of one batch."""

    balance: DatasetBalance
    problems: tuple[str, ...]
    """What does not agree, for people; nothing when the rows balance."""


def weigh(dataset: str, state: BatchState, records: Mapping[str, FileRecord], held: Iterable[SlotFile]) -> Weighed:
    """Compare the files of a dataset that are in force in a batch with their verdicts and with silver.

    Args:
        records: the batch's verdicts by file id; more than those in force may be among them.
        held: the files that the table has of this batch. A compacted file stands for several slots.
    """
    in_force = sorted((slot for slot in state.slots.values() if slot.dataset == dataset), key=lambda slot: slot.key)
    found = [records[slot.file_id] for slot in in_force if slot.file_id in records]
    files = list(held)
    balance = DatasetBalance(
        rows_in=sum(file.rows_in for file in found),
        silver=sum(file.rows for file in files),
        quarantined=sum(file.rows_quarantined for file in found),
        duplicates=sum(file.rows_duplicate for file in found),
    )
    problems = [problem for slot in in_force for problem in _file_problems(slot, records.get(slot.file_id))]
    problems += _silver_problems(wanted_files(state.slots, state.batch, dataset), files)
    if balance.rows_in != balance.silver + balance.quarantined + balance.duplicates and not problems:
        problems.append(_equation("all files", balance))
    return Weighed(balance, tuple(problems))


def check_balance(
    state: BatchState,
    datasets: Iterable[Dataset],
    records: Iterable[FileRecord],
    held: Mapping[str, Collection[SlotFile]],
) -> dict[str, DatasetBalance]:
    """The balance of every dataset of a batch.

    Args:
        records: the batch's verdicts (`Ledger.files_of`).
        held: by dataset the files that its table has of this batch.

    Raises:
        BalanceError: rows of one of them are missing or too many.
    """
    by_id = {record.file_id: record for record in records}
    weighed = {dataset.name: weigh(dataset.name, state, by_id, held[dataset.name]) for dataset in datasets}
    for name, found in weighed.items():
        if found.problems:
            raise BalanceError(_message(state, name, found))
    return {name: found.balance for name, found in weighed.items()}


def _file_problems(slot: SlotInForce, record: FileRecord | None) -> Iterable[str]:
    """Is the verdict on a file in force there, accepting, and do its own rows add up?"""
    if record is None:
        yield f"{slot.key}: in force is file {slot.file_id}, of which the ledger has no verdict"
        return
    if record.verdict != "accepted":
        yield f"{slot.key}: in force is file {slot.file_id}, which was {record.verdict}"
    own = DatasetBalance(record.rows_in, record.rows_accepted, record.rows_quarantined, record.rows_duplicate)
    if own.rows_in != own.silver + own.quarantined + own.duplicates:
        yield _equation(f"{slot.key}, file {slot.file_id}", own)
    if slot.rows != record.rows_accepted:
        yield f"{slot.key}: the batch counts {slot.rows} rows, the verdict on file {slot.file_id} {own.silver} accepted"


def _silver_problems(wanted: Sequence[SlotFile], held: Sequence[SlotFile]) -> Iterable[str]:
    """Does the table hold exactly the files in force, with their numbers of rows?"""
    if wanted and [file.path for file in held] == [compacted_path(wanted)]:
        rows = sum(file.rows for file in wanted)
        if held[0].rows != rows:
            yield f"{held[0].path}: silver's log counts {held[0].rows} rows, the files in it have {rows}"
        return
    want, have = _rows_by_place(wanted), _rows_by_place(held)
    for slot, path in sorted(want.keys() | have.keys()):
        in_force, in_silver = want.get((slot, path)), have.get((slot, path))
        if in_force != in_silver:
            yield f"{slot}, {path}: {_rows(in_force)} in force, {_rows(in_silver)} in silver"
    if len(held) != len(have):
        yield f"{len(held) - len(have)} files are in silver more than once"


def _rows_by_place(files: Iterable[SlotFile]) -> dict[tuple[str, str], int]:
    return {(file.slot, file.path): file.rows for file in files}


def _rows(count: int | None) -> str:
    return "nothing" if count is None else f"{count} rows"


def _equation(what: str, found: DatasetBalance) -> str:
    return (
        f"{what}: {found.rows_in} rows in, but {found.silver} accepted + {found.quarantined} quarantined "
        f"+ {found.duplicates} duplicates"
    )


def _message(state: BatchState, dataset: str, found: Weighed) -> str:
    sums, more = found.balance, len(found.problems) - SHOWN
    told = "; ".join(found.problems[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return (
        f"Rows of {state.pipeline}/{dataset}, batch {state.batch}, do not balance: {sums.rows_in} in, {sums.silver} in "
        f"silver, {sums.quarantined} quarantined, {sums.duplicates} duplicates. {told}. The run makes no gold. "
        "`lake audit` shows which layer differs; put its files right, then `lake replay` the batch"
    )
