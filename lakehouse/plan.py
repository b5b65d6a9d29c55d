"""What the steps of a run's workflow hand to each other."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.errors import ContractError

ChosenEngine = Literal["spark", "duckdb"]


@dataclass(frozen=True)
class RunRequest:
    """Input of a run's execution: which batch, for which manifest."""

    pipeline: str
    batch: str
    run_id: str
    generation: int
    manifest_hash: str

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "RunRequest":
        """Read the execution's input; fields that the workflow may add are ignored."""
        return cls(
            pipeline=str(event["pipeline"]),
            batch=str(event["batch"]),
            run_id=str(event["run_id"]),
            generation=int(event["generation"]),
            manifest_hash=str(event["manifest_hash"]),
        )


@dataclass(frozen=True)
class RunPlan:
    """What the commit hands to the engine and to the publisher."""

    pipeline: str
    batch: str
    run_id: str
    engine: ChosenEngine
    versions: Mapping[str, int]
    """Silver table version by dataset: gold is made of exactly these."""
    manifest_bytes: int
    """Bronze bytes of the batch's files in force."""
    overtaken: bool = False
    """The batch has changed since the run was started: a newer run makes its gold, this one ends here."""
    slots: Mapping[str, int] = field(default_factory=dict)
    """Slots by dataset at these versions, so that an engine need not list a table's files to know."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """Rows by dataset at these versions, as the Delta logs count them: an engine that finds others fails the run."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "RunPlan":
        """Read the output of the commit."""
        return cls(
            pipeline=str(event["pipeline"]),
            batch=str(event["batch"]),
            run_id=str(event["run_id"]),
            engine="duckdb" if event["engine"] == "duckdb" else "spark",
            versions={dataset: int(version) for dataset, version in event["versions"].items()},
            manifest_bytes=int(event["manifest_bytes"]),
            overtaken=bool(event.get("overtaken", False)),
            slots={dataset: int(slots) for dataset, slots in event.get("slots", {}).items()},
            rows={dataset: int(rows) for dataset, rows in event.get("rows", {}).items()},
        )

    def as_event(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {**asdict(self), "versions": dict(self.versions), "slots": dict(self.slots), "rows": dict(self.rows)}


def first_tables(pipeline: Pipeline) -> tuple[GoldTable, ...]:
    """The gold tables that follow no other: the run's workflow publishes them."""
    return tuple(table for table in pipeline.gold if table.after is None)


def following_tables(pipeline: Pipeline, table: str) -> tuple[GoldTable, ...]:
    """The gold tables that are made once `table` is published."""
    return tuple(found for found in pipeline.gold if found.after == table)


def choose_engine(pipeline: Pipeline, manifest_bytes: int, override: str = "") -> ChosenEngine:
    """The engine that makes a run's gold: the pipeline's, by the manifest's size with `auto`, or `override`.

    Raises:
        ContractError: `override` is no engine.
    """
    wanted = override or pipeline.engine
    if wanted == "auto":
        return "spark" if manifest_bytes >= pipeline.auto_spark_from_bytes else "duckdb"
    if wanted == "spark":
        return "spark"
    if wanted == "duckdb":
        return "duckdb"
    raise ContractError(f"Unknown engine '{wanted}'. Expected one of ['spark', 'duckdb', 'auto'], or empty")
