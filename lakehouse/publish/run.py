"""The publishing step as the workflow calls it: swap the pointers, tell people, close the run's ledger item."""

from collections.abc import Callable

from lakehouse import names, runs
from lakehouse.contract.model import Pipeline
from lakehouse.errors import PublishError
from lakehouse.ledger.items import RunRecord
from lakehouse.ledger.store import Ledger
from lakehouse.notify import Notification
from lakehouse.plan import RunPlan
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.publish import Outcome, publish_run

Tell = Callable[[Notification], None]


def finish_run(pipeline: Pipeline, plan: RunPlan, catalog: Catalog, ledger: Ledger, tell: Tell) -> Outcome:
    """Publish what the engine recorded in the run's ledger item, then say so, then record it.

    In this order a crash may repeat the message (with the same id) but never lose it.

    Raises:
        PublishError: the ledger has no gold of this run for one of the pipeline's tables.
    """
    run = ledger.run(plan.pipeline, plan.batch, plan.run_id)
    made = run.gold if run else {}
    missing = sorted({table.name for table in pipeline.gold} - set(made))
    if run is None or missing:
        raise PublishError(f"Run {plan.run_id} has no gold recorded for {missing or 'any table'}: did the engine end?")
    outcome = publish_run(catalog, ledger, plan.pipeline, plan.run_id, made, plan.versions)
    if run.status not in runs.FINAL:
        tell(about_run(run, outcome))
        record = runs.published if outcome == "published" else runs.superseded
        record(ledger, plan.pipeline, plan.batch, plan.run_id)
    return outcome


def about_run(run: RunRecord, outcome: Outcome) -> Notification:
    """The message of a run that ended well."""
    tables = ", ".join(f"{table} ({result.rows:,} rows)" for table, result in sorted(run.gold.items()))
    if outcome == "published":
        subject = f"[{run.pipeline}] Run succeeded: {tables}"
        text = f"Batch {run.batch}: gold is published.\n"
    else:
        subject = f"[{run.pipeline}] Run succeeded but was overtaken: batch {run.batch}"
        text = f"Batch {run.batch}: newer gold was published already; it holds this batch's rows too.\n"
    lines = [
        f"  {table}: {result.rows:,} rows, {result.bytes:,} bytes, by {result.engine}, in {result.location}"
        for table, result in sorted(run.gold.items())
    ]
    versions = ", ".join(f"{dataset} {version}" for dataset, version in sorted(run.versions.items()))
    return Notification(
        id=names.digest("notification", run.run_id, outcome),
        kind="run_succeeded",
        pipeline=run.pipeline,
        subject=subject,
        text=f"{text}{chr(10).join(lines)}\nSilver versions: {versions}. Run: {run.run_id}\n",
        details={
            "batch": run.batch,
            "run_id": run.run_id,
            "outcome": outcome,
            "engine": run.engine,
            "versions": dict(run.versions),
            "gold": {
                table: {"location": result.location, "rows": result.rows, "bytes": result.bytes}
                for table, result in run.gold.items()
            },
        },
    )
