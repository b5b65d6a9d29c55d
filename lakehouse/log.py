"""Logs: one JSON object a line, on standard output, as CloudWatch and Glue collect them. Never a personal value."""

import json
import sys
from datetime import UTC, datetime
from typing import TextIO

_elsewhere: list[TextIO] = []


def send_to(stream: TextIO) -> None:
    """Write to a stream from now on. For the command line, whose standard output is for its results."""
    _elsewhere[:] = [stream]


def log(event: str, **fields: object) -> None:
    """Write one line. `event` is a short snake_case name; fields are `pipeline`, `dataset`, `batch`, `run_id`, `key`
    and figures with their unit in the name (`seconds`, `bytes`, `rows`)."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    stream = _elsewhere[0] if _elsewhere else sys.stdout
    print(json.dumps(line, ensure_ascii=False, default=str), file=stream, flush=True)
