"""What the gate's tests get from judging bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lakehouse.gate.judge import Judgement


@dataclass(frozen=True)
class Judged:
    """A judgement with its files read."""

    judgement: Judgement
    rows: list[dict[str, Any]]
    """Of the silver file, with `_line`."""
    refused: list[dict[str, Any]]
    """Of the quarantine file."""


Judge = Callable[..., Judged]
