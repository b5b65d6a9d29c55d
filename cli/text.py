"""How amounts, times and foreign bytes are written for a person. Pure."""

from collections.abc import Mapping
from datetime import datetime


def bytes_text(amount: int) -> str:
    """`999 B`, `12.3 kB`, `138.2 MB`: decimal units, as disks and S3 bills count."""
    value = float(amount)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{amount} B" if unit == "B" else f"{value:.1f} {unit}"


def count_text(amount: int, noun: str) -> str:
    """`1 row`, `1,000,000 rows`."""
    plural = (
        noun
        if amount == 1
        else f"{noun[:-1]}ies"
        if noun.endswith("y")
        else f"{noun}es"
        if noun[-2:] == "ch"
        else f"{noun}s"
    )
    return f"{amount:,} {plural}"


def seconds_text(seconds: float) -> str:
    """`0.04 s`, `3.2 s`, `2 min 05 s`."""
    if seconds < 0.95:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def moment_text(at: str | None) -> str:
    """A UTC text of the ledger as `2026-01-31 23:59:59`; a dash for none."""
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M:%S") if at else "–"


def short_moment(at: str | None) -> str:
    """The same without year and seconds' parts: `01-31 23:59:59`."""
    return moment_text(at)[5:] if at else "–"


def short_run(run_id: str) -> str:
    """A run's id with the first 8 of its 32 digits: enough to tell runs apart by eye."""
    readable, dash, digits = run_id.rpartition("-")
    return f"{readable}{dash}{digits[:8]}" if len(digits) == 32 else run_id


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds between two texts of the ledger, where both are there."""
    if not start or not end:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def counts_text(counts: Mapping[str, int]) -> str:
    """`3 wrong_type, 1 missing_field`, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{amount:,} {name}" for name, amount in ordered)


def safe(text: str) -> str:
    """Text that cannot move the cursor, change a colour or hide other text; line ends stay."""
    return "".join(char if char.isprintable() or char == "\n" else _written_out(char) for char in text)


def printable(data: bytes, limit: int = 2000) -> str:
    """Foreign bytes on one line that cannot move the cursor, change a colour or hide text: whatever is no printable
    character is written as `\\n`, `\\x1b`, `\\u202e`; longer than `limit` characters is cut, and says so."""
    text = data.decode("utf-8", errors="backslashreplace")
    shown = "".join(char if char.isprintable() else _written_out(char) for char in text[:limit])
    return shown + (f" … {len(data):,} bytes in all" if len(text) > limit else "")


def _written_out(char: str) -> str:
    return char.encode("unicode_escape").decode()
