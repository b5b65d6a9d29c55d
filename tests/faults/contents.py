"""Files of which the tests know by themselves what the gate has to make of them. Nothing of the product is used."""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

CITIES = ("Aa", "Bé", "Cc")
KINDS = ("clean", "bad_rows", "doubled", "refused")
Row = tuple[str, str, Decimal]
"""sale_id, city, amount."""


@dataclass(frozen=True)
class Content:
    """The bytes of a file, and what is in it."""

    body: bytes
    accepted: tuple[Row, ...]
    quarantined: tuple[bytes, ...] = ()
    """The refused lines as they stand in the file."""
    duplicates: int = 0
    refused: bool = False
    """The whole file is."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def rows_in(self) -> int:
        return len(self.body.splitlines())

    @property
    def worth_telling(self) -> bool:
        return self.refused or bool(self.quarantined)


MARKER = Content(b"", ())


def content(kind: str, number: int) -> Content:
    """One of a few files: the same arguments give the same bytes. Keys are few, so that slots share them."""
    rows: list[Row] = [
        (f"s{(number * 3 + step) % 7}", CITIES[(number + step) % 3], Decimal(100 + number * 7 + step) / 100)
        for step in range(1 + number % 3 + (kind == "bad_rows"))
    ]
    good = [_line(*row) for row in rows]
    bad = _line(f"s{number}", "Nowhere", Decimal("1.00"))
    if kind == "bad_rows":
        return _content([good[0], bad, *good[1:]], tuple(rows), quarantined=(bad,))
    if kind == "doubled":
        return _content([*good, good[0]], tuple(rows), duplicates=1)
    if kind == "refused":
        return _content([good[0], bad, bad.replace(b"1.00", b"2.00")], (), refused=True)
    return _content(good, tuple(rows))


def _content(
    lines: list[bytes],
    accepted: tuple[Row, ...],
    quarantined: tuple[bytes, ...] = (),
    duplicates: int = 0,
    refused: bool = False,
) -> Content:
    return Content(b"".join(line + b"\n" for line in lines), accepted, quarantined, duplicates, refused)


def _line(sale_id: str, city: str, amount: Decimal) -> bytes:
    row = json.dumps({"sale_id": sale_id, "city": city}, ensure_ascii=False)
    return f'{row[:-1]}, "amount": {amount:.2f}}}'.encode()
