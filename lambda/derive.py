"""A gold table was published: make and publish the tables that follow it."""

import os
import tempfile
from pathlib import Path
from typing import Any

from lakehouse import notify
from lakehouse.aws import client, session
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import GoldTable
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.ledger.items import GoldResult
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan
from lakehouse.publish.announce import GoldPublished, announce
from lakehouse.publish.catalog import Catalog
from lakehouse.publish.derive import derive
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore
from lakehouse.tokens import read_secret, with_key


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """EventBridge's `Gold Published` → pipeline, batch, run_id and how each following table ended."""
    settings, said = Settings.from_env(), GoldPublished.from_event(event)
    pipeline = with_key(
        pipelines()[said.pipeline], lambda: read_secret(client("secretsmanager"), settings.tokens_secret)
    )
    ledger = Ledger(client("dynamodb"), settings.ledger_table)

    def make(table: GoldTable) -> GoldResult:
        plan = RunPlan(said.pipeline, said.batch, said.run_id, "duckdb", said.versions, 0, slots=said.slots)
        store = SilverStore.on_s3(settings.bucket, session(), os.environ)
        cache = SilverCache(client("s3"), settings.bucket, Path(tempfile.gettempdir()) / "silver")
        memory_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        former = former_files(ledger, pipeline, said.batch)
        return run_duckdb(pipeline, plan, [table], store, former, cache, memory_mb)[table.name]

    outcomes = derive(
        pipeline,
        said,
        make,
        Catalog(client("glue"), settings.gold_database),
        ledger,
        lambda published: announce(client("events"), settings.event_source, published),
        lambda message: notify.send(client("sns"), settings.topic_arn, message),
    )
    return {"pipeline": said.pipeline, "batch": said.batch, "run_id": said.run_id, "outcomes": outcomes}
