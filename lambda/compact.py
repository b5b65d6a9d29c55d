"""Once a day: the small silver files of every closed batch become one."""

import os
from dataclasses import asdict
from functools import partial
from typing import Any

from lakehouse.aws import client, session
from lakehouse.contract.load import pipelines
from lakehouse.engines.duckdb_compact import store_compacted
from lakehouse.events import due_at
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from lakehouse.silver.compact import compact_dataset
from lakehouse.silver.table import SilverStore


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """An EventBridge schedule's event → what was compacted, a list of batches by `<pipeline>/<dataset>`."""
    settings, at = Settings.from_env(), due_at(event)
    store = SilverStore.on_s3(settings.bucket, session(), os.environ)
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    memory_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    done = {}
    for pipeline in pipelines().values():
        for dataset in (dataset for dataset in pipeline.datasets if dataset.compact):
            write_file = partial(store_compacted, client("s3"), settings.bucket, dataset, memory_mb)
            found = compact_dataset(store, dataset, at, partial(ledger.batch, pipeline.name), write_file)
            done[f"{pipeline.name}/{dataset.name}"] = [asdict(one) for one in found]
    return {"time": at.isoformat(), "compacted": done}
