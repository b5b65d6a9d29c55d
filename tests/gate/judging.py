"""What the gate's tests get from judging bytes."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lakehouse.contract.model import Dataset
from lakehouse.gate.judge import Judgement, judge


@dataclass(frozen=True)
class Judged:
    """A judgement with its files read."""

    judgement: Judgement
    rows: list[dict[str, Any]]
    """Of the silver file, with `_line`."""
    refused: list[dict[str, Any]]
    """Of the quarantine file."""

    @property
    def reasons(self) -> list[tuple[int, str]]:
        """Line and reason of every refused row, by line."""
        return sorted((row["line"], row["reason"]) for row in self.refused)


Judge = Callable[..., Judged]


def judge_bytes(data: bytes, key: str, dataset: Dataset, folder: Path) -> Judged:
    """Judge bytes that come as the object `key`; the rows must balance, and only an accepted file has any."""
    judgement = judge(io.BytesIO(data), f"bronze/{dataset.pipeline}/{key}", dataset, folder)
    refused = judgement.quarantine_rows.read_text("utf-8").split("\n")[:-1] if judgement.quarantine_rows else []
    rows = pq.read_table(judgement.parquet).to_pylist() if judgement.parquet else []
    assert judgement.bytes == len(data)
    if judgement.verdict == "accepted":
        parts = judgement.rows_accepted + judgement.rows_quarantined + judgement.rows_duplicate
        assert judgement.rows_in == parts
        assert judgement.rows_accepted == len(rows)
        assert judgement.rows_quarantined == len(refused) == sum(judgement.by_reason.values())
    else:
        assert judgement.parquet is None
    return Judged(judgement, rows, [json.loads(line) for line in refused])
