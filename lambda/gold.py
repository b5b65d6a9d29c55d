"""A run's gold by DuckDB, for batches that fit a Lambda."""

import os
from typing import Any

import boto3

from lakehouse import runs
from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.engines.duckdb_run import run_duckdb
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunPlan
from lakehouse.settings import Settings
from lakehouse.silver.table import SilverStore


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """`lakehouse.plan.RunPlan` → the same; what was made is in the run's ledger item."""
    settings = Settings.from_env()
    plan = RunPlan.from_event(event)
    gold = run_duckdb(
        pipelines()[plan.pipeline],
        plan,
        SilverStore.on_s3(settings.bucket, boto3.Session(), os.environ),
        client("s3"),
        settings.bucket,
        function_memory_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
    )
    runs.gold_written(Ledger(client("dynamodb"), settings.ledger_table), plan.pipeline, plan.batch, plan.run_id, gold)
    return plan.as_event()
