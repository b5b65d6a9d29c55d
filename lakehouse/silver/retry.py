"""Commits are decided on one version of a table and made as the very next one; where that is taken, decided again."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from lakehouse.contract.model import Dataset
from lakehouse.errors import SilverError
from lakehouse.log import log
from lakehouse.silver.table import SilverConflictError

MAX_TRIES = 30
Result = TypeVar("Result")


def until_committed(dataset: Dataset, batch: str, once: Callable[[], Result]) -> Result:
    """What `once` answers, called again as long as other commits come first.

    Args:
        once: reads the table, then the ledger, decides, and commits or leaves the table alone.

    Raises:
        SilverError: other commits came first `MAX_TRIES` times in a row.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            return once()
        except SilverConflictError as conflict:
            log("silver_conflict", pipeline=dataset.pipeline, dataset=dataset.name, batch=batch, attempt=attempt)
            last = conflict
        time.sleep(random.uniform(0, min(0.05 * 2**attempt, 2.0)))
    raise SilverError(f"Gave up on {dataset.name} of batch {batch} after {MAX_TRIES} conflicts") from last
