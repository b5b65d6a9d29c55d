"""Sample input made by a pipeline's own `generate.py`, kept below the lake's folder and made again only when needed."""

import hashlib
import inspect
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.errors import CliError
from cli.screen import Screen
from cli.text import bytes_text, count_text
from lakehouse.contract.model import Pipeline
from lakehouse.generate import load_generator

RECEIPT = ".generated.json"
FIRST_AT = datetime(2026, 1, 1, 6, tzinfo=UTC)
"""Moment of a sample's first file: the same each time, so that a demo's files have the same keys each time."""
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


@dataclass(frozen=True)
class Sample:
    """What to make: the same values give the same bytes."""

    pipeline: str
    rows: int
    seed: int
    dirty: float = 0.0
    files: int = 1
    """Files of each dataset, one schedule's period apart from `FIRST_AT` on."""

    @property
    def name(self) -> str:
        """Folder name: `<pipeline>-<rows>-<seed>`, with the share of bad rows and the number of files where needed."""
        parts = [f"{self.pipeline}-{self.rows}-{self.seed}"]
        parts += [f"dirty{self.dirty:g}"] if self.dirty else []
        parts += [f"x{self.files}"] if self.files > 1 else []
        return "-".join(parts)


@dataclass(frozen=True)
class SampleFile:
    """One file. Its path below the sample's folder is its key below `bronze/<pipeline>/`."""

    dataset: str
    path: Path


@dataclass(frozen=True)
class Generated:
    """The files of a sample. `cached` says that they were there already."""

    folder: Path
    files: tuple[SampleFile, ...]
    cached: bool
    seconds: float

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.path.stat().st_size for file in self.files)

    def key_of(self, file: SampleFile) -> str:
        """Where the generator would put the file: its key below `bronze/<pipeline>/`."""
        return file.path.relative_to(self.folder).as_posix()


def generator_of(pipeline: Pipeline) -> Path:
    """A pipeline's generator.

    Raises:
        CliError: it has none.
    """
    script = Path(str(pipeline.folder)) / "generate.py"
    if not script.is_file():
        raise CliError(
            f"Pipeline '{pipeline.name}' has no generator", f"Its place is pipelines/{pipeline.name}/generate.py"
        )
    return script


def make(pipeline: Pipeline, sample: Sample, folder: Path, screen: Screen) -> Generated:
    """Make the sample's files in `folder`, unless this generator made them there before.

    Raises:
        CliError: the pipeline has no generator, or it does not take these arguments.
    """
    script = generator_of(pipeline)
    started = time.monotonic()
    wanted = {
        "generator_sha256": hashlib.sha256(script.read_bytes()).hexdigest(),
        "rows": sample.rows,
        "seed": sample.seed,
        "dirty": sample.dirty,
        "number": sample.files,
    }
    found = _receipt(folder, wanted)
    if found is not None:
        return Generated(folder, found, cached=True, seconds=time.monotonic() - started)
    files = tuple(_run(pipeline, sample, folder, screen))
    made = Generated(folder, files, cached=False, seconds=time.monotonic() - started)
    entries = [{"dataset": one.dataset, "file": made.key_of(one), "bytes": one.path.stat().st_size} for one in files]
    (folder / RECEIPT).write_text(json.dumps({**wanted, "files": entries}, indent=2))
    return made


def _run(pipeline: Pipeline, sample: Sample, folder: Path, screen: Screen) -> list[SampleFile]:
    generate = load_generator(pipeline)
    arguments = _arguments(generate, sample)
    (folder / RECEIPT).unlink(missing_ok=True)
    did = f"Generated {{}} of {sample.pipeline}, seed {sample.seed}"
    doing, total = f"Generating {sample.pipeline}", len(pipeline.datasets) * sample.rows * sample.files
    made = []
    with screen.bar(doing, total, lambda rows: did.format(count_text(rows, "row"))) as advance:
        for number in range(sample.files):
            if "at" in inspect.signature(generate).parameters:
                arguments["at"] = FIRST_AT + number * period_of(pipeline)
            try:
                files: dict[str, Path] = generate(folder, sample.rows, sample.seed + number, advance, **arguments)
            except ValueError as error:
                raise CliError(f"The generator of '{sample.pipeline}' refuses: {error}") from error
            made += [SampleFile(dataset, path) for dataset, path in files.items()]
    return made


def _arguments(generate: Callable[..., dict[str, Path]], sample: Sample) -> dict[str, Any]:
    known = inspect.signature(generate).parameters
    if sample.dirty and "dirty" not in known:
        raise CliError(f"The generator of '{sample.pipeline}' cannot make bad rows", "Leave out --dirty")
    if sample.files > 1 and "at" not in known:
        raise CliError(f"The generator of '{sample.pipeline}' makes one file a dataset", "Leave out --files")
    return {"dirty": sample.dirty} if "dirty" in known else {}


def period_of(pipeline: Pipeline) -> timedelta:
    """Time between two files of a dataset: that of the generator's `rate(…)`, otherwise a day."""
    schedule = pipeline.generator.schedule if pipeline.generator else None
    rate = RATE.fullmatch(schedule or "")
    return timedelta(**{rate[2] + "s": int(rate[1])}) if rate else timedelta(days=1)


def _receipt(folder: Path, wanted: Mapping[str, object]) -> tuple[SampleFile, ...] | None:
    """The files that a receipt in the folder stands for, if it is the wanted one's and they are all whole."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text())
    except FileNotFoundError:
        return None
    if any(receipt.get(name) != value for name, value in wanted.items()):
        return None
    found = tuple(SampleFile(entry["dataset"], folder / entry["file"]) for entry in receipt["files"])
    sizes = [entry["bytes"] for entry in receipt["files"]]
    pairs = zip(found, sizes, strict=True)
    return found if all(file.path.is_file() and file.path.stat().st_size == size for file, size in pairs) else None


def describe(made: Generated) -> str:
    """`3 files, 524.5 MB`."""
    return f"{count_text(len(made.files), 'file')}, {bytes_text(made.bytes)}"
