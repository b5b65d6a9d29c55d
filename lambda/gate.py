"""Lambda: S3's events, from SQS, to the gate."""

import time
from functools import lru_cache
from typing import Any

from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.gate.handle import Gate
from lakehouse.gate.judge import judge
from lakehouse.gate.messages import handle_messages
from lakehouse.ledger.store import Ledger
from lakehouse.settings import Settings
from lakehouse.tokens import read_secret, with_keys

KEPT_SECONDS = 300
"""So long a container goes on with the secret that it has read: see docs/personal-data.md for why it ends."""


@lru_cache(maxsize=1)
def gate(period: int) -> Gate:
    """The gate of this container in one period of KEPT_SECONDS."""
    settings = Settings.from_env()
    ledger = Ledger(client("dynamodb"), settings.ledger_table)
    known = with_keys(pipelines(), lambda: read_secret(client("secretsmanager"), settings.tokens_secret))
    return Gate(client("s3"), ledger, client("stepfunctions"), client("sns"), settings, known, judge)


def handler(event: dict[str, Any], context: object) -> dict[str, object]:
    """Answers with the messages that failed; raises where all did."""
    return handle_messages(event, gate(int(time.monotonic() / KEPT_SECONDS)).handle)
