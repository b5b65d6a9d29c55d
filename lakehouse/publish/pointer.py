"""Which files a gold table should show. Pure.

A pointer names the silver versions that its files stand for. It moves only to files of which no version is older: so
the order in which runs end does not matter, and no lock is needed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

RUN_ID, VERSIONS, CSV = "lakegate.run_id", "lakegate.versions", "lakegate.csv"
"""Parameters of a gold table in the Glue catalog."""
PARAMETERS = (RUN_ID, VERSIONS, CSV)


@dataclass(frozen=True)
class Pointer:
    """The files that a gold table shows."""

    location: str
    """`s3://…/` of a run's folder."""
    run_id: str
    versions: Mapping[str, int]
    """Silver table version by dataset."""
    csv: str | None = None
    """`s3://…/<table>.csv`: the same rows for spreadsheets."""

    def parameters(self) -> dict[str, str]:
        """The pointer as parameters of a catalog table."""
        csv = {CSV: self.csv} if self.csv else {}
        return {RUN_ID: self.run_id, VERSIONS: json.dumps(dict(self.versions), sort_keys=True), **csv}


def pointer_of(location: str, parameters: Mapping[str, str]) -> Pointer | None:
    """The pointer of a catalog table; none where no run was published, or a stack update reset the table."""
    if RUN_ID not in parameters:
        return None
    return Pointer(location, parameters[RUN_ID], json.loads(parameters[VERSIONS]), parameters.get(CSV))


def is_older(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Does `one` have an older version than `other` of a dataset that both know?"""
    return any(version < other[dataset] for dataset, version in one.items() if dataset in other)


def pointer_to_show(shown: Pointer | None, remembered: Pointer | None, offered: Pointer) -> Pointer:
    """What the catalog should show.

    Args:
        shown: what it shows now.
        remembered: the ledger's copy; it counts where the catalog has forgotten.
        offered: what a run brings.
    """
    base = shown or remembered
    return base if base and is_older(offered.versions, base.versions) else offered
