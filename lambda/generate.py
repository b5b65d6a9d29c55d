"""Lambda: sample files of one pipeline into bronze, on a schedule or when asked."""

import os
from datetime import UTC, datetime
from typing import Any

from lakehouse.aws import client
from lakehouse.contract.load import pipelines
from lakehouse.generate import generate_into_bronze, load_generator, wanted
from lakehouse.settings import Settings


def handler(event: dict[str, Any], _context: object) -> dict[str, object]:
    """EventBridge's scheduled event, or `{"rows"?, "seed"?, "dirty"?, "time"?}` → the keys that were written."""
    settings = Settings.from_env()
    pipeline = pipelines()[os.environ["LAKE_PIPELINE"]]
    files = wanted(event, pipeline, datetime.now(UTC))
    return generate_into_bronze(pipeline, files, load_generator(pipeline), client("s3"), settings.bucket)
