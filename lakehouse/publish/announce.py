"""`Gold Published`: the lake's own event, on the default EventBridge bus, for everything that follows a gold table."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.errors import EventError, PublishError
from lakehouse.log import log

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient

DETAIL_TYPE = "Gold Published"
AT_ONCE = 10
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""


@dataclass(frozen=True)
class GoldPublished:
    """A run's files of a gold table are shown. The same event may come twice, late and in any order."""

    pipeline: str
    batch: str
    run_id: str
    table: str
    versions: Mapping[str, int]
    """Silver table version by dataset: what the table is made of, and what follows it has to be made of."""
    slots: Mapping[str, int]
    """Slots by dataset at these versions."""
    location: str
    """`s3://…/` of the table's folder, or a partitioned table's root."""
    engine: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "GoldPublished":
        """Read EventBridge's event.

        Raises:
            EventError: it is another one, or lacks a field.
        """
        if event.get("detail-type") != DETAIL_TYPE:
            raise EventError(f"EventBridge event {event.get('detail-type')!r}, expected {DETAIL_TYPE!r}")
        try:
            detail = event["detail"]
            texts = {name: str(detail[name]) for name in ("pipeline", "batch", "run_id", "table", "location", "engine")}
            versions = {dataset: int(version) for dataset, version in detail["versions"].items()}
            slots = {dataset: int(count) for dataset, count in detail["slots"].items()}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise EventError(
                f"Event {DETAIL_TYPE!r} lacks something: {error!r}. Expected {cls.__annotations__}"
            ) from error
        return cls(**texts, versions=versions, slots=slots)

    def detail(self) -> str:
        """The event's detail, JSON."""
        return json.dumps({**asdict(self), "versions": dict(self.versions), "slots": dict(self.slots)}, sort_keys=True)


Announce = Callable[[Sequence[GoldPublished]], None]


def announce(events: "EventBridgeClient", source: str, published: Sequence[GoldPublished]) -> None:
    """Put the events on the default bus.

    Raises:
        PublishError: EventBridge did not take one of them.
    """
    for first in range(0, len(published), AT_ONCE):
        few = published[first : first + AT_ONCE]
        answer = events.put_events(
            Entries=[{"Source": source, "DetailType": DETAIL_TYPE, "Detail": one.detail()} for one in few]
        )
        refused = [entry for entry in answer["Entries"] if entry.get("ErrorCode")]
        if refused or answer["FailedEntryCount"]:
            raise PublishError(
                f"EventBridge refused {len(refused)} of {len(few)} '{DETAIL_TYPE}' events: {refused[:1]}"
            )
        for one in few:
            log("gold_announced", pipeline=one.pipeline, batch=one.batch, run_id=one.run_id, table=one.table)
