"""Which version of an object is written anew next, and which bytes speak of a person."""

import gzip
import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.contract.model import Place
from lakehouse.erase.bronze import BronzeObject, Held, to_rewrite
from lakehouse.erase.mentions import mentions, speaks
from lakehouse.erase.person import Person
from lakehouse.erase.stored import Version
from lakehouse.errors import ErasureError
from lakehouse.ledger.items import SlotState

ANN, FIVE = Person("ann-17", frozenset({"who"})), Person("5", frozenset({"who"}))
PLACE = Place("x", "people", "b", "bronze/x/people.json", "slot")


def version(name: str) -> Version:
    return Version(PLACE.key, name, f'"{name}"', 1, datetime(2026, 1, 1, tzinfo=UTC), True)


def bronze(held: dict[str, bool], *others: str, newest: str = "new") -> BronzeObject:
    """`held`: versions that hold the person, and whether they go whole."""
    found = {name: Held(version(name), 1, whole, "sha") for name, whole in held.items()}
    return BronzeObject(PLACE, None, version(newest), found, {one: version(one) for one in others}, frozenset())


def slot(in_force: str | None) -> SlotState:
    return SlotState(
        "x", "people", "b", PLACE.key, "slot", 2, "new", "", "", "refused", "f", "", in_force_version_id=in_force
    )


CASES: dict[str, tuple[BronzeObject, SlotState | None, str | None]] = {
    "the newest holds the person": (bronze({"new": False}), slot("new"), "new"),
    "it was refused, and the one in force holds the person too": (
        bronze({"new": False, "old": False}),
        slot("old"),
        "new",
    ),
    "only the one in force does": (bronze({"old": False}, "new"), slot("old"), "old"),
    "only former ones do": (bronze({"old": False}, "new"), slot("new"), None),
    "the newest goes whole, and an older one is in force": (bronze({"new": True}, "old"), slot("old"), "old"),
    "both hold the person, the newest goes whole": (bronze({"new": True, "old": False}), slot("old"), "old"),
    "it goes whole, and nothing is in force": (bronze({"new": True}), slot(None), None),
    "the ledger knows nothing of it": (bronze({"new": True}), None, None),
}


@pytest.mark.parametrize(("one", "state", "expected"), CASES.values(), ids=CASES)
def test_what_is_written_anew_next(one: BronzeObject, state: SlotState | None, expected: str | None) -> None:
    found = to_rewrite(one, state)
    assert (found and found.version_id) == expected
    assert one.goes_whole(state) == (expected is None and bool(one.held.get("new")))


@pytest.mark.parametrize("one", [bronze({"new": True}), bronze({"new": True, "old": True})])
def test_what_is_in_force_must_be_there_and_have_records(one: BronzeObject) -> None:
    with pytest.raises(ErasureError, match="put a corrected file"):
        to_rewrite(one, slot("old"))


def parquet(column: pa.Array, name: str = "who", **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table({name: column}), stream, **options)
    return stream.getvalue()


TEXTS = pa.array(["bob", "ann-17", None])
SPEAK: dict[str, tuple[str, bytes, Person]] = {
    "text": ("a.txt", b"of ann-17.", ANN),
    "gzip": ("a.ndjson.gz", gzip.compress(b'{"who":"ann-17"}'), ANN),
    "a damaged gzip": ("a.gz", gzip.compress(b"ann-17 " + b"x" * 99)[:-8], ANN),
    "UTF-16": ("a.csv", "who\r\nann-17".encode("utf-16"), ANN),
    "an escape in JSON": ("a.json", b'{"who":\n "ann\\u002d17"}', ANN),
    "an escape in a line of JSON": ("a.ndjson", b'{"n": 1}\n{"who": "ann\\u002d17"}\n', ANN),
    "a column of Parquet": ("a.parquet", parquet(TEXTS, compression="zstd", write_statistics=False), ANN),
    "a dictionary of Parquet": ("a.parquet", parquet(TEXTS.dictionary_encode(), write_statistics=False), ANN),
    "another column of Parquet": ("a.parquet", parquet(pa.array(["to ann-17"]), "note"), ANN),
    "inside a list": ("a.parquet", parquet(pa.array([[{"id": "ann-17"}]]), "people"), ANN),
    "a number in its column of Parquet": ("a.parquet", parquet(pa.array([4, 5], pa.int32())), FIVE),
    "a number in its column of CSV": ("a.csv", b"n,who\n1,5\n", FIVE),
    "a number beside its name": ("a.log", b'found {"who": 5, "n": 6}', FIVE),
    "a number beside its name, quoted twice": ("a.log", json.dumps('{"who": "5"}').encode(), FIVE),
    "a trace": ("a.txt", b"12 Long Str\xc3\xa8t", Person("ann-17", frozenset(), frozenset({"Long Strèt"}))),
    "a trace in JSON": ("a.json", b'"12 Long Str\\u00e8t"', Person("ann-17", frozenset(), frozenset({"Long Strèt"}))),
}
SILENT: dict[str, tuple[str, bytes, Person]] = {
    "a longer word": ("a.txt", b"ann-170 xann-17 ann-17_", ANN),
    "a longer word in Parquet": ("a.parquet", parquet(pa.array(["ann-170"])), ANN),
    "a number elsewhere": ("a.csv", b"n,who\n5,15\n", FIVE),
    "a number in another column of Parquet": ("a.parquet", parquet(pa.array([5], pa.int32()), "n"), FIVE),
    "a number beside another name": ("a.log", b'{"n": 5, "who": 15, "whom": 5}', FIVE),
}


@pytest.mark.parametrize(("name", "data", "person"), SPEAK.values(), ids=SPEAK)
def test_what_speaks_of_a_person(name: str, data: bytes, person: Person) -> None:
    assert mentions(data, name, person)


@pytest.mark.parametrize(("name", "data", "person"), SILENT.values(), ids=SILENT)
def test_what_does_not(name: str, data: bytes, person: Person) -> None:
    assert not mentions(data, name, person)


def test_statistics_speak_where_the_rows_are_others() -> None:
    """A writer may keep statistics of rows that it left out: the footer is looked at by itself."""
    data = parquet(pa.array(["ann-17", "ann-17"]), compression="none", use_dictionary=False)
    others = data.replace(b"\x06\0\0\0ann-17", b"\x06\0\0\0bob-00")
    assert pq.read_table(io.BytesIO(others)).to_pylist() == [{"who": "bob-00"}, {"who": "bob-00"}]
    assert mentions(others, "a.parquet", ANN)


def test_an_item_of_the_ledger_speaks() -> None:
    assert speaks({"message": {"S": "found 'ann-17', expected"}}, ANN)
    assert not speaks({"message": {"S": "found 'ann-170', expected"}}, ANN)
