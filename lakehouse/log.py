"""Logs: one JSON object a line, on standard output, as CloudWatch and Glue collect them. Never a personal value."""

import json
import sys
from datetime import UTC, datetime


def log(event: str, **fields: object) -> None:
    """Write one line. `event` is a short snake_case name; fields are `pipeline`, `dataset`, `batch`, `run_id`, `key`
    and figures with their unit in the name (`seconds`, `bytes`, `rows`)."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
    print(json.dumps(line, ensure_ascii=False, default=str), file=sys.stdout, flush=True)
