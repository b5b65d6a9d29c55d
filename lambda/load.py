"""After publishing: the run's gold goes into the warehouse, unless newer gold is there already; people are told."""

from typing import Any

from lakehouse import notify
from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan
from lakehouse.settings import Settings
from lakehouse.tokens import read_secret, with_key
from lakehouse.warehouse.data_api import DataApi
from lakehouse.warehouse.load import Surroundings, WarehouseSettings, load_run


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`lakehouse.plan.RunPlan` → pipeline, batch, run_id, `outcome` (loaded or overtaken) and `tables` with counts."""
    settings, warehouse = Settings.from_env(), WarehouseSettings.from_env()
    plan = RunPlan.from_event(event)
    around = Surroundings(
        ledger=Ledger(client("dynamodb"), settings.ledger_table),
        api=DataApi(client("redshift-data"), warehouse.workgroup, warehouse.database),
        s3=client("s3"),
        bucket=settings.bucket,
        role_arn=warehouse.role_arn,
        tell=lambda message: notify.send(client("sns"), settings.topic_arn, message),
        invocation=str(context.aws_request_id),
    )
    pipeline = with_key(
        pipelines()[plan.pipeline], lambda: read_secret(client("secretsmanager"), settings.tokens_secret)
    )
    load = load_run(pipeline, plan, around)
    return {"pipeline": plan.pipeline, "batch": plan.batch, "run_id": plan.run_id, **load.as_event()}
