"""First step of a run: silver holds what is in force, the ledger knows at which versions, an engine is chosen."""

import os
from typing import Any

from lakehouse.aws import client, session
from lakehouse.contract.load import pipelines
from lakehouse.ledger.store import Ledger
from lakehouse.plan import RunRequest
from lakehouse.settings import Settings
from lakehouse.silver.commit import commit_run
from lakehouse.silver.table import SilverStore


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The execution's input → `lakehouse.plan.RunPlan`."""
    settings = Settings.from_env()
    request = RunRequest.from_event(event)
    plan = commit_run(
        pipelines()[request.pipeline],
        request,
        SilverStore.on_s3(settings.bucket, session(), os.environ),
        Ledger(client("dynamodb"), settings.ledger_table),
    )
    return plan.as_event()
