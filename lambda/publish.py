"""Last step of a run: readers see its gold, unless they see newer gold already; programs and people are told."""

from typing import Any

from lakehouse import notify
from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.ledger.store import Ledger
from lakehouse.metrics import measure
from lakehouse.plan import RunPlan
from lakehouse.publish.announce import announce
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.run import finish_run
from lakehouse.settings import Settings


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """`lakehouse.plan.RunPlan` → pipeline, batch, run_id and `outcome`: published or superseded."""
    settings = Settings.from_env()
    plan = RunPlan.from_event(event)
    outcome = finish_run(
        pipelines()[plan.pipeline],
        plan,
        Catalog(client("glue"), settings.gold_database),
        Ledger(client("dynamodb"), settings.ledger_table),
        lambda published: announce(client("events"), settings.event_source, published),
        lambda message: notify.send(client("sns"), settings.topic_arn, message),
        lambda seconds: measure(settings.event_source, plan.pipeline, {"GoldLagSeconds": seconds}),
    )
    return {"pipeline": plan.pipeline, "batch": plan.batch, "run_id": plan.run_id, "outcome": outcome}
