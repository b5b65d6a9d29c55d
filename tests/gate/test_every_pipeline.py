"""Every rule for bad input holds in every dataset of every pipeline, in each of its formats.

Files are made from the contracts, so a new pipeline is tested as soon as its folder is there.
"""

import dataclasses
import gzip
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Dataset
from lakehouse.contract.personal import has_personal, stored_columns
from lakehouse.parse import rows as rows_module
from tests.gate.bad_values import Bad, bad_csv, bad_json
from tests.gate.good_rows import ENDINGS, csv_record, fields_of, file_of, good_file, good_row, json_record, quoted
from tests.gate.judging import Judged, judge_bytes

CASES = [
    (dataset, form)
    for pipeline in pipelines().values()
    for dataset in pipeline.datasets
    for form in (*dataset.formats, *(f"{form}.gz" for form in dataset.formats[:1]))
]
IDS = [f"{dataset.pipeline}-{dataset.name}-{form}" for dataset, form in CASES]
EVERY = pytest.mark.parametrize(("dataset", "form"), CASES, ids=IDS)
UNPACKED = pytest.mark.parametrize(
    ("dataset", "form"),
    [case for case in CASES if not case[1].endswith(".gz")],
    ids=[name for name in IDS if not name.endswith(".gz")],
)
BREAKS_ARRAYS = ('"open',)
"""Wrong values that cost an array, not an element."""


def _judged(data: bytes, form: str, dataset: Dataset, folder: Path) -> Judged:
    name, _, packed = form.partition(".")
    return judge_bytes(
        gzip.compress(data) if packed else data, f"file.{ENDINGS[name]}{'.gz' * bool(packed)}", dataset, folder
    )


@EVERY
def test_right_rows_are_accepted(dataset: Dataset, form: str, tmp_path: Path) -> None:
    result = _judged(good_file(form.removesuffix(".gz"), dataset, 40), form, dataset, tmp_path)
    assert (result.judgement.verdict, result.judgement.rows_accepted, result.refused) == ("accepted", 40, [])
    assert [row["_line"] for row in result.rows] == list(range(2, 42))


def _record(form: str, dataset: Dataset, number: int, bad: Bad | None = None) -> str:
    row = good_row(dataset, number)
    if form == "csv":
        return csv_record(row, **({bad.column: quoted(str(bad.text))} if bad else {}))
    return json_record(dataset, row, **({bad.column: bad.text} if bad else {}))


def _bad_records(form: str, dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Wrong records with their reason, and a title."""
    for field in fields_of(dataset).values():
        for bad in (bad_csv if form == "csv" else bad_json)(field):
            if bad.text not in BREAKS_ARRAYS or form == "ndjson":
                yield _record(form, dataset, 0, bad), bad.reason, bad.title
    good, first = _record(form, dataset, 0), dataset.columns[0].name
    if form == "csv":
        yield good.rpartition(",")[0], "wrong_field_count", "a value too few"
        yield good + ",1", "wrong_field_count", "a value too many"
        yield 'a"b' + good, "bad_quote", "a quote inside a value"
        yield '"a"b' + good, "bad_quote", "text behind a quote"
        yield "a\rb" + good, "stray_carriage_return", "a carriage return inside a value"
        yield "  ", "wrong_field_count", "white space"
        return
    yield "hello", "invalid_json", "no JSON"
    yield "5", "not_an_object", "a number for a row"
    yield '["a"]', "not_an_object", "an array for a row"
    yield "{}", "missing_field", "an empty object"
    yield good + good, "more_than_one_value", "two values in one place"
    yield good + " x", "trailing_garbage", "garbage behind the value"
    yield good[:-1] + f', "{first}": 1}}', "duplicate_field", "a field twice"
    yield good[:-1] + ', "extra": 1}', "unknown_field", "an unknown field"
    yield good.replace(f'"{first}"', f'"{first.upper()}"', 1), "unknown_field", "a name in another case"


@UNPACKED
def test_every_wrong_record_is_refused_with_its_reason(
    dataset: Dataset, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file with every wrong record, each between right ones, read both ways."""
    dataset = dataclasses.replace(dataset, max_bad_share=Decimal(1))
    wrong = list(_bad_records(form, dataset))
    records = [_record(form, dataset, 0)]
    for number, (record, _, _) in enumerate(wrong, 1):
        records += [record, _record(form, dataset, number)]
    data = file_of(form, dataset, records)
    result = _judged(data, form, dataset, tmp_path)
    found = dict(result.reasons)
    lines = range(3, 3 + 2 * len(wrong), 2)
    assert [(line, found.get(line), title) for line, (_, _, title) in zip(lines, wrong, strict=True)] == [
        (line, reason, title) for line, (_, reason, title) in zip(lines, wrong, strict=True)
    ]
    assert len(result.refused) == len(wrong)
    assert [row["_line"] for row in result.rows] == list(range(2, 3 + 2 * len(wrong), 2))
    # In an array the space around an element is outside of it. Where values may be personal, nothing is quoted.
    kept = str if form in ("csv", "ndjson") else str.strip
    quotes = [None if has_personal(dataset.columns) else kept(record) for record, _, _ in wrong]
    assert [row.get("raw") for row in result.refused] == quotes
    monkeypatch.setattr(rows_module, "EXACT_RECORDS", 1)
    again = _judged(data, form, dataset, tmp_path)
    assert (again.rows, again.refused) == (result.rows, result.refused)


@EVERY
def test_repeated_rows_count_where_rows_have_no_key(dataset: Dataset, form: str, tmp_path: Path) -> None:
    form, packed, _ = form.partition(".")
    records = [_record(form, dataset, number) for number in range(20)]
    result = _judged(file_of(form, dataset, [*records, records[3]]), form + packed, dataset, tmp_path)
    assert result.judgement.verdict == "accepted"
    assert (result.judgement.rows_accepted, result.judgement.rows_duplicate) == (20, 1) if dataset.key else (21, 0)


@UNPACKED
def test_one_key_with_two_contents_refuses_both(dataset: Dataset, form: str, tmp_path: Path) -> None:
    here, there = good_row(dataset, 7), good_row(dataset, 8)
    stored = stored_columns(dataset.columns)
    texts = (column.name for column in stored if column.type == "string" and column.name not in dataset.key)
    other = next((name for name in texts if here[name] != there[name]), dataset.columns[0].name)
    records = [_record(form, dataset, number) for number in range(30)]
    twin = {**here, other: there[other]}
    records.append(csv_record(twin) if form == "csv" else json_record(dataset, twin))
    result = _judged(file_of(form, dataset, records), form, dataset, tmp_path)
    assert result.judgement.verdict == "accepted"
    assert result.reasons == ([(9, "conflicting_key"), (32, "conflicting_key")] if dataset.key else [])


def test_rows_that_differ_in_a_dropped_value_alone_are_one_row(tmp_path: Path) -> None:
    """What is dropped says nothing behind the gate, and nothing about conflicts either."""
    dataset = pipelines()["shipping"].datasets[0]
    (dropped, *_) = (column.name for column in dataset.columns if column.pii == "drop")
    row = good_row(dataset, 7)
    records = [json_record(dataset, row), json_record(dataset, {**row, dropped: good_row(dataset, 8)[dropped]})]
    judgement = _judged(file_of("ndjson", dataset, records), "ndjson", dataset, tmp_path).judgement
    assert (judgement.rows_accepted, judgement.rows_duplicate, judgement.rows_quarantined) == (1, 1, 0)


@UNPACKED
def test_more_bad_rows_than_the_share_refuse_the_file(dataset: Dataset, form: str, tmp_path: Path) -> None:
    allowed = int(dataset.max_bad_share * 20)
    for bad, verdict in ((allowed, "accepted"), (allowed + 1, "refused"))[: 2 if allowed < 20 else 1]:
        records = [_record(form, dataset, number) for number in range(20 - bad)] + ["nonsense"] * bad
        judgement = _judged(file_of(form, dataset, records), form, dataset, tmp_path).judgement
        assert (judgement.verdict, judgement.rows_quarantined) == (verdict, bad)
        assert judgement.reason == (None if verdict == "accepted" else "too_many_bad_rows")


Make = Callable[[bytes, str, Dataset], bytes]
PACKED: list[tuple[str, Make, str]] = [
    ("gzip without its end", lambda data, form, dataset: gzip.compress(data)[:-9], "truncated_gzip"),
    ("gzip with a wrong check sum", lambda data, form, dataset: gzip.compress(data)[:-8] + b"\0" * 8, "corrupt_gzip"),
    ("gzip of gzip", lambda data, form, dataset: gzip.compress(gzip.compress(data)), "nested_gzip"),
    ("gzip of nothing", lambda data, form, dataset: gzip.compress(b""), "empty_file"),
    ("no gzip", lambda data, form, dataset: data, "content_contradicts_name"),
]
PLAIN: list[tuple[str, Make, str]] = [
    ("nothing", lambda data, form, dataset: b"", "empty_file"),
    ("white space", lambda data, form, dataset: b" \r\n\t\n", "no_rows"),
    ("a byte order mark alone", lambda data, form, dataset: b"\xef\xbb\xbf", "no_rows"),
    ("UTF-16", lambda data, form, dataset: data.decode().encode("utf-16"), "utf16"),
    ("UTF-32", lambda data, form, dataset: data.decode().encode("utf-32"), "utf32"),
    ("a byte of Latin-1", lambda data, form, dataset: data.replace(b"1", b"1\xe9", 1), "not_utf8"),
    ("gzip under another name", lambda data, form, dataset: gzip.compress(data), "content_contradicts_name"),
    ("Parquet", lambda data, form, dataset: b"PAR1" + data, "content_contradicts_name"),
    ("a zip", lambda data, form, dataset: b"PK\x03\x04" + data, "content_contradicts_name"),
    (
        "another format",
        lambda data, form, dataset: b'{"a":1}\n' if form == "csv" else b",".join(_names(dataset)) + b"\n1\n",
        "content_contradicts_name",
    ),
]
JSON: list[tuple[str, Make, str]] = [
    ("a value cut", lambda data, form, dataset: data.rstrip(b"\n]}"), "truncated_json"),
    ("a value cut inside a text", lambda data, form, dataset: data[: data.rindex(b'"')], "truncated_json"),
]
ARRAY: list[tuple[str, Make, str]] = [
    ("no bracket at the end", lambda data, form, dataset: data.rstrip(b"\n]"), "truncated_json"),
    ("nothing in the array", lambda data, form, dataset: b"[\n]\n", "no_rows"),
    ("a second array", lambda data, form, dataset: data + data, "content_after_end"),
    ("a brace too many", lambda data, form, dataset: data.replace(b"}", b"}}", 1), "broken_json"),
]
CSV: list[tuple[str, Make, str]] = [
    ("a header alone", lambda data, form, dataset: data.partition(b"\n")[0], "no_rows"),
    ("no header", lambda data, form, dataset: data.partition(b"\n")[2], "header_missing_columns"),
    ("a header in capitals", lambda data, form, dataset: _header(data, bytes.upper), "header_missing_columns"),
    ("a space in the header", lambda data, form, dataset: data.replace(b",", b", ", 1), "header_missing_columns"),
    ("semicolons", lambda data, form, dataset: data.replace(b",", b";"), "header_missing_columns"),
    ("a further column", lambda data, form, dataset: data.replace(b"\n", b",x\n"), "header_unknown_columns"),
    ("a nameless column", lambda data, form, dataset: data.replace(b"\n", b",\n"), "header_unknown_columns"),
    ("a column twice", lambda data, form, dataset: _names(dataset)[0] + b"," + data, "header_duplicate_columns"),
    ("a quote that never closes", lambda data, form, dataset: data + b'"', "unclosed_quote"),
    ("a broken header", lambda data, form, dataset: b'"a"b,' + data, "header_broken"),
]


def _names(dataset: Dataset) -> list[bytes]:
    return [column.name.encode() for column in dataset.columns]


def _header(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    head, feed, rest = data.partition(b"\n")
    return change(head) + feed + rest


def _files(form: str) -> list[tuple[str, Make, str]]:
    if form.endswith(".gz"):
        return PACKED
    return PLAIN + (CSV if form == "csv" else JSON + (ARRAY if form != "ndjson" else []))


@pytest.mark.parametrize(
    ("dataset", "form", "make", "reason"),
    [(dataset, form, make, reason) for dataset, form in CASES for _, make, reason in _files(form)],
    ids=[f"{name}-{title}" for name, (_, form) in zip(IDS, CASES, strict=True) for title, _, _ in _files(form)],
)
def test_wrong_file_is_refused_with_its_reason(
    dataset: Dataset, form: str, make: Make, reason: str, tmp_path: Path
) -> None:
    name, _, packed = form.partition(".")
    data = make(good_file(name, dataset, 5), name, dataset)
    judgement = judge_bytes(data, f"file.{ENDINGS[name]}{'.gz' * bool(packed)}", dataset, tmp_path).judgement
    assert (judgement.verdict, judgement.reason, judgement.rows_accepted) == ("refused", reason, 0)


@EVERY
def test_content_beyond_the_limit_is_refused(dataset: Dataset, form: str, tmp_path: Path) -> None:
    small = dataclasses.replace(dataset, max_bytes=300)
    judgement = _judged(good_file(form.removesuffix(".gz"), dataset, 50), form, small, tmp_path).judgement
    assert (judgement.verdict, judgement.reason) == ("refused", "expands_beyond_limit")


@UNPACKED
def test_byte_order_mark_carriage_returns_and_blank_lines_are_harmless(
    dataset: Dataset, form: str, tmp_path: Path
) -> None:
    data = b"\xef\xbb\xbf" + good_file(form, dataset, 5).replace(b"\n", b"\r\n\r\n")
    result = _judged(data, form, dataset, tmp_path)
    assert (result.judgement.verdict, result.judgement.rows_accepted) == ("accepted", 5)
    assert [row["_line"] for row in result.rows] == [3, 5, 7, 9, 11]


@pytest.mark.parametrize(
    ("dataset", "form"),
    [(dataset, form) for dataset, form in CASES if form not in dataset.formats[:1]],
    ids=lambda value: value if isinstance(value, str) else f"{value.pipeline}-{value.name}",
)
def test_format_that_the_contract_lacks_is_refused(dataset: Dataset, form: str, tmp_path: Path) -> None:
    form = form.removesuffix(".gz")
    others = tuple(other for other in ("ndjson", "csv") if other != form and form != "json_document")
    only = dataclasses.replace(dataset, formats=others[:1] or ("csv",))
    judgement = _judged(good_file(form, dataset, 5), form, only, tmp_path).judgement
    assert (judgement.verdict, judgement.reason) == ("refused", "format_not_allowed")
