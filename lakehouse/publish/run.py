"""The publishing step as the workflow calls it: swap the pointers, say so to programs and people, close the run."""

from collections.abc import Callable
from datetime import datetime

from lakehouse import runs
from lakehouse.contract.model import Pipeline
from lakehouse.errors import PublishError
from lakehouse.ledger.items import BatchState, RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.notify import Notification
from lakehouse.plan import RunPlan, first_tables
from lakehouse.publish.announce import Announce, GoldPublished
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.messages import about_run
from lakehouse.publish.publish import Outcome, outcome_of, publish_run

Tell = Callable[[Notification], None]
Count = Callable[[float], None]
"""Counts how many seconds readers waited for a run's gold."""


def finish_run(
    pipeline: Pipeline,
    plan: RunPlan,
    catalog: Catalog,
    ledger: Ledger,
    announce: Announce,
    tell: Tell,
    count: Count = lambda _: None,
) -> Outcome:
    """Publish what the engine recorded in the run's ledger item, then say so, then record it.

    In this order a crash may repeat events and the message (with the same id) but never lose them. Tables that follow
    others are left to those who hear of them.

    Raises:
        PublishError: the ledger has no gold of this run for one of the pipeline's tables.
    """
    run = ledger.run(plan.pipeline, plan.batch, plan.run_id)
    wanted = [table.name for table in first_tables(pipeline)]
    missing = sorted(set(wanted) - set(run.gold if run else {}))
    if run is not None and run.status == "superseded" and missing:
        # A late repeat of its commit has found it overtaken while the engine worked: nothing was recorded after that.
        return "superseded"
    if run is None or missing:
        raise PublishError(f"Run {plan.run_id} has no gold recorded for {missing or 'any table'}: did the engine end?")
    made = {table: run.gold[table] for table in wanted}
    shown = publish_run(catalog, ledger, plan.pipeline, plan.run_id, made, plan.versions)
    outcome = outcome_of(shown.values())
    if run.status not in runs.FINAL:
        announce([_published(plan, table, one.location) for table, one in shown.items() if one.any])
        tell(about_run(run, made, outcome))
        record = runs.published if outcome == "published" else runs.superseded
        recorded = record(ledger, plan.pipeline, plan.batch, plan.run_id)
        lag = lag_seconds(recorded, ledger.batch(plan.pipeline, plan.batch))
        if lag is not None:
            count(lag)
    return outcome


def lag_seconds(run: RunRecord | None, batch: BatchState) -> float | None:
    """From the last change of a run's batch, or a person's asking, until readers see its gold. None: they see other
    gold, or the batch has changed since, and its newer run will tell."""
    if run is None or run.published_at is None or not batch.at or run.generation != batch.generation:
        return None
    return (datetime.fromisoformat(run.published_at) - datetime.fromisoformat(batch.at)).total_seconds()


def _published(plan: RunPlan, table: str, location: str) -> GoldPublished:
    return GoldPublished(
        pipeline=plan.pipeline,
        batch=plan.batch,
        run_id=plan.run_id,
        table=table,
        versions=dict(plan.versions),
        slots=dict(plan.slots),
        location=location,
        engine=plan.engine,
    )
