"""Refused rows as NDJSON: `{line, record, reason, column, rule, message, raw | raw_base64}`, one a line.

Of a dataset with personal columns neither the record's bytes nor any of its values are kept here: `line` and `record`
lead to them in bronze, which keeps every byte.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from lakehouse.parse.reasons import RefusedRow

SHOWN_ROWS = 1000
"""Of a file that is refused for its rows this many are kept: the whole of it lies beside them."""


class QuarantineFile:
    """Gathers refused rows. The file exists from the first row on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self.by_reason: Counter[str] = Counter()

    @property
    def rows(self) -> int:
        """How many rows were refused."""
        return self.by_reason.total()

    def add(self, rows: Iterable[RefusedRow]) -> None:
        """Append rows."""
        for row in rows:
            self.by_reason[row.reason.value] += 1
            self._file.write(json.dumps(_entry(row), ensure_ascii=False) + "\n")

    def close(self, *, shortened: bool = False) -> Path | None:
        """Finish the file; None where no row was refused. `shortened`: keep the first SHOWN_ROWS only."""
        self._file.close()
        if not self.rows:
            self._path.unlink()
            return None
        if shortened and self.rows > SHOWN_ROWS:
            short = self._path.with_suffix(".short")
            with self._path.open("rb") as whole, short.open("wb") as kept:
                kept.writelines(islice(whole, SHOWN_ROWS))
            short.replace(self._path)
        return self._path

    def discard(self) -> None:
        """Let go of the file, where the judging failed. Harmless after `close`."""
        self._file.close()


def _entry(row: RefusedRow) -> dict[str, object]:
    entry: dict[str, object] = {
        "line": row.line,
        "record": row.record + 1,
        "reason": row.reason.value,
        "column": row.column,
        "rule": row.rule,
        "message": row.message,
    }
    if row.raw is None:
        return entry
    try:
        return entry | {"raw": row.raw.decode()}
    except UnicodeDecodeError:
        # The beginning of a record that is too long may end inside a character.
        return entry | {"raw_base64": base64.b64encode(row.raw).decode()}
