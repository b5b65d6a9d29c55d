"""A file out of which an erasure took a person's records: what was accepted with them is accepted without them.

Without this a file that held nothing else, or whose other rows are mostly bad ones, would be refused, and the version
before it, person included, would stay in force. The mark is an entry of the object's metadata, so it is one with the
version: no order of events can part them. See docs/decisions/0020-a-person-is-forgotten-through-the-gate.md.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from lakehouse.contract.model import Dataset
from lakehouse.contract.seeds import known_values
from lakehouse.gate.conflicts import Reopen
from lakehouse.gate.judge import Judgement
from lakehouse.gate.silver_file import SilverFile
from lakehouse.parse.layout import layout_of
from lakehouse.parse.reasons import Reason

Judge = Callable[[BinaryIO, str, Dataset, Path, Reopen], Judgement]
_EMPTY = (Reason.EMPTY_FILE.value, Reason.NO_ROWS.value)


def judge_erased(
    judge: Judge, stream: BinaryIO, key: str, dataset: Dataset, workdir: Path, reopen: Reopen
) -> Judgement:
    """The verdict on a marked version, without regard to the share of its rows that are bad, which grew only because
    others went. A file that holds no row at all is accepted, with a silver file of none."""
    found = judge(stream, key, replace(dataset, max_bad_share=Decimal(1)), workdir, reopen)
    if found.verdict == "accepted" or found.rows_in or found.reason not in _EMPTY:
        return found
    with ThreadPoolExecutor(1, "write") as writer:
        silver = SilverFile(workdir / "empty.parquet", layout_of(dataset, known_values(dataset)), writer)
        silver.close()
    return replace(found, verdict="accepted", reason=None, message=None, parquet=silver.path)
