"""Both ways of reading give the same rows and the same refusals, whatever the input."""

import csv
import hashlib
import hmac
import io
import json
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.contract.load import load_pipeline
from lakehouse.contract.seeds import known_values
from lakehouse.parse import rows as rows_module
from lakehouse.parse.layout import layout_of
from lakehouse.parse.personal import stored_rows
from lakehouse.parse.reasons import FileRefusedError
from lakehouse.parse.records import open_records
from lakehouse.parse.rows import parse_block
from lakehouse.parse.source import Source
from tests.gate.odd_values import JSON_TOKENS, NUMBERS, TEXTS, TIMES
from tests.secret import SECRET, keyed

PIPELINE = load_pipeline(Path(__file__).parent / "pipelines" / "kinds")
GUESTS = keyed(load_pipeline(Path(__file__).parents[1] / "personal" / "pipelines" / "guests"))
LAYOUTS = {
    dataset.name: layout_of(dataset, known_values(dataset)) for dataset in (*PIPELINE.datasets, *GUESTS.datasets)
}
PLAIN = st.sampled_from(NUMBERS + TIMES + TEXTS)
JSON_RAW = st.sampled_from(JSON_TOKENS)
JSON_VALUE = st.one_of(PLAIN.map(lambda text: json.dumps(text, ensure_ascii=False)), PLAIN, JSON_RAW)
NAMES = [field.name for field in LAYOUTS["rows"].fields]
ODD_NAMES = ['"ID"', '"\\u0069d"', '"n "', '"unknown"', '"id"', '"n"', "id", '""']


def _good(draw: st.DrawFn, number: int) -> dict[str, str]:
    values = {"id": f'"r{number}"', "n": "1", "big": "2", "price": "3.50", "exact": '"4.5"', "cost": '"$5.00"'}
    values |= {"ratio": "0.5", "ok": "true", "day": '"2026-01-31"', "slash": '"2026/01/31"', "name": '"x"'}
    values |= {"signup": '"2026-01-31T10:11:12"', "at": '"2026-01-31T10:11:12Z"', "colour": '"red"'}
    for name in draw(st.lists(st.sampled_from(NAMES[1:]), max_size=4)):
        values.pop(name, None)
    return values


@st.composite
def json_records(draw: st.DrawFn) -> str:
    """A JSON object, right or wrong in up to three places."""
    values = [(f'"{name}"', value) for name, value in _good(draw, draw(st.integers(0, 99))).items()]
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(values) - 1))
        values[place] = (values[place][0], draw(JSON_VALUE))
    if draw(st.integers(0, 9)) == 0:
        values.insert(draw(st.integers(0, len(values))), (draw(st.sampled_from(ODD_NAMES)), draw(JSON_VALUE)))
    space = draw(st.sampled_from(["", "", " ", "\t", "\r"]))
    text = "{" + f",{space}".join(f"{name}:{space}{value}" for name, value in values) + "}"
    if draw(st.integers(0, 5)) == 0:
        start = draw(st.integers(0, len(text)))
        inserted = draw(
            st.sampled_from(["", "}", "{", '"', ",", "\n", "\r", " ", '{"id":"r1"}', "\x00", "x", "\ufeff", "\\"])
        )
        text = text[:start] + inserted + text[start + draw(st.integers(0, 3)) :]
    return text


@st.composite
def ndjson(draw: st.DrawFn) -> bytes:
    """An NDJSON file of a few records."""
    ends = st.sampled_from(["\n", "\n", "\n", "\r\n", " \n", "\n\n", "\n \n", "", "\r", "\u2028"])
    records = draw(st.lists(json_records(), min_size=1, max_size=6))
    return "".join(record + draw(ends) for record in records).encode()


@st.composite
def json_arrays(draw: st.DrawFn) -> bytes:
    """A JSON array of a few elements."""
    between = st.sampled_from([",", ",\n", "\n,\n  ", ",,", "", " , "])
    records = draw(st.lists(json_records(), min_size=1, max_size=6))
    body = records[0] + "".join(draw(between) + record for record in records[1:])
    return ("[" + body + draw(st.sampled_from(["]", "\n]\n", ",]", "", "]]", "] x"]))).encode()


CSV_RAW = st.sampled_from(
    ['""', '"a"', '"a""b"', 'a"b', '"a"b', '"a', "a,b", '"a,b"', '"a\nb"', '"a\r\nb"', "a\rb", "\ra", "", '"r7"']
)


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    """A CSV file with some of the columns, in any order."""
    names = draw(st.permutations(["id", *draw(st.lists(st.sampled_from(NAMES[1:]), max_size=4, unique=True))]))
    lines = [",".join(names)]
    for number in range(draw(st.integers(1, 6))):
        good = _good(draw, number)
        values = [good.get(name, "").strip('"') for name in names]
        for _ in range(draw(st.integers(0, 2))):
            values[draw(st.integers(0, len(values) - 1))] = draw(st.one_of(PLAIN, CSV_RAW))
        lines.append(",".join(values) + draw(st.sampled_from(["", "", "", "", ",", " "])))
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", "\r\r\n"]))
    return (end.join(lines) + draw(st.sampled_from(["", end]))).encode()


def _both(data: bytes, key: str, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "EXACT_RECORDS", 1)
    assert _outcome(data, key, dataset, fast=True) == _outcome(data, key, dataset, fast=False)


def _outcome(data: bytes, key: str, dataset: str, *, fast: bool) -> Any:
    layout = LAYOUTS[dataset]
    rows, refused, first = [], [], 0
    try:
        blocks, reader = open_records(Source(io.BytesIO(data)), key, layout)
        for block in blocks:
            parsed = parse_block(layout, reader, block, first, fast=fast)
            rows.append(stored_rows(layout, parsed.rows))
            refused += parsed.refused
            first += len(block)
    except FileRefusedError as error:
        return str(error)
    table = pa.Table.from_batches(rows, layout.silver_schema)
    table.validate(full=True)
    assert table.num_rows + len(refused) == first
    return table.to_pylist(), refused


SETTINGS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SETTINGS
@given(ndjson())
def test_ndjson(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    _both(data, "rows.ndjson", "rows", monkeypatch)


@SETTINGS
@given(json_arrays())
def test_json_arrays(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    _both(data, "rows.json", "rows", monkeypatch)


@SETTINGS
@given(csv_files())
def test_csv(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    _both(data, "rows.csv", "rows", monkeypatch)


CENT = Decimal("0.01")
KNOWN = ("g1", "g,2", "G1", "ü")


@st.composite
def sums(draw: st.DrawFn) -> list[dict[str, str]]:
    """Rows whose equations hold, or miss by a little; numbers near the limits of their types among them."""
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        n = draw(st.one_of(st.integers(-5, 5), st.integers(-(10**6), 2**31 - 1)))
        scale = draw(st.sampled_from([-2, -2, -4]))
        price = Decimal(draw(st.one_of(st.integers(-300, 300), st.integers(-(10**10), 10**10)))).scaleb(scale)
        big = draw(st.one_of(st.integers(-9, 9), st.sampled_from([2**63 - 1, -(2**63)])))
        with localcontext(prec=99):
            total = n * price + draw(st.sampled_from([Decimal(0)] * 3 + [CENT, -CENT, Decimal("0.001")]))
            rest = big + Decimal("2.5") * (n + 1) + draw(st.sampled_from([Decimal(0)] * 5 + [Decimal("1e-10")]))
        good = draw(st.sampled_from([*KNOWN, *KNOWN, "", "g2", "g1 "]))
        written = {"n": str(n), "price": f"{price:f}", "total": f"{total:f}", "rest": f"{rest:f}", "big": str(big)}
        rows.append(written | {"good": good})
    return rows


def _keeps_every_rule(row: dict[str, str], *, empty_is_null: bool) -> bool:
    """The same rules, worked out anew by Python's decimals."""
    n, price, total, rest, big = (Decimal(row[name]) for name in ("n", "price", "total", "rest", "big"))
    with localcontext(prec=99):
        fits = abs(total) < 10**10 and abs(price) < 10**8 and total == total.quantize(CENT) and abs(rest) < 10**28
        equal = total == n * price and rest - big == Decimal("2.5") * (n + 1)
    known = row["good"] in KNOWN or (empty_is_null and row["good"] == "")
    return n >= -(10**6) and fits and equal and known


@SETTINGS
@given(sums())
def test_equations_and_references(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, str]]) -> None:
    texts = ("rest", "good")
    objects = [
        "{" + ",".join(f'"{name}":{json.dumps(text) if name in texts else text}' for name, text in row.items()) + "}"
        for row in rows
    ]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for data, key, first_line in (("\n".join(objects), "sums.ndjson", 1), (table.getvalue(), "sums.csv", 2)):
        _both(data.encode(), key, "sums", monkeypatch)
        accepted, _ = _outcome(data.encode(), key, "sums", fast=True)
        right = [_keeps_every_rule(row, empty_is_null=key.endswith("csv")) for row in rows]
        assert [row["_line"] for row in accepted] == [n + first_line for n, keep in enumerate(right) if keep]


PERSONAL = {
    "email": ["a@b", "ä@b", "A@b", "a@b ", "none", ""],
    "guest_name": ["Zq", 'Zq, "Amy"', "", "Z" * 41],
    "phone": ["1", "-0", "0", "9223372036854775807", "01", "x", ""],
    "born_on": ["2001/02/28", "2001/02/29", "2021/01/01", "2001-02-28", ""],
    "income": ["1.50", "1.5", "-1", "x", ""],
}


@st.composite
def guests(draw: st.DrawFn) -> list[dict[str, str]]:
    """Bookings with personal values, right and wrong ones."""
    drawn = [{name: draw(st.sampled_from(texts)) for name, texts in PERSONAL.items()} for _ in range(4)]
    return [{"booking_id": str(number), **row, "room": "101", "nights": "1"} for number, row in enumerate(drawn)]


def _token(value: str) -> str:
    return hmac.new(SECRET.key_of("guests"), value.encode(), hashlib.sha256).hexdigest()


@SETTINGS
@given(guests())
def test_personal_columns(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, str]]) -> None:
    bare = ("booking_id", "phone", "income", "nights")
    objects = [
        "{"
        + ",".join(f'"{name}":{text if name in bare else json.dumps(text)}' for name, text in row.items() if text)
        + "}"
        for row in rows
    ]
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for data, key in (("\n".join(objects), "b.ndjson"), (table.getvalue(), "b.csv")):
        _both(data.encode(), key, "bookings", monkeypatch)
        accepted, refused = _outcome(data.encode(), key, "bookings", fast=True)
        assert {row.raw for row in refused} <= {None}
        for found in accepted:
            row = rows[found["booking_id"]]
            phone, born = str(int(row["phone"])) if row["phone"] else None, row["born_on"].replace("/", "-") or None
            assert found == {
                "booking_id": int(row["booking_id"]),
                "email": _token(row["email"]),
                "phone": phone and _token(phone),
                "born_on": born and _token(born),
                "room": "101",
                "nights": 1,
                "_line": found["_line"],
            }


@pytest.mark.parametrize("name", NAMES)
def test_every_value_in_every_column(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plain = NUMBERS + TIMES + TEXTS
    wholes = [*plain, *(json.dumps(text, ensure_ascii=False) for text in plain), *JSON_TOKENS]
    identity = "" if name == "id" else '"id":"r1",'
    records = [f'{{{identity}"{name}":{value}}}\n' for value in wholes]
    _both("".join(records).encode(), "rows.ndjson", "rows", monkeypatch)
    header, identity = ("id", "") if name == "id" else (f"id,{name}", "r1,")
    for quote in ("", '"'):
        lines = [f"{identity}{quote}{value}{quote}\n" for value in plain]
        _both(f"{header}\n{''.join(lines)}".encode(), "rows.csv", "rows", monkeypatch)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        (
            "rows.ndjson",
            b'{"id":"r1","n":1,"price":1.5,"day":"2026-01-31","at":"2026-01-31T10:11:12Z"}\r\n\n{"id":"r2"}\n',
        ),
        ("rows.json", b'[\n  {"id": "r1",\n   "price": 1.5, "cost": "$5.00"},\n  {"id": "r2"}\n]\n'),
        ("rows.csv", b'price,id,name\r\n1.50,r1,"a\r\n""b"""\r\n,r2,\r\n'),
        ("sums.csv", b"n,price,total,rest,big\n2,1.2550,2.51,7.5,0\n2,1,2,7.5,0\n"),
    ],
)
def test_good_records_go_the_fast_way(key: str, data: bytes) -> None:
    blocks, reader = open_records(Source(io.BytesIO(data)), key, LAYOUTS[key.partition(".")[0]])
    assert [reader.fast(block).num_rows for block in blocks] == [2]
