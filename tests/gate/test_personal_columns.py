"""Personal columns: judged as any other, never quoted, and behind the gate dropped or tokens."""

import csv
import gzip
import hashlib
import hmac
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contract.load import load_pipeline
from lakehouse.contract.personal import stored_columns
from lakehouse.contract.seeds import read_seed
from lakehouse.engines.seeds import seed_rows
from lakehouse.errors import ContractError, SettingsError
from lakehouse.gate.decide import keeps_original
from lakehouse.seeds import stored_csv
from lakehouse.tokens import LakeSecret, tokenise, with_key, with_keys
from tests.gate.judging import Judged, judge_bytes
from tests.secret import SECRET, keyed

FOLDER = Path(__file__).parents[1] / "personal" / "pipelines" / "guests"
PLAIN = load_pipeline(FOLDER)
GUESTS = keyed(PLAIN)
BOOKINGS, VISITS = GUESTS.dataset("bookings"), GUESTS.dataset("visits")
MARK = "Zqmark"
"""Stands in every value of the files below; no message may hold it."""


def booking(number: int, **instead: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"booking_id": number, "email": f"{MARK}{number}@x", "guest_name": f"{MARK} Amy"}
    return row | {"phone": 491700, "born_on": "2001/02/03", "income": 1.5, "room": "101", "nights": 2} | instead


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(*rows: dict[str, Any]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def token(value: str) -> str:
    """Worked out without the lake's code."""
    key = hmac.new(SECRET_TEXT, b"pipeline guests", hashlib.sha256).digest()
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


SECRET_TEXT = b"only for tests: tokens tokens tokens tokens"


@pytest.mark.parametrize(("write", "key"), [(lines, "bookings/b/a.json"), (table, "bookings/b/a.csv")])
def test_silver_holds_tokens_and_nothing_of_what_is_dropped(write: Any, key: str, tmp_path: Path) -> None:
    found = judge_bytes(write(booking(1), booking(2, email=f"{MARK}1@x")), key, BOOKINGS, tmp_path)
    stored = {"email": token(f"{MARK}1@x"), "phone": token("491700"), "born_on": token("2001-02-03")}
    assert [{name: row[name] for name in row if name != "_line"} for row in found.rows] == [
        {"booking_id": number, **stored, "room": "101", "nights": 2} for number in (1, 2)
    ]
    assert found.judgement.parquet is not None
    assert MARK.encode() not in found.judgement.parquet.read_bytes()


def test_rows_that_differ_in_what_is_dropped_alone_are_the_same_row(tmp_path: Path) -> None:
    data = lines(booking(1), booking(1, guest_name="Another"), booking(2), booking(2, email="other@x"))
    found = judge_bytes(data, "bookings/b/a.json", BOOKINGS, tmp_path)
    assert (found.judgement.rows_accepted, found.judgement.rows_duplicate) == (1, 1)
    assert found.judgement.by_reason == {"conflicting_key": 2}
    assert MARK not in str(found.refused)


BAD = [
    booking(1, email=MARK),
    booking(2, guest_name=MARK * 9),
    booking(3, phone=MARK),
    booking(4, born_on=MARK),
    booking(5, income=MARK),
    booking(6, room=MARK),
    booking(7, nights=MARK),
    booking(8) | {MARK: 1},
    booking(9, nights=f"{MARK}\0"),
    booking(10, room={"a": MARK}),
    booking(11, email=f"{MARK}\ud800@x"),
    booking(12, income=-1),
]
BAD_LINES = [
    *(json.dumps(row).encode() for row in BAD),
    json.dumps(booking(20)).encode() + b" " + MARK.encode(),
    json.dumps(booking(21)).encode() + json.dumps(MARK).encode(),
    b'{"%b": 1, "%b": 2}' % (MARK.encode(), MARK.encode()),
    b'"%b"' % MARK.encode(),
    MARK.encode(),
    json.dumps(booking(22)).encode()[:-9],
]


@pytest.mark.parametrize("line", range(len(BAD_LINES)))
def test_a_refused_record_is_not_quoted(line: int, tmp_path: Path) -> None:
    good = [lines(booking(number))[:-1] for number in range(100, 103)]
    data = b"\n".join([BAD_LINES[line], *good]) + b"\n"
    found = judge_bytes(data, "bookings/b/a.ndjson", BOOKINGS, tmp_path)
    (refused,) = found.refused
    assert (refused["line"], refused["record"], "raw" in refused, "raw_base64" in refused) == (1, 1, False, False)
    assert_unquoted(found)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (f"booking_id,email,{MARK}\n1,a@x,1\n".encode(), "bookings/b/a.csv"),
        (f"{','.join(booking(1))},{MARK}\n1\n".encode(), "bookings/b/a.csv"),
        (f"{','.join(booking(1))},{MARK},{MARK}\n1\n".encode(), "bookings/b/a.csv"),
        (f'{",".join(booking(1))},"a"{MARK}\n1\n'.encode(), "bookings/b/a.csv"),
        (f'{",".join(booking(1))}\n1,{MARK}@x,"{MARK}\n'.encode(), "bookings/b/a.csv"),
        (
            table(booking(1)) + f'2,{MARK}@x,a"{MARK},1,,,101,1\n3,{MARK}\n4,{MARK}\r@x,a,1,,,101,1\n'.encode(),
            "bookings/b/a.csv",
        ),
        (b"[" + lines(booking(1))[:-1] + f"] {MARK}".encode(), "bookings/b/a.json"),
        (lines(booking(1)) + f'{{"email": "{MARK}'.encode(), "bookings/b/a.ndjson"),
        (gzip.compress(lines(*map(booking, range(99))))[:-30], "bookings/b/a.ndjson.gz"),
        (f'{{"{MARK}": '.encode() + b"]", "bookings/b/a.ndjson"),
        (MARK.encode("utf-16"), "bookings/b/a.csv"),
        (MARK.encode() + b"\xff", "bookings/b/a.ndjson"),
    ],
)
def test_a_refused_file_is_not_quoted(data: bytes, key: str, tmp_path: Path) -> None:
    found = judge_bytes(data, key, BOOKINGS, tmp_path)
    assert found.judgement.verdict == "refused" or found.refused
    assert_unquoted(found)


def assert_unquoted(found: Judged) -> None:
    said = f"{found.judgement.message} {found.refused}"
    assert MARK not in said
    assert "491700" not in said


def test_without_personal_columns_people_see_what_was_found(tmp_path: Path) -> None:
    columns = tuple(replace(column, pii=None) for column in PLAIN.dataset("bookings").columns)
    found = judge_bytes(lines(*BAD), "bookings/b/a.ndjson", replace(BOOKINGS, columns=columns), tmp_path)
    assert sum(MARK in row["message"] for row in found.refused) > 6
    assert all(MARK in row["raw"] for row in found.refused if "raw" in row)


def test_a_reference_is_to_the_values_and_a_token_is_the_same_everywhere_in_the_pipeline(tmp_path: Path) -> None:
    data = b"email,spent\nzq.amy@guests.example,1.50\nnobody@guests.example,1.50\n"
    found = judge_bytes(data, "visits/b/a.csv", VISITS, tmp_path)
    assert [row["email"] for row in found.rows] == [token("zq.amy@guests.example")]
    assert [row["message"] for row in found.refused] == [
        "Column email: found [hidden], expected a value that members.email holds"
    ]
    (members,) = GUESTS.seeds
    for text in (seed_rows(members), stored_csv(members).decode()):
        assert token("zq.amy@guests.example") in text
        assert not [word for word in ("zq.amy@", "Zqamy", "full_name", "Underhill") if word in text]
    assert read_seed(GUESTS, members).column("full_name").to_pylist()[0] == "Zqamy Underhill"


def test_tokens_cannot_be_made_without_the_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"guests/pipeline.toml: datasets.bookings: .* loaded without a key"):
        judge_bytes(lines(booking(1)), "bookings/b/a.json", PLAIN.dataset("bookings"), tmp_path)
    with pytest.raises(SettingsError, match=r"members.csv: column 'email': .* loaded without a key"):
        seed_rows(PLAIN.seeds[0])


def test_another_secret_makes_other_tokens_and_another_contract() -> None:
    other = LakeSecret("another secret of at least 32 characters")
    assert SECRET.key_of("guests") != SECRET.key_of("sales") != other.key_of("sales")
    assert tokenise(SECRET.key_of("guests"), "a") == token("a")
    rotated, again = with_key(PLAIN, lambda: other), with_key(PLAIN, lambda: SECRET)
    hashes = [one.dataset("bookings").contract_hash for one in (PLAIN, GUESTS, rotated)]
    assert len({*hashes}) == 3
    assert again.dataset("bookings").contract_hash == hashes[1]


def test_the_secret_is_read_once_and_only_where_something_needs_it() -> None:
    read: list[str] = []

    def secret() -> LakeSecret:
        read.append("read")
        return SECRET

    bare = replace(PLAIN, seeds=(), datasets=())
    assert with_keys({"bare": bare}, secret) == {"bare": bare}
    assert read == []
    with_keys({"guests": PLAIN, "bare": bare, "again": PLAIN}, secret)
    assert read == ["read"]


def test_nothing_shows_the_secret_or_a_key() -> None:
    said = f"{SECRET!r} {SECRET} {GUESTS!r} {BOOKINGS!r}"
    assert SECRET_TEXT.decode() not in said
    assert repr(SECRET.key_of("guests"))[2:-1] not in said
    with pytest.raises(SettingsError, match="has 5 characters, expected at least 32"):
        LakeSecret(" short ")


def test_rules_about_personal_columns_are_part_of_the_contract_of_a_file(tmp_path: Path) -> None:
    text = (FOLDER / "pipeline.toml").read_text()
    changed = _pipeline(tmp_path, text.replace('max_length = 40, pii = "drop"', 'max_length = 40, pii = "token"'))
    assert changed.dataset("bookings").contract_hash != PLAIN.dataset("bookings").contract_hash
    assert changed.dataset("visits").contract_hash == PLAIN.dataset("visits").contract_hash
    assert [column.name for column in stored_columns(BOOKINGS.columns)] == [
        *("booking_id", "email", "phone", "born_on", "room", "nights")
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('min = 0, pii = "drop"', 'min = 0, pii = "token"', "found 'token' on type decimal, expected it only on"),
        ('max_length = 40, pii = "drop"', 'pii = "hash"', "found 'hash', expected one of drop, token"),
        (
            '"booking_id", type = "int", min = 0',
            '"booking_id", type = "int", pii = "drop"',
            "expected one of the required",
        ),
        (
            'name = "guest", type = "string", pii = "token"',
            'name = "guest", type = "string", pii = "drop"',
            "gold sees no",
        ),
    ],
)
def test_a_contract_that_cannot_be_kept_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = (FOLDER / "pipeline.toml").read_text()
    assert old in text
    with pytest.raises(ContractError, match=message):
        _pipeline(tmp_path, text.replace(old, new))


def test_the_bytes_of_a_refused_file_with_personal_values_stay_in_bronze_alone() -> None:
    known = {"guests": GUESTS, "bare": replace(PLAIN, seeds=(), datasets=())}
    assert not keeps_original("guests", "bookings", "bronze/guests/bookings/b/a.csv", known)
    assert not keeps_original("_unknown", "_unknown", "bronze/guests/strange.bin", known)
    assert keeps_original("_unknown", "_unknown", "bronze/bare/strange.bin", known)
    assert keeps_original("_unknown", "_unknown", "bronze/nobody/strange.bin", known)


def _pipeline(folder: Path, text: str) -> Any:
    made = folder / "guests"
    (made / "seeds").mkdir(parents=True)
    (made / "pipeline.toml").write_text(text)
    (made / "seeds" / "members.csv").write_bytes((FOLDER / "seeds" / "members.csv").read_bytes())
    return load_pipeline(made)
