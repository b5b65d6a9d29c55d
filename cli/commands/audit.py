"""`lake audit`"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from cli.lake import Lake, known_pipeline, open_lake, session
from cli.screen import Screen
from cli.tables import table
from cli.text import count_text, safe
from lakehouse.audit.audit import audit as look_at_all
from lakehouse.audit.audit import extent
from lakehouse.audit.findings import LAYERS, NOTES, Checked, Finding, Note, Step
from lakehouse.audit.sources import Sources
from lakehouse.publish.catalog import Catalog
from lakehouse.silver.table import SilverStore

MEMORY_MB = 1024
"""For DuckDB, as much as a Lambda with DuckDB has; beyond it, it spills to disk."""


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    pipelines: Annotated[list[str] | None, typer.Argument(metavar="[PIPELINE]…", help="Only these; else all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare every layer of the lake with the one above it, row by row, and name what is not as it should be.

    Every bronze file is judged again and compared with the ledger, its silver file and quarantine; the Delta tables
    with what is in force; gold with what DuckDB computes anew. Nothing is changed. Exit code 1 when something is found.

    Examples:

      lake audit

      lake audit PIPELINE --json
    """
    screen = Screen(json)
    lake = open_lake()
    wanted = [known_pipeline(lake.pipelines, name).name for name in pipelines or ()]
    with tempfile.TemporaryDirectory(prefix="lake-audit-") as folder:
        report = _run(screen, sources_of(lake, Path(folder)), wanted)
    screen.show(report.document(), lambda out: draw(out, report))
    if report.findings:
        raise typer.Exit(1)


def sources_of(lake: Lake, folder: Path) -> Sources:
    """The lake as the operator reads it."""
    operator = session(lake.home, lake.region, "operator")
    return Sources(
        s3=lake.client("s3"),
        ledger=lake.ledger,
        catalog=Catalog(lake.client("glue"), lake.settings.gold_database),
        store=SilverStore.on_s3(lake.settings.bucket, operator, {"AWS_ENDPOINT_URL": lake.server.endpoint_url}),
        bucket=lake.settings.bucket,
        pipelines=lake.keyed,
        folder=folder,
        memory_mb=MEMORY_MB,
    )


@dataclass
class Report:
    """What an audit has said so far."""

    objects: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LAYERS, 0))
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LAYERS, 0))
    findings: list[Finding] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def take(self, step: Step) -> None:
        """Count one step."""
        if isinstance(step, Checked):
            self.objects[step.layer] += step.objects
            self.rows[step.layer] += step.rows
        elif isinstance(step, Finding):
            self.findings.append(step)
        else:
            self.notes.append(step)

    def layers(self) -> list[dict[str, Any]]:
        """Objects, rows and findings of every layer."""
        return [
            {
                "layer": layer,
                "objects": self.objects[layer],
                "rows": self.rows[layer],
                "findings": sum(one.layer == layer for one in self.findings),
            }
            for layer in LAYERS
        ]

    def noted(self) -> list[tuple[str, str, str, int, str]]:
        """Notes of one kind, pipeline and table as one: pipeline, table, kind, how many, and one of their texts."""
        found: dict[tuple[str, str, str], tuple[int, str]] = {}
        for note in self.notes:
            which = (note.pipeline, note.table, note.kind)
            found[which] = (found.get(which, (0, ""))[0] + note.count, note.text)
        return [(*which, count, text) for which, (count, text) in sorted(found.items())]

    def document(self) -> dict[str, Any]:
        """The report as one JSON value."""
        notes = [
            dict(zip(("pipeline", "table", "kind", "count", "example"), note, strict=True)) for note in self.noted()
        ]
        return {"layers": self.layers(), "findings": [asdict(one) for one in self.findings], "notes": notes}


def _run(screen: Screen, sources: Sources, wanted: Sequence[str]) -> Report:
    report = Report()

    def did(_: int) -> str:
        objects = sum(report.objects.values())
        return f"looked at {count_text(objects, 'object')} and {sum(report.rows.values()):,} rows"

    with screen.bar("Auditing", max(1, extent(sources, wanted)), did) as advance:
        for step in look_at_all(sources, wanted):
            report.take(step)
            if isinstance(step, Checked) and step.files_done:
                advance(step.files_done)
            elif isinstance(step, Finding):
                screen.warn(f"{step.layer}: {step.key}: {step.kind}")
    return report


def draw(out: Console, report: Report) -> None:
    """The table of the layers, then each finding with what mends it, then what was not compared."""
    columns = ("layer", ">objects", ">rows", ">findings")
    out.print(table(columns, [tuple(layer.values()) for layer in report.layers()]))
    for one in report.findings:
        of = "/".join(part for part in (one.pipeline, one.table) if part)
        batch = f", batch {one.batch}" if one.batch else ""
        out.print(f"\n[bold red]{one.kind}[/bold red] in [bold]{one.layer}[/bold] of {safe(of)}{safe(batch)}")
        for name in ("key", "found", "expected", "mend"):
            out.print(Padding(Text.assemble((f"{name:9}", "dim"), safe(getattr(one, name))), (0, 0, 0, 2)))
    for pipeline, name, kind, count, text in report.noted():
        of = "/".join(part for part in (pipeline, name) if part)
        out.print(Padding(Text(safe(f"{of}: {count:,} × {NOTES[kind]} ({text})"), style="dim"), (1, 0, 0, 0)))
    if not report.findings:
        out.print("\n[green]Nothing found:[/green] every layer holds exactly what it should.")
