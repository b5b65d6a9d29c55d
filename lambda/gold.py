"""A run's gold by DuckDB, for batches that fit a Lambda."""

import os
import tempfile
from pathlib import Path
from typing import Any

from lakehouse import runs
from lakehouse.aws import client, session
from lakehouse.contract.load import pipelines
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.engines.former import former_files
from lakehouse.engines.silver_cache import SilverCache
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan, first_tables
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore
from lakehouse.tokens import read_secret, with_key


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """`lakehouse.plan.RunPlan` → the same; what was made is in the run's ledger item."""
    settings, plan = Settings.from_env(), RunPlan.from_event(event)
    pipeline = with_key(
        pipelines()[plan.pipeline], lambda: read_secret(client("secretsmanager"), settings.tokens_secret)
    )
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    gold = run_duckdb(
        pipeline,
        plan,
        first_tables(pipeline),
        SilverStore.on_s3(settings.bucket, session(), os.environ),
        former_files(ledger, pipeline, plan.batch),
        SilverCache(client("s3"), settings.bucket, Path(tempfile.gettempdir()) / "silver"),
        function_memory_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
    )
    runs.gold_written(ledger, plan.pipeline, plan.batch, plan.run_id, gold)
    return plan.as_event()
