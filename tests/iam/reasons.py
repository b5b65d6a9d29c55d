"""The written reasons of iam/reasons.toml."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.iam.grants import IAM, Grant
from tests.iam.simulation import matches

FEW = 20
"""Characters that a reason has at least."""


@dataclass(frozen=True)
class Unused:
    """Why something is granted that no run on the embedded AWS calls."""

    document: str
    """With wildcards, where the reason is the same; so the action."""
    action: str
    reason: str
    resource: str = "*"
    """Only on this entry, as the document has it; `*` any characters."""

    def covers(self, grant: Grant) -> bool:
        return (
            matches(self.document, grant.document)
            and matches(self.action.lower(), grant.action.lower())
            and (self.resource == "*" or matches(self.resource, grant.resource))
        )


@dataclass(frozen=True)
class AnyResource:
    """Why a statement is about `*`."""

    document: str
    sid: str
    reason: str


@dataclass(frozen=True)
class Reasons:
    """All of them."""

    unused: tuple[Unused, ...]
    any_resource: tuple[AnyResource, ...]

    @property
    def all(self) -> tuple[Unused | AnyResource, ...]:
        return (*self.unused, *self.any_resource)

    def without(self, found: Iterable[Grant]) -> list[Grant]:
        """The grants that no reason covers."""
        return sorted(one for one in found if not any(reason.covers(one) for reason in self.unused))

    def stale(self, found: Iterable[Grant]) -> list[Unused]:
        """Reasons that cover none of these."""
        needless = list(found)
        return [reason for reason in self.unused if not any(reason.covers(one) for one in needless)]


def reasons(path: Path = IAM / "reasons.toml") -> Reasons:
    """The file's reasons. Raises TypeError for an entry with a field too many or too few."""
    found: dict[str, Any] = tomllib.loads(path.read_text())
    return Reasons(
        tuple(Unused(**one) for one in found.get("unused", [])),
        tuple(AnyResource(**one) for one in found.get("any_resource", [])),
    )
