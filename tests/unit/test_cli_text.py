"""How the command line writes figures, times and foreign bytes."""

import pytest

from cli.text import bytes_text, count_text, counts_text, moment_text, printable, seconds_between, seconds_text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (138_221_920, "138.2 MB"),
        (999_950_000, "1.0 GB"),
        (2**40, "1099.5 GB"),
    ],
)
def test_bytes(amount: int, text: str) -> None:
    assert bytes_text(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.044, "0.04 s"), (0.96, "1.0 s"), (12.34, "12.3 s"), (125.9, "2 min 05 s")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_counts() -> None:
    assert [count_text(1, "row"), count_text(2_000, "row"), count_text(3, "batch"), count_text(2, "query")] == [
        "1 row",
        "2,000 rows",
        "3 batches",
        "2 queries",
    ]
    assert counts_text({"b": 1, "a": 1, "c": 1200}) == "1,200 c, 1 a, 1 b"


def test_moments_of_the_ledger() -> None:
    assert moment_text("2026-01-31T23:59:59.123456+00:00") == "2026-01-31 23:59:59"
    assert moment_text(None) == "–"
    assert seconds_between("2026-01-31T23:59:59.5+00:00", "2026-02-01T00:00:01+00:00") == 1.5
    assert seconds_between(None, "2026-02-01T00:00:01+00:00") is None


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"\x1b[2Jgone\r\n\x07", "\\x1b[2Jgone\\r\\n\\x07"),
        ("\u202eevil\u200b".encode(), "\\u202eevil\\u200b"),
        (b"\xff\xfe{", "\\xff\\xfe{"),
        (b"nul\x00\x9b31m", "nul\\x00\\x9b31m"),
        ("Grüße, 東京 [bold]".encode(), "Grüße, 東京 [bold]"),
    ],
)
def test_foreign_bytes_cannot_move_the_cursor_or_hide_text(data: bytes, shown: str) -> None:
    assert printable(data) == shown


def test_long_bytes_are_cut_and_say_so() -> None:
    assert printable(b"x" * 50, limit=10) == "xxxxxxxxxx … 50 bytes in all"
