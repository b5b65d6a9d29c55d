"""A bronze file without one person's records: every other record stays byte for byte as it came."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Dataset
from lakehouse.erase.person import Person
from lakehouse.erase.rewrite import without

CONTRACT = """
name = "x"
title = "Title"
engine = "duckdb"

[datasets.people]
description = "People"
paths = ["people.{ext}"]
formats = ["ndjson", "json_array", "json_document", "csv"]
key = []
person = "who"
columns = [
  { name = "who", type = "string" },
  { name = "text", type = "string", required = false },
  { name = "n", type = "int", required = false },
]

[gold.result]
description = "Result"
key = ["who"]
columns = [{ name = "who", type = "string" }]
"""
ANN, FIVE = Person("ann-17", frozenset({"who"})), Person("5", frozenset({"who"}))
OWNERS = st.sampled_from(["ann-17", "ann-170", "xann-17", "Ann-17", "bob", 'a"b', ""])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
ROWS = st.lists(st.tuples(OWNERS, TEXTS), max_size=8)
SPACE = st.sampled_from([b"", b" ", b"\n", b"\n  ", b"\t"])


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder: Path = tmp_path_factory.mktemp("contract") / "x"
    folder.mkdir()
    (folder / "pipeline.toml").write_text(CONTRACT)
    return load_pipeline(folder).dataset("people")


def obj(row: tuple[str, str], ascii_only: bool = True) -> bytes:
    return json.dumps({"who": row[0], "text": row[1]}, ensure_ascii=ascii_only).encode()


@given(rows=ROWS, plain=st.booleans(), crlf=st.booleans(), open_end=st.booleans())
def test_lines_of_others_stay_as_they_are(
    people: Dataset, rows: list[tuple[str, str]], plain: bool, crlf: bool, open_end: bool
) -> None:
    end = b"\r\n" if crlf else b"\n"
    lines = [obj(row, plain) + end for row in rows]
    if lines and open_end:
        lines[-1] = lines[-1].removesuffix(end)
    found = without(b"".join(lines), "people.ndjson", people, ANN)
    kept = [line for row, line in zip(rows, lines, strict=True) if row[0] != "ann-17"]
    assert found.stored == b"".join(kept)
    assert found.removed == len(lines) - len(kept)


@given(rows=ROWS, spaces=st.lists(SPACE, min_size=20, max_size=20), wrapped=st.booleans())
def test_elements_of_others_stay_as_they_are(
    people: Dataset, rows: list[tuple[str, str]], spaces: list[bytes], wrapped: bool
) -> None:
    parts = [before + obj(row) + behind for row, before, behind in zip(rows, spaces, spaces[8:], strict=False)]
    head, tail = (b' {"rows" : [', b"] }\n") if wrapped else (b"\n[", b"]\n")
    found = without(head + b",".join(parts) + tail, "people.json", people, ANN)
    kept = [part for row, part in zip(rows, parts, strict=True) if row[0] != "ann-17"]
    assert found.stored == head + b",".join(kept) + tail
    assert found.removed == len(parts) - len(kept)


@given(rows=ROWS, crlf=st.booleans(), quoted=st.booleans(), zipped=st.booleans())
def test_csv_records_of_others_stay_as_they_are(
    people: Dataset, rows: list[tuple[str, str]], crlf: bool, quoted: bool, zipped: bool
) -> None:
    def written(row: tuple[str, ...]) -> bytes:
        stream = io.StringIO()
        style = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        csv.writer(stream, lineterminator="\r\n" if crlf else "\n", quoting=style).writerow(row)
        return stream.getvalue().encode()

    header = written(("text", "who"))
    records = [written((text, who)) for who, text in rows]
    content = header + b"".join(records)
    stored, name = (gzip.compress(content), "people.csv.gz") if zipped else (content, "people.csv")
    found = without(stored, name, people, ANN)
    kept = [one for (who, _), one in zip(rows, records, strict=True) if who != "ann-17"]
    expected = header + b"".join(kept)
    assert (gzip.decompress(found.stored) if zipped else found.stored) == expected
    assert found.removed == len(records) - len(kept)
    if not found.removed:
        assert found.stored == stored


OTHER = b'{"who": "bob", "text": "of ann-17"}\n'
THEIRS = {
    "an escape in the value": b'{"who": "ann\\u002d17"}\n',
    "an escape in the name": b'{"\\u0077ho": "ann-17"}\n',
    "a field twice": b'{"who": "bob", "who": "ann-17"}\n',
    "white space around it": b'{"who": " ann-17 "}\n',
    "the column is missing, another one holds it": b'{"hwo": "ann-17"}\n',
    "the column is null": b'{"who": null, "text": "ann-17"}\n',
    "the column is an object": b'{"who": {"id": "ann-17"}}\n',
    "no JSON": b'{"who": "ann-17", \n',
    "no UTF-8": b'{"who": "ann-17", "text": "\xff"}\n',
    "no object": b'["ann-17"]\n',
    "nested too deep to read": b'{"who": ' + b"[" * 100_000 + b'"ann-17"\n',
    "escaped, and the column is missing": b'{"hwo": "ann\\u002d17"}\n',
}


@pytest.mark.parametrize("line", THEIRS.values(), ids=THEIRS)
def test_a_refused_record_has_an_owner_too(people: Dataset, line: bytes) -> None:
    found = without(b"\xef\xbb\xbf" + OTHER + line + b"\n" + OTHER, "people.ndjson", people, ANN)
    assert (found.stored, found.removed) == (b"\xef\xbb\xbf" + OTHER + b"\n" + OTHER, 1)


@pytest.mark.parametrize("value", ["5", '"5"', '"05"', "5.0", '" 5"'])
def test_a_number_is_theirs_however_it_is_written(people: Dataset, value: str) -> None:
    lines = f'{{"who": {value}, "n": 1}}\n'.encode()
    other = b'{"who": 15, "n": 5, "text": "5"}\n{"who": "5a", "n": 5}\n'
    assert without(lines + other, "people.ndjson", people, FIVE).stored == other


@pytest.mark.parametrize("header", [b"whoo,text\n", b'who"x,text\n'])
def test_csv_without_the_column_goes_by_the_word(people: Dataset, header: bytes) -> None:
    content = header + b"ann-17,x\nann-170,x\n"
    assert without(content, "people.csv", people, ANN).stored == header + b"ann-170,x\n"


def test_csv_of_a_wrong_number_of_values_goes_by_the_word(people: Dataset) -> None:
    content = b"who,text\nx,ann-17,y\nx,y,z\n"
    assert without(content, "people.csv", people, ANN).stored == b"who,text\nx,y,z\n"


def test_a_document_of_one_object_may_be_all_theirs(people: Dataset) -> None:
    found = without(b'{\n  "who": "ann-17"\n}', "people.json", people, ANN)
    assert (found.stored, found.removed) == (b"", 1)


WHOLE = {
    "an array without its end": ("people.json", b'[{"who": "ann-17"}, {"who": "bob"}'),
    "a quote that never closes": ("people.csv", b'who,text\nbob,"ann-17\n'),
    "behind the end of the array": ("people.json", b'[{"who": "bob"}] ann-17'),
    "UTF-16": ("people.ndjson", '{"who": "ann-17"}'.encode("utf-16")),
    "a truncated gzip": ("people.ndjson.gz", gzip.compress(b'{"who": "ann-17"}\n' * 9000)[:-20]),
    "gzip by content alone": ("people.ndjson", gzip.compress(b'{"who": "ann-17"}\n')),
}


@pytest.mark.parametrize(("name", "content"), WHOLE.values(), ids=WHOLE)
def test_a_file_whose_records_cannot_be_told_apart_goes_whole(people: Dataset, name: str, content: bytes) -> None:
    found = without(content, name, people, ANN)
    assert (found.whole, found.touched, found.stored) == (True, True, content)
    other = Person("somebody", frozenset({"who"}))
    assert not without(content, name, people, other).touched


def test_what_fits_no_contract_goes_whole_and_what_has_no_owners_stays(people: Dataset) -> None:
    assert without(OTHER, "people.ndjson", None, ANN).whole
    assert not without(b'{"who": "ann-17"}\n', "people.ndjson", replace(people, person=None), ANN).touched


def test_traces_are_texts_of_theirs_that_no_other_record_holds(people: Dataset) -> None:
    lines = b"".join(
        obj(row) + b"\n"
        for row in (("ann-17", "12 Long Street"), ("ann-17", "Shared Road 1"), ("bob", "Shared Road 1"))
    )
    assert without(lines, "people.ndjson", people, ANN).traces == {"12 Long Street"}
