"""Which Lambdas a set of pipelines needs, and what is said of each. Pure.

Some serve every pipeline, some are there only if a pipeline asks for what they do, and a generator belongs to one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.contract.model import Pipeline

ALWAYS = ("gate", "commit", "gold", "publish", "failed", "sweep", "tidy")
ON_DEMAND = ("derive", "load", "crawl", "crawled", "compact")
GENERATE = "generate"
KINDS = (*ALWAYS, *ON_DEMAND, GENERATE)
"""The handlers. config/ has a size and iam/ a policy document for each."""

ASYNCHRONOUS = frozenset({"derive", "crawled", "compact", "sweep", "tidy", GENERATE})
"""Invoked by EventBridge: nobody waits for the answer, so what fails for good goes to a queue of dead letters."""


@dataclass(frozen=True)
class Function:
    """One Lambda of a stack."""

    kind: str
    """Its handler, `lambda/<kind>.py`, and the names of its size and policy document."""
    pipeline: str | None = None
    """The pipeline that it belongs to; None: it serves all."""

    @property
    def who(self) -> str:
        """What follows the prefix in the names of the function, its role and its log group."""
        return f"{self.pipeline}-{self.kind}" if self.pipeline else self.kind

    @property
    def asynchronous(self) -> bool:
        return self.kind in ASYNCHRONOUS


def needed_functions(pipelines: Sequence[Pipeline]) -> tuple[Function, ...]:
    """The functions that these pipelines need, generators last."""
    shared = [Function(kind) for kind in (*ALWAYS, *ON_DEMAND)]
    generators = [Function(GENERATE, pipeline.name) for pipeline in pipelines if pipeline.generator]
    return (*(one for one in shared if one.kind in ALWAYS or served(one, pipelines)), *generators)


def served(function: Function, pipelines: Sequence[Pipeline]) -> tuple[Pipeline, ...]:
    """The pipelines that a function works for: its own, or those that ask for what it does."""
    if function.pipeline:
        return tuple(pipeline for pipeline in pipelines if pipeline.name == function.pipeline)
    return tuple(pipeline for pipeline in pipelines if function.kind in ALWAYS or _asks(pipeline, function.kind))


def _asks(pipeline: Pipeline, kind: str) -> bool:
    """Whether a pipeline asks for what an on-demand function does."""
    match kind:
        case "derive":
            return bool(followed_tables(pipeline))
        case "load":
            return pipeline.warehouse is not None
        case "crawl" | "crawled":
            return bool(pipeline.crawlers)
        case "compact":
            return any(dataset.compact for dataset in pipeline.datasets)
    return False


def followed_tables(pipeline: Pipeline) -> tuple[str, ...]:
    """The gold tables after whose publication others are made."""
    return tuple(sorted({table.after for table in pipeline.gold if table.after}))
