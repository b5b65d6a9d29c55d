"""Once a day: runs of gold that nobody sees are removed, former versions in bronze are marked to expire."""

import os
from dataclasses import asdict
from typing import Any

from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.events import due_at
from lakehouse.ledger.store import Ledger
from lakehouse.names import UNKNOWN
from lakehouse.publish.catalog import Catalog
from lakehouse.settings import Settings
from lakehouse.tidy.bronze import VersionMarker
from lakehouse.tidy.gold import GoldTidier


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """An EventBridge schedule's event → what was done to gold, by pipeline, and how many versions were marked."""
    settings, at, found = Settings.from_env(), due_at(event), pipelines()
    s3, ledger = client("s3"), Ledger(client("dynamodb"), settings.ledger_table)
    catalog = Catalog(client("glue"), settings.gold_database)
    tidier = GoldTidier(s3, catalog, ledger, settings.bucket, int(os.environ["LAKE_KEEP_GOLD_RUNS"]), at)
    gold = {name: [asdict(one) for one in tidier.tidy(pipeline)] for name, pipeline in found.items()}
    marker = VersionMarker(s3, ledger, settings.bucket, at)
    return {"time": at.isoformat(), "gold": gold, "marked": {name: marker.mark(name) for name in [*found, UNKNOWN]}}
