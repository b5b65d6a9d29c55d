"""Sample files of a pipeline into the lake's bronze, as its source would bring them: what a generator's Lambda does.

Everything follows from the event: the same event writes the same bytes to the same keys, so a retry changes nothing.
"""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lakehouse.contract.model import Pipeline
from lakehouse.errors import ContractError, EventError
from lakehouse.log import log
from lakehouse.names import BRONZE, digest

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Generate = Callable[..., dict[str, Path]]
SCHEDULED = "Scheduled Event"
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html"""
WISHES: dict[str, tuple[type, ...]] = {"rows": (int,), "seed": (int,), "dirty": (int, float), "time": (str,)}
SEED_DIGITS = 8


@dataclass(frozen=True)
class Wanted:
    """Which files to make."""

    rows: int
    seed: int
    dirty: float
    at: datetime
    """UTC, whole seconds."""


def wanted(event: Mapping[str, Any], pipeline: Pipeline, now: datetime) -> Wanted:
    """Read an event: a scheduled one of EventBridge, or `{"rows"?, "seed"?, "dirty"?, "time"?}`. Pure.

    Rows are the contract's unless said otherwise, the moment is the event's `time`, and the seed follows from the
    pipeline and the moment.

    Raises:
        EventError: the event is of another kind, or a value is of the wrong type.
        ContractError: the pipeline has no `[generator]`.
    """
    if pipeline.generator is None:
        raise ContractError(f"pipelines/{pipeline.name}/pipeline.toml: generator is missing, expected [generator]")
    wishes: dict[str, Any] = {"time": event.get("time")} if event.get("detail-type") == SCHEDULED else dict(event)
    for name, value in wishes.items():
        if name not in WISHES:
            raise EventError(f"Generator of '{pipeline.name}': found '{name}', expected one of {', '.join(WISHES)}")
        if not isinstance(value, WISHES[name]) or isinstance(value, bool):
            raise EventError(f"Generator of '{pipeline.name}': {name} is {value!r}, which is of the wrong type")
    at = (_moment(wishes["time"]) if "time" in wishes else now).astimezone(UTC).replace(microsecond=0)
    return Wanted(
        rows=wishes.get("rows", pipeline.generator.rows),
        seed=wishes.get("seed", seed_of(pipeline.name, at)),
        dirty=float(wishes.get("dirty", 0)),
        at=at,
    )


def seed_of(pipeline: str, at: datetime) -> int:
    """The seed of a moment for which none is asked."""
    return int(digest("seed", pipeline, at.isoformat())[:SEED_DIGITS], 16)


def load_generator(pipeline: Pipeline) -> Generate:
    """The function `generate` of `pipelines/<name>/generate.py`, which is no module of any package.

    Raises:
        ContractError: there is no such file.
    """
    script = Path(str(pipeline.folder)) / "generate.py"
    spec = importlib.util.spec_from_file_location(f"_generator_of_{pipeline.name}", script)
    if not script.is_file() or spec is None or spec.loader is None:
        raise ContractError(f"{script}: no such file, expected a generator because the contract has [generator]")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    generate: Generate = module.generate
    return generate


def generate_into_bronze(
    pipeline: Pipeline, files: Wanted, generate: Generate, s3: "S3Client", bucket: str
) -> dict[str, object]:
    """Make the files and upload them; the answer `{pipeline, keys, rows, seed, time}` names their object keys.

    Raises:
        ValueError: the generator does not take these values.
        boto3.exceptions.S3UploadFailedError: a file could not be uploaded.
    """
    keys = []
    with TemporaryDirectory(prefix="generate-") as name:
        folder = Path(name)
        made = generate(folder, files.rows, files.seed, dirty=files.dirty, at=files.at)
        for dataset, path in made.items():
            key = f"{BRONZE}/{pipeline.name}/{path.relative_to(folder).as_posix()}"
            s3.upload_file(str(path), bucket, key)
            log("generated", pipeline=pipeline.name, dataset=dataset, key=key, rows=files.rows, seed=files.seed)
            keys.append(key)
    time = f"{files.at:%Y-%m-%dT%H:%M:%SZ}"
    return {"pipeline": pipeline.name, "keys": keys, "rows": files.rows, "seed": files.seed, "time": time}


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise EventError(f"time is {text!r}: expected a moment such as 2026-11-21T00:05:00Z") from error
    if at.tzinfo is None:
        raise EventError(f"time is {text!r}: expected a moment with its zone, such as 2026-11-21T00:05:00Z")
    return at
