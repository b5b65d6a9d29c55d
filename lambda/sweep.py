"""Every quarter of an hour: what was left undone is done, what waits too long is told."""

from dataclasses import asdict
from typing import Any

from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.events import due_at
from lakehouse.gate.settle import Settler
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from lakehouse.sweep.sweep import Sweeper


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An EventBridge schedule's event → what was done, in order."""
    settings, at, found = Settings.from_env(), due_at(event), pipelines()
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    settler = Settler(ledger, client("stepfunctions"), client("sns"), settings, found)
    done = Sweeper(settler, str(context.aws_request_id), at).sweep_all()
    return {"time": at.isoformat(), "swept": [asdict(one) for one in done]}
