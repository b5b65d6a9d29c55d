"""What the ledger says of gold: where tables and partitions point, and what follows a run. A part of `store.Ledger`."""

from collections.abc import Iterator

from lakehouse.ledger.items import GoldPointer, GoldResult, PartitionPointer, RunRecord, UnshownRun
from lakehouse.ledger.table import LedgerTable


class GoldLedger:
    """The items of gold in a ledger's table."""

    def __init__(self, table: LedgerTable) -> None:
        self.table = table

    def pointer(self, pipeline: str, table: str) -> GoldPointer | None:
        """Where a gold table pointed last."""
        return self.table.read(GoldPointer, f"_gold#{pipeline}", f"TABLE#{table}")

    def partition(self, pipeline: str, table: str, value: str) -> PartitionPointer | None:
        """What a partition of a gold table should show."""
        return self.table.read(PartitionPointer, f"_gold#{pipeline}", f"PART#{table}#{value}")

    def partitions(self, pipeline: str, table: str) -> Iterator[PartitionPointer]:
        """All partitions of a gold table, empty ones included, in the order of their values."""
        return self.table.below(PartitionPointer, f"_gold#{pipeline}", f"PART#{table}#")

    def unshown(self, pipeline: str, table: str) -> Iterator[UnshownRun]:
        """Notes of runs of a gold table that nobody is shown, read consistently."""
        return self.table.below(UnshownRun, f"_gold#{pipeline}", f"UNSHOWN#{table}#")

    def put_pointer(self, pointer: GoldPointer) -> None:
        """Remember where a gold table points."""
        self.table.put(pointer)

    def put_partition(self, pointer: PartitionPointer) -> bool:
        """Show other files in a partition, unless it shows those of newer silver versions: False then."""
        return self.table.put_if(pointer, "version_sum <= :sum", {":sum": pointer.version_sum})

    def add_gold(self, pipeline: str, batch: str, run_id: str, table: str, result: GoldResult) -> RunRecord | None:
        """Remember the result of a table that follows another, unless the run has one already: the first one counts.

        The run as it is afterwards. Unlike the steps of a run this may happen after its end.
        """
        return self._set_in_run(pipeline, batch, run_id, "gold", table, result)

    def add_derived(self, pipeline: str, batch: str, run_id: str, table: str, outcome: str) -> RunRecord | None:
        """Remember how a table that follows another ended; the run as it is afterwards."""
        return self._set_in_run(pipeline, batch, run_id, "derived", table, outcome)

    def _set_in_run(
        self, pipeline: str, batch: str, run_id: str, field: str, name: str, value: object
    ) -> RunRecord | None:
        """Set one entry of a run's mapping where it lacks it. DynamoDB makes no parents: the mapping comes first."""
        where = (RunRecord, f"{pipeline}#{batch}", f"RUN#{run_id}")
        exists = "attribute_exists(pk)"
        first = "SET #field = if_not_exists(#field, :empty)"
        self.table.update(*where, first, {":empty": {}}, exists, {"#field": field})
        _, run = self.table.update(
            *where,
            "SET #field.#name = if_not_exists(#field.#name, :value)",
            {":value": value},
            exists,
            {"#field": field, "#name": name},
        )
        return run
