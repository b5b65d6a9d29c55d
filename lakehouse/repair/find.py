"""What a person means by a few characters."""

from collections.abc import Mapping

from lakehouse.contract.model import Pipeline
from lakehouse.errors import RepairError
from lakehouse.ledger.store import Ledger

SHORTEST_ID = 4


def find_batch(wanted: str, pipelines: Mapping[str, Pipeline], ledger: Ledger) -> tuple[Pipeline, str]:
    """The batch that is named as `PIPELINE/BATCH`, or whose run has an id that begins so.

    Raises:
        RepairError: no such pipeline or run, several batches have runs that begin so, or it is too short to tell.
    """
    name, slash, batch = wanted.partition("/")
    if slash:
        if name not in pipelines or not batch:
            raise RepairError(f"Found {wanted!r}, expected PIPELINE/BATCH with a pipeline of {', '.join(pipelines)}")
        return pipelines[name], batch
    if len(wanted) < SHORTEST_ID:
        raise RepairError(f"Found {wanted!r}, expected PIPELINE/BATCH or at least {SHORTEST_ID} characters of a run id")
    runs = [run for one in pipelines for run in ledger.runs(one) if run.run_id.startswith(wanted)]
    batches = sorted({(run.pipeline, run.batch) for run in runs})
    if not batches:
        raise RepairError(f"No run has an id that begins with {wanted!r}: see lake runs, or name PIPELINE/BATCH")
    if len(batches) > 1:
        several = ", ".join("/".join(one) for one in batches)
        raise RepairError(f"Runs of several batches begin with {wanted!r}: {several}. Name one of these")
    return pipelines[batches[0][0]], batches[0][1]
