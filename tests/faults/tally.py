"""Figures of the fault tests, kept in files: the tests run in several processes, `report` adds up what they wrote.

`LAKE_FAULTS_TALLY` names the folder. Without it nothing is kept. `LAKE_FAULTS=full` asks for the full run.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FULL = os.environ.get("LAKE_FAULTS") == "full"
"""The full run; otherwise a small, fixed sample."""


def add(name: str, count: int = 1) -> None:
    """Count something."""
    _write({"name": name, "count": count})


def note(name: str, member: str) -> None:
    """Put something into a set."""
    _write({"name": name, "member": member})


@dataclass(frozen=True)
class Figures:
    """What all processes wrote."""

    counts: Mapping[str, int]
    members: Mapping[str, frozenset[str]]


def read(folder: Path) -> Figures:
    """Add up the files of a folder."""
    counts: Counter[str] = Counter()
    members: defaultdict[str, set[str]] = defaultdict(set)
    for file in sorted(folder.glob("*.ndjson")):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if "member" in entry:
                members[entry["name"]].add(entry["member"])
            else:
                counts[entry["name"]] += entry["count"]
    return Figures(dict(counts), {name: frozenset(found) for name, found in members.items()})


def _write(entry: dict[str, object]) -> None:
    folder = os.environ.get("LAKE_FAULTS_TALLY")
    if folder:
        with (Path(folder) / f"{os.getpid()}.ndjson").open("a") as file:
            file.write(json.dumps(entry) + "\n")
