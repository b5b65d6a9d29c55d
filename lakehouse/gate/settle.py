"""All that follows from a recorded verdict: its file comes into force, the batch's run starts, people are told.

Made from the slot as the ledger has it and harmless to repeat, so whoever finds a verdict with something still to
follow may see to it: the gate of a repeated event, or the sweeper, which has none of the gate's packages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lakehouse import notify
from lakehouse.batches.decide import Run
from lakehouse.batches.start import start_if_complete
from lakehouse.contract.model import Pipeline
from lakehouse.errors import LedgerError
from lakehouse.ledger import notices
from lakehouse.ledger.items import BatchState, FileRecord, SlotState
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient
    from mypy_boto3_stepfunctions.client import SFNClient


@dataclass(frozen=True)
class Settler:
    """Sees to what follows from verdicts. All AWS calls go through the clients given here."""

    ledger: Ledger
    stepfunctions: "SFNClient"
    sns: "SNSClient"
    settings: Settings
    pipelines: Mapping[str, Pipeline]

    def settle(self, slot: SlotState, teller: str, at: str) -> None:
        """Put in force, start, tell.

        Args:
            teller: who asks, the same in a repeat: see `must_tell`.
            at: the present, as the ledger writes times.
        """
        entry = slot.in_force()
        if entry is not None:
            self.start(self.ledger.put_in_force(slot.pipeline, slot.batch, slot.slot_id, entry))
        if must_tell(slot, teller, at) and (slot.teller == teller or self._takes_over(slot, teller, at)):
            self.tell(slot)

    def start(self, state: BatchState) -> Run | None:
        """Start the run that a batch needs; None while it is incomplete."""
        arn = f"{self.settings.state_machine_arn_prefix}{state.pipeline}"
        return start_if_complete(self.pipelines[state.pipeline], state, self.ledger, self.stepfunctions, arn)

    def tell(self, slot: SlotState) -> None:
        """Tell people of a slot's last verdict, and remember that they were told."""
        notify.send(self.sns, self.settings.topic_arn, notify.about_file(slot, self._file(slot)))
        self.ledger.notified(slot)

    def _takes_over(self, slot: SlotState, teller: str, at: str) -> bool:
        return notices.take_on(self.ledger.table, slot, str(slot.revision), teller, datetime.fromisoformat(at))

    def _file(self, slot: SlotState) -> FileRecord:
        file = self.ledger.file(slot.pipeline, slot.batch, slot.file_id)
        if file is None:
            raise LedgerError(f"Ledger has slot {slot.slot_id} of {slot.key} without its file {slot.file_id}")
        return file


def must_tell(slot: SlotState, teller: str, at: str) -> bool:
    """Whether `teller` is the one to tell people of the slot's last verdict.

    That is the one that recorded it, also when its message is delivered again after a crash; the others, who handle
    repeats of the event at the same moment, leave it alone, and step in only when it is long overdue.
    """
    if slot.notified_revision >= slot.revision:
        return False
    return slot.teller == teller or datetime.fromisoformat(at) - datetime.fromisoformat(slot.at) > notices.LEASE
