"""Sample input made by a pipeline's own `generate.py`, kept below the lake's folder and made again only when needed."""

import hashlib
import importlib.util
import inspect
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.errors import CliError
from cli.screen import Screen
from cli.text import bytes_text, count_text
from lakehouse.contract.model import Pipeline

RECEIPT = ".generated.json"


@dataclass(frozen=True)
class Sample:
    """What to make: the same values give the same bytes."""

    pipeline: str
    rows: int
    seed: int
    dirty: float = 0.0

    @property
    def name(self) -> str:
        """Folder name: `<pipeline>-<rows>-<seed>`, with the share of bad rows where there are any."""
        return f"{self.pipeline}-{self.rows}-{self.seed}" + (f"-dirty{self.dirty:g}" if self.dirty else "")


@dataclass(frozen=True)
class Generated:
    """Files by dataset. `cached` says that they were there already."""

    files: Mapping[str, Path]
    cached: bool
    seconds: float

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(path.stat().st_size for path in self.files.values())


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
    }
    found = _receipt(folder, wanted)
    if found is not None:
        return Generated(found, cached=True, seconds=time.monotonic() - started)
    files = _run(script, sample, folder, len(pipeline.datasets), screen)
    sizes = {name: {"file": path.name, "bytes": path.stat().st_size} for name, path in files.items()}
    (folder / RECEIPT).write_text(json.dumps({**wanted, "files": sizes}, indent=2))
    return Generated(files, cached=False, seconds=time.monotonic() - started)


def _run(script: Path, sample: Sample, folder: Path, datasets: int, screen: Screen) -> dict[str, Path]:
    generate = _load(script, sample.pipeline)
    arguments: dict[str, Any] = {"dirty": sample.dirty} if "dirty" in inspect.signature(generate).parameters else {}
    if sample.dirty and not arguments:
        raise CliError(f"The generator of '{sample.pipeline}' cannot make bad rows", "Leave out --dirty")
    (folder / RECEIPT).unlink(missing_ok=True)
    did = f"Generated {{}} of {sample.pipeline}, seed {sample.seed}"
    doing, total = f"Generating {sample.pipeline}", datasets * sample.rows
    with screen.bar(doing, total, lambda rows: did.format(count_text(rows, "row"))) as advance:
        try:
            files: dict[str, Path] = generate(folder, sample.rows, sample.seed, advance, **arguments)
        except ValueError as error:
            raise CliError(f"The generator of '{sample.pipeline}' refuses: {error}") from error
    return files


def _load(script: Path, pipeline: str) -> Callable[..., dict[str, Path]]:
    """The `generate` function of a script, which is no module of any package."""
    name = f"_generator_of_{pipeline}"
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise CliError(f"{script} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    found: Callable[..., dict[str, Path]] = module.generate
    return found


def _receipt(folder: Path, wanted: Mapping[str, object]) -> dict[str, Path] | None:
    """The files that a receipt in the folder stands for, if it is the wanted one's and they are all whole."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text())
    except FileNotFoundError:
        return None
    if any(receipt.get(name) != value for name, value in wanted.items()):
        return None
    files = {name: folder / entry["file"] for name, entry in receipt["files"].items()}
    sizes = {name: entry["bytes"] for name, entry in receipt["files"].items()}
    whole = all(path.is_file() and path.stat().st_size == sizes[name] for name, path in files.items())
    return files if whole else None


def describe(made: Generated) -> str:
    """`3 files, 524.5 MB`."""
    return f"{count_text(len(made.files), 'file')}, {bytes_text(made.bytes)}"
