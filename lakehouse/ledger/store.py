"""The ledger: what the other parts ask it and tell it. Pass the DynamoDB client in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakehouse.contract.model import Place
from lakehouse.errors import LedgerError
from lakehouse.ledger.codec import attribute, encode
from lakehouse.ledger.gold import GoldLedger
from lakehouse.ledger.items import (
    BatchState,
    CrawlWait,
    Erasure,
    FileRecord,
    RunRecord,
    SlotInForce,
    SlotState,
    now,
)
from lakehouse.ledger.table import LedgerTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SWAP_TRIES = 20


class Ledger(GoldLedger):
    """The ledger behind a DynamoDB client.

    Single items are read consistently. Lists come from the index `by-kind`: newest first, page by page, eventually
    consistent; where asked for, only those whose `at` is not before `since`. Every write is conditional or idempotent,
    so that a repeat after a lost answer changes nothing.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        super().__init__(LedgerTable(client, table))

    def batch(self, pipeline: str, batch: str) -> BatchState:
        """A batch; one that is not there yet has generation 0 and no slots."""
        return self.table.read(BatchState, f"{pipeline}#{batch}", "BATCH") or BatchState(pipeline, batch)

    def slot(self, place: Place) -> SlotState | None:
        """What was judged last in a slot and what is in force there."""
        return self.table.read(SlotState, f"{place.pipeline}#{place.batch}", f"SLOT#{place.slot_id}")

    def file(self, pipeline: str, batch: str, file_id: str) -> FileRecord | None:
        """The verdict on one file."""
        return self.table.read(FileRecord, f"{pipeline}#{batch}", f"FILE#{file_id}")

    def run(self, pipeline: str, batch: str, run_id: str) -> RunRecord | None:
        """One run."""
        return self.table.read(RunRecord, f"{pipeline}#{batch}", f"RUN#{run_id}")

    def files_of(self, pipeline: str, batch: str) -> Iterator[FileRecord]:
        """Every file that was ever judged in a batch, read consistently."""
        return self.table.below(FileRecord, f"{pipeline}#{batch}", "FILE#")

    def batches(self, pipeline: str, since: str = "") -> Iterator[BatchState]:
        """The batches of a pipeline, the one changed last first."""
        return self.table.newest_first(BatchState, pipeline, since)

    def slots(self, pipeline: str, since: str = "") -> Iterator[SlotState]:
        """The slots of a pipeline, the one judged last first."""
        return self.table.newest_first(SlotState, pipeline, since)

    def files(self, pipeline: str) -> Iterator[FileRecord]:
        """The judged files of a pipeline. Those that fit no pipeline are under `_unknown`."""
        return self.table.newest_first(FileRecord, pipeline)

    def runs(self, pipeline: str, since: str = "") -> Iterator[RunRecord]:
        """The runs of a pipeline, the one started last first."""
        return self.table.newest_first(RunRecord, pipeline, since)

    def erasures(self, pipeline: str) -> Iterator[Erasure]:
        """Persons who were forgotten, the last one first."""
        return self.table.newest_first(Erasure, pipeline)

    def record(self, slot: SlotState, file: FileRecord) -> bool:
        """Record a verdict: the file, and its slot's next revision, together or not at all.

        False when another gate recorded a revision of the slot since it was read: look at the object again.
        """
        next_revision: Any = {
            "TableName": self.table.name,
            "Item": encode(slot),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if slot.revision > 1:
            next_revision["ConditionExpression"] = "revision = :before"
            next_revision["ExpressionAttributeValues"] = {":before": attribute(slot.revision - 1)}
        return self.table.transact(
            [{"Put": next_revision}, {"Put": {"TableName": self.table.name, "Item": encode(file)}}]
        )

    def notified(self, slot: SlotState) -> None:
        """Remember that a person was told of this revision's outcome. A newer revision is left alone."""
        self.table.update(
            SlotState,
            f"{slot.pipeline}#{slot.batch}",
            f"SLOT#{slot.slot_id}",
            "SET notified_revision = :revision",
            {":revision": slot.revision},
            condition="revision = :revision",
        )

    def put_in_force(self, pipeline: str, batch: str, slot_id: str, entry: SlotInForce) -> BatchState:
        """Put a slot's file in force in its batch; the batch as it is afterwards, from the same atomic update.

        The generation grows only when the slot's file differs. An entry of an older revision changes nothing.

        Raises:
            LedgerError: the batch no longer fits into one DynamoDB item of 400 KB (about 2,000 slots).
        """
        for _ in range(SWAP_TRIES):
            changed, current = self._swap_slot(pipeline, batch, slot_id, entry)
            if current is None:
                first = BatchState(pipeline, batch, generation=1, slots={slot_id: entry}, at=now())
                if self.table.create(first):
                    return first
                continue
            held = current.slots[slot_id]
            if changed or held.revision >= entry.revision:
                return current
            # A later verdict on the same file: remember its revision, so that no verdict between the two slips in.
            changed, current = self._raise_revision(pipeline, batch, slot_id, entry)
            if changed and current:
                return current
        raise LedgerError(f"Batch {pipeline}#{batch} changed {SWAP_TRIES} times while slot {slot_id} was put in force")

    def put_marker(self, pipeline: str, batch: str, dataset: str) -> BatchState:
        """Note that a dataset's marker has arrived; the batch as it is afterwards. The manifest stays as it is."""
        empty = BatchState(pipeline, batch, at=now())
        self.table.create(empty)
        _, state = self.table.update(
            BatchState,
            f"{pipeline}#{batch}",
            "BATCH",
            "ADD markers :dataset SET #at = :at",
            {":dataset": {dataset}, ":name": dataset, ":at": empty.at},
            condition="NOT contains(markers, :name)",
            names={"#at": "at"},
        )
        return state or empty

    def renew(self, pipeline: str, batch: str, engine: str | None) -> BatchState:
        """Ask for one more run of what a batch holds, on an engine or (None) on the contract's; the batch afterwards.

        Raises the generation, so that `batches.start.start_if_complete` starts a run that has not been before. The
        engine stays with the batch until the next call.
        """
        empty = BatchState(pipeline, batch, at=now())
        self.table.create(empty)
        choice = "SET generation = generation + :one, #at = :at, engine = :engine"
        none = "SET generation = generation + :one, #at = :at REMOVE engine"
        values: dict[str, object] = {":one": 1, ":at": now(), **({":engine": engine} if engine else {})}
        _, state = self.table.update(
            BatchState, f"{pipeline}#{batch}", "BATCH", choice if engine else none, values, names={"#at": "at"}
        )
        return state or empty

    def batch_started(self, pipeline: str, batch: str, generation: int, run_id: str) -> None:
        """Remember in the batch which run its present generation started. A newer generation is left alone."""
        self.table.update(
            BatchState,
            f"{pipeline}#{batch}",
            "BATCH",
            "SET run_id = :run",
            {":run": run_id, ":generation": generation},
            condition="generation = :generation",
        )

    def update_run(
        self,
        pipeline: str,
        batch: str,
        run_id: str,
        values: Mapping[str, object],
        first: Mapping[str, object],
        unless_status: Sequence[str],
    ) -> RunRecord | None:
        """Set `values` in a run's item, and those of `first` only where it lacks them; makes the item where needed.

        None, and nothing is changed, when its status is one of `unless_status`. See lakehouse.runs for the steps.
        """
        identity = {"kind": RunRecord.kind, "kind_pipeline": f"{RunRecord.kind}#{pipeline}", "at": now()}
        unset = {**identity, "pipeline": pipeline, "batch": batch, "run_id": run_id, **first}
        sets = [f"#{name} = :{name}" for name in values]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in unset if name not in values]
        blocked = {f":unless{index}": status for index, status in enumerate(unless_status)}
        changed, run = self.table.update(
            RunRecord,
            f"{pipeline}#{batch}",
            f"RUN#{run_id}",
            f"SET {', '.join(sets)}",
            {**{f":{name}": value for name, value in {**unset, **values}.items()}, **blocked},
            condition=f"attribute_not_exists(#status) OR NOT #status IN ({', '.join(blocked)})",
            names={f"#{name}": name for name in {**unset, **values, "status": ""}},
        )
        return run if changed else None

    def warehouse_loaded(self, pipeline: str, batch: str, run_id: str, load: Mapping[str, object]) -> RunRecord | None:
        """Remember how a run's load into the warehouse ended; None for a run that the ledger does not have."""
        changed, run = self.table.update(
            RunRecord,
            f"{pipeline}#{batch}",
            f"RUN#{run_id}",
            "SET warehouse = :load",
            {":load": load},
            condition="attribute_exists(pk)",
        )
        return run if changed else None

    def wait_for_crawl(self, wait: CrawlWait) -> None:
        """Remember who waits for a crawler. The same run's earlier token is replaced: nobody waits for it any more."""
        self.table.put(wait)

    def waiting_for_crawl(self, crawler: str) -> Iterator[CrawlWait]:
        """Who waits for a crawler, read consistently."""
        return self.table.below(CrawlWait, f"_crawl#{crawler}", "WAIT#")

    def waited_for_crawl(self, wait: CrawlWait) -> None:
        """Forget a token that is answered. One that the same run has put in its place since stays."""
        self.table.delete_if(wait, "#token = :token", {":token": wait.token})

    def _swap_slot(self, pipeline: str, batch: str, slot_id: str, entry: SlotInForce) -> tuple[bool, BatchState | None]:
        return self.table.update(
            BatchState,
            f"{pipeline}#{batch}",
            "BATCH",
            "SET slots.#slot = :entry, generation = generation + :one, #at = :at",
            {":entry": entry, ":one": 1, ":at": now(), ":revision": entry.revision, ":file": entry.file_id},
            condition="attribute_exists(pk) AND (attribute_not_exists(slots.#slot)"
            " OR (slots.#slot.revision < :revision AND slots.#slot.file_id <> :file))",
            names={"#slot": slot_id, "#at": "at"},
        )

    def _raise_revision(
        self, pipeline: str, batch: str, slot_id: str, entry: SlotInForce
    ) -> tuple[bool, BatchState | None]:
        return self.table.update(
            BatchState,
            f"{pipeline}#{batch}",
            "BATCH",
            "SET slots.#slot = :entry",
            {":entry": entry, ":revision": entry.revision, ":file": entry.file_id},
            condition="slots.#slot.revision < :revision AND slots.#slot.file_id = :file",
            names={"#slot": slot_id},
        )
