"""What a check found, and which findings have been accepted with a reason.

`security/accepted.toml` is the one list of reasons, an entry of it:

    [[accepted]]
    check = "template"
    rule = "CKV_AWS_117"
    where = "AWS::Lambda::Function.*"
    reason = "…"

`where` is one place or a pattern (`*`). An entry that no finding needs is stale, and a fault as well.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


class SecurityError(Exception):
    """A check could not be made: a tool failed, or a file that it reads is wrong."""


class NotAskedError(SecurityError):
    """The service that knows could not be asked, so nobody knows."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that a tool holds against a place."""

    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule} {self.where}: {self.message}"


@dataclass(frozen=True)
class Outcome:
    """What one check did: how much it looked at, and what it found."""

    looked_at: str
    """The figure of its line, such as `322 resources`."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """A reason why findings of one rule in some places are right to stay."""

    check: str
    rule: str
    where: str
    reason: str

    def explains(self, check: str, finding: Finding) -> bool:
        return (self.check, self.rule) == (check, finding.rule) and fnmatchcase(finding.where, self.where)


def read_accepted(path: Path) -> tuple[Accepted, ...]:
    """The entries of a file.

    Raises:
        SecurityError: an entry lacks a part, has an unknown one, or gives no reason worth the name.
    """
    entries = tomllib.loads(path.read_text()).get("accepted", [])
    return tuple(_accepted(path, entry) for entry in entries)


def _accepted(path: Path, entry: dict[str, str]) -> Accepted:
    expected = {"check", "rule", "where", "reason"}
    if entry.keys() != expected:
        raise SecurityError(f"{path}: an entry has {sorted(entry)}. Expected {sorted(expected)}")
    if len(entry["reason"].split()) < 4:
        raise SecurityError(f"{path}: {entry['rule']} at {entry['where']}: '{entry['reason']}' is no reason")
    return Accepted(**entry)


def unexplained(check: str, findings: Iterable[Finding], accepted: Sequence[Accepted]) -> list[Finding]:
    """The findings of a check for which there is no reason."""
    return [one for one in findings if not any(entry.explains(check, one) for entry in accepted)]


def stale(check: str, findings: Sequence[Finding], accepted: Iterable[Accepted]) -> list[Accepted]:
    """The entries for a check that explain none of its findings."""
    return [
        entry for entry in accepted if entry.check == check and not any(entry.explains(check, one) for one in findings)
    ]
