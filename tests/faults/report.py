"""What `make faults` prints at the end, from the tally of its processes; fails where less was done than promised."""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults import tally
from tests.faults.boundaries import boundaries
from tests.faults.exempt import EXEMPT
from tests.faults.mutants import MUTANTS
from tests.faults.network import KINDS

MINIMA = {"schedules": 1_000, "crashes": 2_000, "interleavings": 1_000, "kills": 200}


def main() -> int:
    """Print the table; the exit code."""
    figures = tally.read(Path(os.environ["LAKE_FAULTS_TALLY"]))
    rows = [*_counted(figures), *_boundaries(figures), _mutants(figures), _violations(figures)]
    table = Table("", "found", "expected", "", box=None)
    for what, found, expected, well in rows:
        table.add_row(what, found, expected, "[green]ok[/]" if well else "[red]MISSED[/]")
    Console(width=80).print(table)
    return 0 if all(well for *_, well in rows) else 1


Row = tuple[str, str, str, bool]


def _counted(figures: tally.Figures) -> list[Row]:
    rows = []
    for name, least in MINIMA.items():
        found = figures.counts.get(name, 0)
        rows.append((name, f"{found:,}", f"{least:,} or more", found >= least))
    for name in ("directed", "faults"):
        rows.append((name, f"{figures.counts.get(name, 0):,}", "", True))
    return rows


def _boundaries(figures: tally.Figures) -> list[Row]:
    """Per kind of fault: how many of the call sites that are not excused were struck."""
    known = [one for one in boundaries() if one not in EXEMPT]
    rows = [("AWS call sites", f"{len(known) + len(EXEMPT)}", f"{len(EXEMPT)} of them excused", True)]
    for kind in KINDS:
        struck = [text.rsplit(" ", 1) for text in figures.members.get(f"boundary:{kind}", ())]
        missed = [one for one in known if not any(one.is_of(site, operation) for site, operation in struck)]
        for one in missed:
            print(f"no '{kind}' at {one}", file=sys.stderr)
        rows.append((f"  struck by {kind}", f"{len(known) - len(missed)}", f"{len(known)}", not missed))
    return rows


def _mutants(figures: tally.Figures) -> Row:
    killed = figures.members.get("mutants_killed", frozenset())
    return "mutants killed", f"{len(killed)}", f"{len(MUTANTS)}", killed >= MUTANTS.keys()


def _violations(figures: tally.Figures) -> Row:
    found = figures.counts.get("violations", 0)
    return "invariant violations", f"{found}", "0", found == 0


if __name__ == "__main__":
    sys.exit(main())
