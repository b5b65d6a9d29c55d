"""`make bench`: prints a table and writes bench/results/latest.json. All figures are of this one run.

    python -m bench [--rows 1000000] [--runs 1] [--large-mb 2000]

(a) a Spark job as the original writes it, (b) the lake with Spark and (c) with DuckDB, from the end of the last put to
the published gold, (d) DuckDB alone and (e) Polars alone, straight over the JSON. Then the gate by itself on one file
of about 200 MB and on one of about 2 GB.
"""

import argparse
import json
import os
import platform
import runpy
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.lake import ROOT, fresh_lake
from bench.measure import run

SEED = 7
EVENT_BYTES = 197
"""Bytes of one generated event, on average."""
PLAIN = {
    "a": ("Spark as the original writes it", "bench.original_spark"),
    "d": ("DuckDB alone over the JSON", "bench.plain_duckdb"),
    "e": ("Polars alone over the JSON", "bench.plain_polars"),
}
LAKE = {"b": ("the lake, Spark", "spark"), "c": ("the lake, DuckDB", "duckdb")}
LIMITS = {"b/a": 0.75, "c/a": 0.25}
GATE_MB_PER_SECOND, GATE_MB, DRIVER_MB = 80, 512, 3072


@dataclass
class Figure:
    """What was seen of one contender, one value a run."""

    name: str
    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    stages_seconds: dict[str, float] = field(default_factory=dict)
    """Of the last run."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class GateFigure:
    """The gate on one file, one worker, from the object's first byte to the uploaded Parquet."""

    file_mb: float
    seconds: float
    mb_per_second: float
    peak_mb: float


def main() -> int:
    """Run everything. The exit code is 1 when a ratio or a limit is missed."""
    options = _options()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="lakegate-bench-") as name:
        work = Path(name)
        data = work / "data"
        samples = data / f"activity-{options.rows}-{SEED}"
        figures = {key: Figure(title) for key, (title, _) in sorted({**PLAIN, **LAKE}.items())}
        gate: list[GateFigure] = []
        console.print(f"Making 3 x {options.rows:,} records ...")
        command = [sys.executable, str(ROOT / "cli" / "__main__.py"), "generate", "activity", "--json"]
        run([*command, "--rows", str(options.rows), "--seed", str(SEED), "--out", str(samples)], ROOT)
        for number in range(options.runs):
            for key, (title, module) in PLAIN.items():
                console.print(f"({key}) {title}: run {number + 1} of {options.runs} ...")
                command = [sys.executable, "-m", module, str(samples), str(work / f"out-{key}-{number}.parquet")]
                sample = run(command, ROOT)
                figures[key].seconds.append(sample.seconds)
                figures[key].peak_mb.append(sample.peak_bytes / 1e6)
            for key, (title, engine) in LAKE.items():
                console.print(f"({key}) {title}: run {number + 1} of {options.runs} ...")
                last = engine == "duckdb" and number == options.runs - 1
                gate += _lake(figures[key], engine, work, data, samples, options, last, console.print)
    document = _document(options, figures, gate)
    _write(document)
    _print(figures, gate, document)
    return 1 if document["missed"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000, help="records a file")
    parser.add_argument("--runs", type=int, default=1, help="how often each contender runs; medians are compared")
    parser.add_argument("--large-mb", type=int, default=2000, help="size of the gate's large file; 0 leaves it out")
    return parser.parse_args()


def _generate(folder: Path, rows: int, *datasets: str) -> None:
    generate = runpy.run_path(str(ROOT / "pipelines" / "activity" / "generate.py"))["generate"]
    generate(folder, rows, SEED, datasets=datasets)


def _lake(
    figure: Figure,
    engine: str,
    work: Path,
    data: Path,
    samples: Path,
    options: argparse.Namespace,
    with_gate: bool,
    say: Callable[[str], None],
) -> list[GateFigure]:
    """One run of the lake; with the gate's own figures where asked for."""
    with fresh_lake(work, data) as lake:
        answer = lake.json("demo", "activity", "--rows", str(options.rows), "--seed", str(SEED), "--engine", engine)
        figure.stages_seconds = answer["batches"][0]["stages_seconds"]
        figure.seconds.append(sum(figure.stages_seconds.values()))
        figure.peak_mb.append(lake.peaks.get("spark driver" if engine == "spark" else "gate worker", 0) / 1e6)
        if not with_gate:
            return []
        files = [samples / "events.json"]
        if options.large_mb:
            say(f"The gate on a file of {options.large_mb:,} MB ...")
            _generate(work / "large", options.large_mb * 1_000_000 // EVENT_BYTES, "events")
            files.append(work / "large" / "events.json")
        found: list[GateFigure] = []
        for file in files:
            lake.peaks.pop("gate worker", None)
            arguments = ("--pipeline", "activity", "--dataset", "events", "--batch", f"gate-{len(found)}")
            judged = lake.json("put", str(file), *arguments)[0]["files"][0]
            megabytes, seconds = judged["bytes"] / 1e6, judged["seconds"]
            found.append(GateFigure(megabytes, seconds, megabytes / seconds, lake.peaks.get("gate worker", 0) / 1e6))
        return found


def _document(options: argparse.Namespace, figures: dict[str, Figure], gate: list[GateFigure]) -> dict[str, object]:
    base = figures["a"].median
    ratios = {f"{key}/a": round(figures[key].median / base, 3) for key in figures if key != "a"}
    missed = [f"{name} is {ratios[name]}, limit {limit}" for name, limit in LIMITS.items() if ratios[name] > limit]
    for one in gate:
        if one.mb_per_second < GATE_MB_PER_SECOND:
            missed.append(f"gate {one.mb_per_second:.0f} MB/s, at least {GATE_MB_PER_SECOND}")
        if one.peak_mb > GATE_MB:
            missed.append(f"gate {one.peak_mb:.0f} MB of memory on {one.file_mb:.0f} MB, limit {GATE_MB}")
    driver = max(figures["b"].peak_mb)
    if driver > DRIVER_MB:
        missed.append(f"Spark driver {driver:.0f} MB, limit {DRIVER_MB}")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.machine()},
        "rows": options.rows,
        "runs": options.runs,
        "figures": {key: asdict(figure) for key, figure in figures.items()},
        "ratios": ratios,
        "gate": [asdict(one) for one in gate],
        "missed": missed,
    }


def _write(document: dict[str, object]) -> None:
    path = ROOT / "bench" / "results" / "latest.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _print(figures: dict[str, Figure], gate: list[GateFigure], document: dict[str, object]) -> None:
    console = Console()
    table = Table(title=f"3 x {document['rows']:,} records, median of {document['runs']}", title_justify="left")
    for column in ("", "contender", "seconds", "x (a)", "peak MB"):
        table.add_column(column, justify="right" if column in ("seconds", "x (a)", "peak MB") else "left")
    base = figures["a"].median
    for key, figure in figures.items():
        row = (f"{figure.median:.1f}", f"{figure.median / base:.2f}", f"{max(figure.peak_mb):,.0f}")
        table.add_row(f"({key})", figure.name, *row)
    console.print(table)
    console.print("Peak MB is the largest process: for (b) the Spark driver, for (c) the gate's worker.")
    for key in LAKE:
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in figures[key].stages_seconds.items())
        console.print(f"({key}) seconds by stage: {stages}")
    for one in gate:
        speed = f"{one.seconds:.1f} s, {one.mb_per_second:.0f} MB/s, peak {one.peak_mb:.0f} MB"
        console.print(f"Gate on {one.file_mb:,.0f} MB: {speed}")
    missed = document["missed"]
    assert isinstance(missed, list)
    console.print("All limits are kept." if not missed else "Missed: " + "; ".join(missed))


if __name__ == "__main__":
    sys.exit(main())
