"""What a run of any size uses: a small run's calls, counted, and a large one's times, measured, scaled. Pure."""

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.config import Config
from lakehouse.contract.model import Pipeline
from scripts.cost.model import MB_PER_GB, Calls, Run

FIGURES_FILE = Path(__file__).with_name("figures.toml")
MB, GB = 1e6, 1e9
ENGINES = ("duckdb", "spark")
BATCH_ITEM_LIMIT_KB = 400
_GLUE_TIMEOUT_UNIT, _CRAWL_SECONDS = 60, 120.0


@dataclass(frozen=True)
class Figure:
    """One figure that scaling goes by."""

    value: float
    unit: str
    mark: str
    source: str


@dataclass(frozen=True)
class Surroundings:
    """What scaling needs besides a pipeline."""

    config: Config
    figures: Mapping[str, Figure]
    counted: Mapping[str, Any]
    """`rows`, and by pipeline and engine what was counted."""

    def value(self, name: str) -> float:
        return self.figures[name].value

    def calls(self, pipeline: str, engine: str) -> Mapping[str, int]:
        """What was counted of a pipeline on an engine; where that was not, what was on the other."""
        of_pipeline: Mapping[str, Mapping[str, int]] = self.counted[pipeline]
        found = of_pipeline.get(engine) or next(iter(of_pipeline.values()))
        own = {"invocations_gold": 1} if engine == "duckdb" else {}
        return {**{name: amount for name, amount in found.items() if name != "invocations_gold"}, **own}

    def uncounted(self) -> list[str]:
        """`<pipeline> on <engine>` of what was not counted."""
        names = [name for name in self.counted if name != "rows"]
        return [f"{name} on {engine}" for name in names for engine in ENGINES if engine not in self.counted[name]]


@dataclass(frozen=True)
class Scaled:
    """A run of some size."""

    run: Run
    files: int
    bronze_bytes: float
    silver_bytes: float
    gold_bytes: float
    gate_seconds: float
    """Of all files together."""
    gold_seconds: float
    cannot: tuple[str, ...]
    """Limits that it does not keep: so large a run is not possible so."""


def read_figures(path: Path = FIGURES_FILE) -> dict[str, Figure]:
    """The figures by name."""
    return {name: Figure(**one) for name, one in tomllib.loads(path.read_text()).items()}


def scaled(pipeline: Pipeline, engine: str, rows: int, around: Surroundings, earlier_files: float = 0) -> Scaled:
    """One run of a pipeline that brings so many rows a dataset.

    Args:
        earlier_files: files that the batch holds already; the engine reads them too.
    """
    counted = around.calls(pipeline.name, engine)
    share = rows / around.counted["rows"]
    bronze, silver, gold = (counted[f"{layer}_bytes"] * share for layer in ("bronze", "silver", "gold"))
    datasets = int(counted["files"])
    files = datasets * math.ceil(bronze / datasets / MB / around.value("file_mb"))
    size = _Size(pipeline, engine, files, files + earlier_files, bronze, silver, gold)
    gate = bronze / MB / around.value("gate_mb_per_second") + files * around.value("gate_start_seconds")
    gold_seconds = _gold_seconds(size, around)
    run = Run(
        counts=_counts(size, counted, around),
        functions=_functions(size, counted, around, gate),
        glue_dpus=around.config.glue.workers,
        glue_seconds=gold_seconds if engine == "spark" else 0,
        crawl_seconds=(_CRAWL_SECONDS,) * int(counted["crawls"]),
        query_bytes=(gold,) * _queries(pipeline),
        redshift_rpus=8,
        redshift_seconds=_load_seconds(size, around),
    )
    return Scaled(run, files, bronze, silver, gold, gate, gold_seconds, _cannot(size, around, gate, gold_seconds))


@dataclass(frozen=True)
class _Size:
    pipeline: Pipeline
    engine: str
    files: int
    held: float
    """Files of the batch, earlier ones included."""
    bronze: float
    silver: float
    gold: float


def _gold_seconds(size: _Size, around: Surroundings) -> float:
    if size.engine == "spark":
        gigabytes = size.bronze / GB
        vcpus = max(1, around.config.glue.workers - 1) * around.value("vcpus_per_dpu")
        return around.value("spark_start_seconds") + around.value("spark_core_seconds_per_gb") * gigabytes / vcpus
    return _duckdb_seconds(size, around, "gold")


def _duckdb_seconds(size: _Size, around: Surroundings, kind: str) -> float:
    """One invocation of a function that makes gold."""
    work = around.value("duckdb_core_seconds_per_gb") * size.bronze / GB / _vcpus(kind, around)
    return around.value("duckdb_start_seconds") + work + size.silver / MB / around.value("download_mb_per_second")


def _load_seconds(size: _Size, around: Surroundings) -> float:
    if not size.pipeline.warehouse:
        return 0
    return around.value("redshift_start_seconds") + size.gold / MB / around.value("redshift_mb_per_second")


def _vcpus(kind: str, around: Surroundings) -> float:
    return around.config.functions[kind].memory_mb / around.value("core_mb")


def _counts(size: _Size, counted: Mapping[str, int], around: Surroundings) -> dict[str, float]:
    """Requests: those of the gate for each file, those of the run once, and more of both for large objects."""
    per_file = size.files / counted["files"]
    found: defaultdict[str, float] = defaultdict(float)
    for name, amount in counted.items():
        if name.startswith("gate_"):
            found[name.removeprefix("gate_")] += amount * per_file
        elif name.split("_")[0] in ("s3", "dynamodb", "sns", "eventbridge", "catalog", "states"):
            found[name] += amount
    invocations = sum(times for name, times in counted.items() if name.startswith("invocations_")) + size.files
    part = around.value("part_mb") * MB
    silver_parts, gold_parts = math.ceil(size.silver / part), math.ceil(size.gold / part)
    ledger_kb, batch_kb = around.value("ledger_item_kb"), max(1.0, size.held * around.value("batch_kb_per_file"))
    writes = found.pop("dynamodb_write", 0) * ledger_kb + found.pop("dynamodb_write_of_batch", 0) * batch_kb
    reads = found.pop("dynamodb_read", 0) + found.pop("dynamodb_read_of_batch", 0) * max(1, batch_kb / 4)
    more = {
        "dynamodb_write": 2 * writes,
        "dynamodb_read": reads + size.held * ledger_kb / 4,
        "s3_get": max(0, silver_parts - size.files) + max(0, size.held - size.files),
        "s3_put": max(0, silver_parts - size.files) + max(0, gold_parts - 1),
        "eventbridge_event": size.files,
        "sqs_request": size.files * around.value("sqs_per_file"),
        "sns_mail": found["sns_publish"],
        "kms_request": invocations * around.value("kms_per_invocation"),
        "logs_gb": _log_bytes(size, invocations, around) / GB,
        "xray_trace": 1,
    }
    for name, further in more.items():
        found[name] += further
    return dict(found)


def _log_bytes(size: _Size, invocations: float, around: Surroundings) -> float:
    job = around.value("log_mb_per_job") * MB if size.engine == "spark" else 0
    return invocations * around.value("log_kb_per_invocation") * 1000 + job


def _functions(size: _Size, counted: Mapping[str, int], around: Surroundings, gate: float) -> tuple[Calls, ...]:
    """Invocations as counted, those of the gate by files; a function of less than a vCPU takes longer."""
    commit = around.value("commit_core_seconds") + (size.held - 1) * around.value("commit_core_seconds_per_file")
    core_seconds = {"commit": commit, "publish": around.value("publish_core_seconds")}
    found = [_calls("gate", size.files, gate, around)]
    for name, times in counted.items():
        kind = name.removeprefix("invocations_")
        if kind == name or kind == "gate":
            continue
        if kind in ("gold", "derive"):
            seconds = _duckdb_seconds(size, around, kind)
        elif kind == "load":
            seconds = _load_seconds(size, around)
        else:
            slower = max(1.0, 1 / _vcpus(kind, around))
            seconds = core_seconds.get(kind, around.value("other_core_seconds")) * slower
        found.append(_calls(kind, times, seconds * times, around))
    return tuple(found)


def _calls(kind: str, times: float, seconds: float, around: Surroundings) -> Calls:
    size = around.config.functions[kind]
    return Calls(kind, times, seconds, size.memory_mb, size.storage_mb)


def _queries(pipeline: Pipeline) -> int:
    own = pipeline.folder / "workflow.asl.json"
    return len(re.findall(r"athena:startQueryExecution", own.read_text())) if own.is_file() else 0


def _cannot(size: _Size, around: Surroundings, gate: float, gold: float) -> tuple[str, ...]:
    functions, glue = around.config.functions, around.config.glue
    found = []
    if gate / size.files > functions["gate"].timeout_seconds:
        found.append(f"a file takes the gate {gate / size.files:,.0f} s of {functions['gate'].timeout_seconds}")
    if size.engine == "duckdb":
        disk = functions["gold"].storage_mb * MB_PER_GB**2
        if size.silver + size.gold > disk:
            found.append(f"silver and gold ({(size.silver + size.gold) / GB:,.0f} GB) do not fit into /tmp")
        if gold > functions["gold"].timeout_seconds:
            found.append(f"gold takes {gold / 60:,.0f} min of {functions['gold'].timeout_seconds // 60}")
    elif gold > glue.timeout_minutes * _GLUE_TIMEOUT_UNIT:
        found.append(f"gold takes {gold / 60:,.0f} min of {glue.timeout_minutes}: more workers")
    if size.held * around.value("batch_kb_per_file") > BATCH_ITEM_LIMIT_KB:
        found.append(f"{size.held:,.0f} files do not fit into a batch's item of {BATCH_ITEM_LIMIT_KB} KB: larger files")
    return tuple(found)
