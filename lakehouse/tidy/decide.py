"""What may go and what stays. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from lakehouse.ledger.items import SlotState

SAFETY = timedelta(days=15)
"""A run goes only after it has not been shown for so long. Whoever has read the pointer before may read on, and whoever
may still publish the run has ended: messages wait 14 days at most, and executions can be redriven for as long.
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""


def unshown_runs(written_at: Mapping[str, datetime], shown: Collection[str], keep: int) -> set[str]:
    """Runs of a table that nobody is shown and that are not among the `keep` written last.

    Args:
        written_at: when each run's last object was stored, by run id.
        shown: runs that a pointer of the catalog or of the ledger stands for.
    """
    newest_first = sorted(written_at, key=lambda run: (written_at[run], run), reverse=True)
    return set(newest_first[keep:]) - set(shown)


def runs_to_remove(unshown: Collection[str], since: Mapping[str, datetime], at: datetime, most: int) -> list[str]:
    """Those that were found unshown at least `SAFETY` ago and are so still, the longest first, `most` at once.

    Args:
        since: when each run was first found unshown; it was found so ever since.
    """
    due = [run for run in unshown if run in since and since[run] <= at - SAFETY]
    return sorted(due, key=lambda run: (since[run], run))[:most]


def versions_that_count(version_ids: Sequence[str], slot: SlotState) -> set[str] | None:
    """The versions of a bronze object that must stay: the newest, the one judged last and the one in force.

    None while the gate has not judged the newest: it will decide, and then somebody looks again.

    Args:
        version_ids: of one key, the newest first, without delete markers.
    """
    if not version_ids or slot.judged_version_id != version_ids[0]:
        return None
    return {version_ids[0]} | ({slot.in_force_version_id} if slot.in_force_version_id else set())
