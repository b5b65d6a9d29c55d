"""Lambda: S3's events, from SQS, to the gate."""

from functools import cache
from typing import Any

from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.gate.handle import Gate
from lakehouse.gate.judge import judge
from lakehouse.gate.messages import handle_messages
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings


@cache
def gate() -> Gate:
    """The gate of this container."""
    settings = Settings.from_env()
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    return Gate(client("s3"), ledger, client("stepfunctions"), client("sns"), settings, pipelines(), judge)


def handler(event: dict[str, Any], context: object) -> dict[str, object]:
    """Answers with the messages that failed; raises where all did."""
    return handle_messages(event, gate().handle)
