"""Lambda: a run's execution failed; called by the workflow's last state."""

from typing import Any

from lakehouse.aws import client
from lakehouse.ledger.store import Ledger
from lakehouse.metrics import measure
from lakehouse.runs import failure_of, is_unbalanced, record_failure
from lakehouse.settings import Settings


def handler(event: dict[str, Any], context: object) -> dict[str, object]:
    """Records the failure and tells people; answers with what it recorded."""
    settings = Settings.from_env()
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    failure = failure_of(event)
    if is_unbalanced(failure):
        measure(settings.event_source, failure.pipeline, {"BalanceMismatches": 1})
    return record_failure(failure, ledger, client("sns"), settings.topic_arn)
