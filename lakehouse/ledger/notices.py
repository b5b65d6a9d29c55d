"""Who tells people of something that an item's state says, when several may find it at the same time.

A notice is kept in the item, as a mapping: `id` of the message, `by` whom and `at` when it was taken on, `told_at`
once it is sent. Whoever takes it on sends it; after a crash in between its own repeat, or somebody else once a lease is
over, sends it again, with the same id. So a message may come twice after a crash, but none is lost, and two who look at
the same moment send one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from lakehouse.ledger.codec import partition_key, sort_key
from lakehouse.ledger.items import BatchState, RunRecord, SlotState
from lakehouse.ledger.table import LedgerTable

Told = TypeVar("Told", BatchState, RunRecord, SlotState)
LEASE = timedelta(minutes=15)
"""Longer than a Lambda can live: who took something on and has not done it by then will not do it any more."""

_FIELDS = {
    BatchState: ("told_overdue", "at"),
    RunRecord: ("told_stuck", "status"),
    SlotState: ("takeover", "revision"),
}
"""Where an item keeps its notice, and the field that must not have changed since it was read."""


def is_open(notice: Mapping[str, str]) -> bool:
    """Whether somebody took the notice on and has not said that it was sent."""
    return bool(notice) and "told_at" not in notice


def take_on(table: LedgerTable, item: Told, message_id: str, by: str, at: datetime) -> bool:
    """Whether `by` is the one to send this message about an item that is still as it was read.

    Args:
        by: the same in a repeat of the same work.
    """
    field, unchanged = _FIELDS[type(item)]
    done, _ = table.update(
        type(item),
        partition_key(item),
        sort_key(item),
        "SET #notice = :notice",
        {
            ":notice": {"id": message_id, "by": by, "at": _text(at)},
            ":id": message_id,
            ":by": by,
            ":before": _text(at - LEASE),
            ":unchanged": getattr(item, unchanged),
        },
        condition="attribute_exists(pk) AND #unchanged = :unchanged AND (attribute_not_exists(#notice.#id)"
        " OR #notice.#id <> :id"
        " OR (attribute_not_exists(#notice.told_at) AND (#notice.#by = :by OR #notice.#at <= :before)))",
        names={"#notice": field, "#unchanged": unchanged, "#id": "id", "#by": "by", "#at": "at"},
    )
    return done


def sent(table: LedgerTable, item: Told, message_id: str, at: datetime) -> None:
    """Remember that the message was sent. A newer one in its place is left alone."""
    field, _ = _FIELDS[type(item)]
    table.update(
        type(item),
        partition_key(item),
        sort_key(item),
        "SET #notice.told_at = :at",
        {":at": _text(at), ":id": message_id},
        condition="#notice.#id = :id",
        names={"#notice": field, "#id": "id"},
    )


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
