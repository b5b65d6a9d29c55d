"""Where the catalog and the ledger say that gold lies, against each other and against the runs that made it. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from lakehouse.audit.findings import differing
from lakehouse.ledger.items import GoldPartition, GoldPointer, GoldResult, PartitionPointer, RunRecord
from lakehouse.publish.catalog import CatalogPartition
from lakehouse.publish.pointer import Pointer

Results = Mapping[str, RunRecord]
"""Runs by their id: those that a pointer names."""


@dataclass(frozen=True)
class Settled:
    """What a table or a partition shows."""

    pointer: Pointer
    result: GoldResult | GoldPartition | None
    """As its run wrote it down; None where no run made these files."""


def settle_table(
    table: str, shown: Pointer | None, remembered: GoldPointer | None, runs: Results
) -> tuple[Settled | None, tuple[str, str] | None]:
    """The pointer that is right, and (found, expected) where catalog and ledger differ.

    Right is the one whose files a run made: the ledger's copy first.
    """
    copy = (
        Pointer(remembered.location, remembered.run_id, dict(remembered.versions), remembered.csv)
        if remembered
        else None
    )
    known = [(pointer, _result(runs, table, pointer)) for pointer in (copy, shown) if pointer is not None]
    if not known:
        return None, None
    right = next((one for one in known if one[1] is not None), known[0])
    difference = None
    if shown is None or copy is None:
        difference = (f"catalog: {_where(shown)}, ledger: {_where(copy)}", right[0].location)
    elif shown != copy:
        words = differing(asdict(shown), asdict(copy)) or ("", "")
        difference = (f"catalog: {words[0]}", f"ledger: {words[1]}")
    return Settled(*right), difference


def settle_partition(
    shown: CatalogPartition | None, remembered: PartitionPointer | None, runs: Results
) -> tuple[Settled | None, tuple[str, str] | None]:
    """The same of a partition. Without rows the catalog should have none."""
    if remembered is None:
        if shown is None:
            return None, None
        return None, (f"catalog: {shown.location}", "ledger: no such partition")
    pointer = Pointer(remembered.location, remembered.run_id, dict(remembered.versions))
    result = runs.get(remembered.run_id)
    made = result.gold.get(remembered.table) if result else None
    part = made.partitions.get(remembered.value) if made else None
    wanted = CatalogPartition(remembered.value, remembered.location, remembered.run_id) if remembered.rows else None
    difference = None
    if shown != wanted:
        difference = (f"catalog: {_where(shown)}", f"ledger: {_where(wanted)}")
    if (part is None or part.location != remembered.location) and shown is not None:
        other = runs.get(shown.run_id)
        found = other.gold.get(remembered.table) if other else None
        partition = found.partitions.get(remembered.value) if found else None
        if partition is not None and partition.location == shown.location:
            right = Pointer(shown.location, shown.run_id, dict(other.versions if other else {}))
            return Settled(right, partition), difference
    return Settled(pointer, part if part and part.location == pointer.location else None), difference


def _result(runs: Results, table: str, pointer: Pointer) -> GoldResult | None:
    run = runs.get(pointer.run_id)
    result = run.gold.get(table) if run else None
    if result is None:
        return None
    return result if result.partitions or result.location == pointer.location else None


def _where(found: Pointer | CatalogPartition | None) -> str:
    return f"{found.location} of run {found.run_id}" if found else "nothing"
