"""A run without a workflow: gold of the newest silver, made by whoever starts it. It commits nothing."""

import uuid

from lakehouse import runs
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan
from lakehouse.silver.table import SilverStore, pinned_tables


def start_own_run(pipeline: Pipeline, batch: str, store: SilverStore, ledger: Ledger) -> RunPlan:
    """Record a run of its own name and the silver versions that it reads.

    Args:
        batch: under which the ledger keeps the run; of partitioned gold, whose partitions are made.
    """
    run_id = f"{pipeline.name}-backfill-{uuid.uuid4().hex}"
    tables = pinned_tables(store, pipeline.datasets)
    versions = {name: table.version for name, table in tables.items()}
    state = ledger.batch(pipeline.name, batch)
    runs.started(ledger, pipeline.name, batch, run_id, state.generation, "backfill")
    runs.committed(ledger, pipeline.name, batch, run_id, "spark", versions, 0)
    return RunPlan(
        pipeline=pipeline.name,
        batch=batch,
        run_id=run_id,
        engine="spark",
        versions=versions,
        manifest_bytes=0,
        slots={name: table.slots for name, table in tables.items()},
        rows={name: table.rows for name, table in tables.items()},
    )
