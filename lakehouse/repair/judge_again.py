"""Which files the gate should judge anew, asking it to, and what came of it.

The gate decides by itself: an event says no more than that an object may have changed. Where the last verdict is about
the object's current version and under the present contract it does nothing, so asking twice is harmless.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lakehouse import names
from lakehouse.contract.model import Pipeline, Place
from lakehouse.contract.route import place_of
from lakehouse.errors import LedgerError, RepairError
from lakehouse.ledger.items import FileRecord, SlotState
from lakehouse.ledger.store import Ledger
from lakehouse.names import UNKNOWN

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

Standing = Literal["to_judge", "unchanged", "released", "elsewhere", "no_contract"]
WHY = {
    "to_judge": "its contract has changed since",
    "unchanged": "the contract has not changed since: nothing to release",
    "released": "it fitted no contract and fits one by now: it was judged there",
    "elsewhere": "the contract puts its key into another dataset or batch now: the gate would count it twice",
    "no_contract": "its key fits no contract",
}


@dataclass(frozen=True)
class Judged:
    """A slot, its last verdict, and whether the gate would come to another now."""

    slot: SlotState
    file: FileRecord
    """What the slot's last verdict is about."""
    standing: Standing
    place: Place | None = None
    """Where the gate puts the key now."""

    @property
    def contract_hash(self) -> str:
        """Of the contract that the last verdict was under."""
        return self.slot.contract_hash


@dataclass(frozen=True)
class Released:
    """What came of judging a file anew."""

    before: Judged
    after: FileRecord

    @property
    def rows_released(self) -> int:
        """Rows accepted now that were not before; less than none where the contract has become stricter."""
        return accepted_rows(self.after) - accepted_rows(self.before.file)

    @property
    def rows_remaining(self) -> int:
        """Rows that are still refused."""
        return refused_rows(self.after)


def accepted_rows(file: FileRecord) -> int:
    """Rows of a file that count."""
    return file.rows_accepted if file.verdict == "accepted" else 0


def refused_rows(file: FileRecord) -> int:
    """Rows of a file that do not: of a refused one all that were read."""
    return file.rows_quarantined if file.verdict == "accepted" else file.rows_in


def judged_files(ledger: Ledger, owner: str) -> Iterator[tuple[SlotState, FileRecord]]:
    """Every slot of a pipeline (or `_unknown`) with the file of its last verdict."""
    files = {(file.batch, file.file_id): file for file in ledger.files(owner)}
    for slot in ledger.slots(owner):
        # The index may lag behind the slot: the item itself does not.
        file = files.get((slot.batch, slot.file_id)) or ledger.file(owner, slot.batch, slot.file_id)
        if file is None:
            raise LedgerError(f"Ledger has slot {slot.slot_id} of {slot.key} without its file {slot.file_id}")
        yield slot, file


def in_quarantine(file: FileRecord) -> bool:
    """Something of the file was refused."""
    return file.verdict == "refused" or file.rows_quarantined > 0


def slot_of(file: FileRecord, ledger: Ledger) -> SlotState:
    """The slot of a judged file.

    Raises:
        RepairError: its last verdict is about another file, so this one counts for nothing any more.
    """
    slot_id = names.slot_id(file.pipeline, file.dataset, file.batch, file.key)
    slot = ledger.slot(Place(file.pipeline, file.dataset, file.batch, file.key, slot_id))
    if slot is None or slot.file_id != file.file_id:
        newer = slot.file_id if slot else "none"
        raise RepairError(
            f"{file.key} was judged again since {file.file_id[:10]}: what counts now is file {newer[:10]}"
        )
    return slot


def judge_of(slot: SlotState, file: FileRecord, pipelines: Mapping[str, Pipeline], ledger: Ledger) -> Judged:
    """Whether the gate would judge a slot's file anew."""
    place = place_of(slot.key, pipelines)
    if not isinstance(place, Place):
        return Judged(slot, file, "no_contract")
    if slot.pipeline == UNKNOWN:
        return Judged(slot, file, "released" if is_judged(place, pipelines, ledger) else "to_judge", place)
    if place.slot_id != slot.slot_id:
        return Judged(slot, file, "elsewhere", place)
    contract_hash = pipelines[place.pipeline].dataset(place.dataset).contract_hash
    return Judged(slot, file, "unchanged" if slot.contract_hash == contract_hash else "to_judge", place)


def is_judged(place: Place, pipelines: Mapping[str, Pipeline], ledger: Ledger) -> bool:
    """The ledger has a verdict under the present contract on what lies at a place, or has noted that marker."""
    if place.marker:
        return place.dataset in ledger.batch(place.pipeline, place.batch).markers
    slot = ledger.slot(place)
    return slot is not None and slot.contract_hash == pipelines[place.pipeline].dataset(place.dataset).contract_hash


def ask(sqs: "SQSClient", queue_url: str, bucket: str, keys: Iterable[str]) -> None:
    """Tell the gate of objects as if each had just arrived."""
    for key in keys:
        sqs.send_message(QueueUrl=queue_url, MessageBody=arrival(bucket, key))


def arrival(bucket: str, key: str) -> str:
    """An event as EventBridge sends it for a new object, with all that the gate reads of it."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key}, "reason": "lake repair"}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail}, ensure_ascii=False)


def outcomes(asked: Sequence[Judged], pipelines: Mapping[str, Pipeline], ledger: Ledger) -> dict[str, Released]:
    """What came of those that are judged by now and in force in their batch, by key."""
    found = {}
    for one in asked:
        if one.place is None or not is_judged(one.place, pipelines, ledger):
            continue
        if one.place.marker:
            found[one.slot.key] = Released(one, one.file)
            continue
        slot = ledger.slot(one.place)
        if slot is not None and _is_settled(slot, ledger):
            file = ledger.file(slot.pipeline, slot.batch, slot.file_id)
            if file is not None:
                found[one.slot.key] = Released(one, file)
    return found


def _is_settled(slot: SlotState, ledger: Ledger) -> bool:
    """The batch knows of the slot's last verdict, where that one or an earlier one accepted anything."""
    if slot.in_force() is None:
        return True
    entry = ledger.batch(slot.pipeline, slot.batch).slots.get(slot.slot_id)
    return entry is not None and entry.revision >= slot.revision


def intake_is_empty(sqs: "SQSClient", queue_url: str) -> bool:
    """Nothing waits for the gate, and the gate works on nothing."""
    wanted: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found: Any = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=wanted)["Attributes"]
    return all(int(found[name]) == 0 for name in wanted)
