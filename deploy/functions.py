"""Which Lambdas a set of pipelines needs, and what is said of each. Pure.

Some serve every pipeline, some are there only if a pipeline asks for what they do, and a generator belongs to one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakehouse.contract.model import Pipeline

ALWAYS = ("gate", "commit", "gold", "publish", "failed", "sweep")
ON_DEMAND = ("derive", "load", "crawl", "crawled", "compact")
GENERATE = "generate"
KINDS = (*ALWAYS, *ON_DEMAND, GENERATE)
"""The handlers. config/ has a size and iam/ a policy document for each."""

ASYNCHRONOUS = frozenset({"derive", "crawled", "compact", "sweep", GENERATE})
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
    asked = {
        "derive": any(followed_tables(pipeline) for pipeline in pipelines),
        "load": any(pipeline.warehouse for pipeline in pipelines),
        "crawl": any(pipeline.crawlers for pipeline in pipelines),
        "crawled": any(pipeline.crawlers for pipeline in pipelines),
        "compact": any(dataset.compact for pipeline in pipelines for dataset in pipeline.datasets),
    }
    shared = [Function(kind) for kind in KINDS if kind in ALWAYS or asked.get(kind)]
    return (*shared, *(Function(GENERATE, pipeline.name) for pipeline in pipelines if pipeline.generator))


def followed_tables(pipeline: Pipeline) -> tuple[str, ...]:
    """The gold tables after whose publication others are made."""
    return tuple(sorted({table.after for table in pipeline.gold if table.after}))
