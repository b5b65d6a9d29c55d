"""Rows that the gate refuses, each between two good ones, and rows that look odd and are right."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.gate.judging import Judge

DEEP = b"[" * 1000 + b"]" * 1000
JSON_CASES: list[tuple[str, bytes, str, str | None]] = [
    ("not JSON at all", b"hello", "invalid_json", None),
    ("an unclosed object", b'{"id":"r2"', "invalid_json", None),
    ("an unclosed string", b'{"id":"r2}', "invalid_json", None),
    ("a trailing comma", b'{"id":"r2",}', "invalid_json", None),
    ("a comment", b'{"id":"r2"/*c*/}', "invalid_json", None),
    ("a comment line", b"// comment", "invalid_json", None),
    ("single quotes", b"{'id':'r2'}", "invalid_json", None),
    ("a name without quotes", b'{id:"r2"}', "invalid_json", None),
    ("a raw control character", b'{"id":"r2","name":"a\x01b"}', "invalid_json", None),
    ("a raw tab in a text", b'{"id":"r2","name":"a\tb"}', "invalid_json", None),
    ("a raw NUL", b'{"id":"r2","name":"a\x00b"}', "invalid_json", None),
    ("an unknown escape", b'{"id":"r2","name":"\\x41"}', "invalid_json", None),
    ("a byte order mark inside the file", b'\xef\xbb\xbf{"id":"r2"}', "invalid_json", None),
    ("leading zeros", b'{"id":"r2","n":007}', "invalid_json", None),
    ("a plus sign", b'{"id":"r2","n":+7}', "invalid_json", None),
    ("a hexadecimal number", b'{"id":"r2","n":0x10}', "invalid_json", None),
    ("True with a capital", b'{"id":"r2","ok":True}', "invalid_json", None),
    ("an array for a row", b'["r2"]', "not_an_object", None),
    ("a text for a row", b'"r2"', "not_an_object", None),
    ("a number for a row", b"5", "not_an_object", None),
    ("null for a row", b"null", "not_an_object", None),
    ("two values on one line", b'{"id":"r2"}{"id":"r4"}', "more_than_one_value", None),
    ("two values with a space between", b'{"id":"r2"} {"id":"r4"}', "more_than_one_value", None),
    ("two values with a carriage return between", b'{"id":"r2"}\r{"id":"r4"}', "more_than_one_value", None),
    ("a comma after the value", b'{"id":"r2"},', "trailing_garbage", None),
    ("a further closing brace", b'{"id":"r2"}}', "trailing_garbage", None),
    ("garbage after the value", b'{"id":"r2"} garbage', "trailing_garbage", None),
    ("NaN", b'{"id":"r2","ratio":NaN}', "not_finite", None),
    ("Infinity", b'{"id":"r2","ratio":Infinity}', "not_finite", None),
    ("minus Infinity for a decimal", b'{"id":"r2","price":-Infinity}', "not_finite", None),
    ("nesting of 65", b'{"id":"r2","name":' + b"[" * 64 + b"]" * 64 + b"}", "nested_too_deep", None),
    ("nesting of 1000", b'{"id":"r2","name":' + DEEP + b"}", "nested_too_deep", None),
    ("nesting of 200,000 without an end", b"[" * 200_000, "nested_too_deep", None),
    ("a duplicate field", b'{"id":"r2","n":1,"n":1}', "duplicate_field", None),
    ("a duplicate field by an escape", b'{"id":"r2","n":1,"\\u006e":2}', "duplicate_field", None),
    ("a duplicate field deep inside", b'{"id":"r2","name":{"a":1,"a":1}}', "duplicate_field", None),
    ("an unknown field", b'{"id":"r2","extra":1}', "unknown_field", None),
    ("a name in another case", b'{"ID":"r2"}', "unknown_field", None),
    ("a missing field", b'{"n":1}', "missing_field", "id"),
    ("a null in a required column", b'{"id":null}', "null_value", "id"),
    ("text for an integer", b'{"id":"r2","n":"5"}', "wrong_type", "n"),
    ("1.5 for an integer", b'{"id":"r2","n":1.5}', "wrong_type", "n"),
    ("1.0 for an integer", b'{"id":"r2","n":1.0}', "wrong_type", "n"),
    ("1E2 for an integer", b'{"id":"r2","n":1E2}', "wrong_type", "n"),
    ("true for an integer", b'{"id":"r2","n":true}', "wrong_type", "n"),
    ("an object for an integer", b'{"id":"r2","n":{}}', "wrong_type", "n"),
    ("a number for a text", b'{"id":"r2","name":12345678901234567890.12}', "wrong_type", "name"),
    ("an array for a text", b'{"id":"r2","name":[]}', "wrong_type", "name"),
    ("text for a decimal", b'{"id":"r2","price":"12.50"}', "wrong_type", "price"),
    ("a number for a decimal as text", b'{"id":"r2","exact":12.50}', "wrong_type", "exact"),
    ("an exponent in a decimal as text", b'{"id":"r2","exact":"1E2"}', "wrong_type", "exact"),
    ("a comma in a decimal as text", b'{"id":"r2","exact":"1,5"}', "wrong_type", "exact"),
    ("a currency without its sign", b'{"id":"r2","cost":"5.00"}', "bad_format", "cost"),
    ("a currency with commas astray", b'{"id":"r2","cost":"$1,23.45"}', "bad_format", "cost"),
    ("another currency", b'{"id":"r2","cost":"\xe2\x82\xac5.00"}', "bad_format", "cost"),
    ("a number for a currency", b'{"id":"r2","cost":5.00}', "wrong_type", "cost"),
    ("text for a boolean", b'{"id":"r2","ok":"true"}', "wrong_type", "ok"),
    ("0 for a boolean", b'{"id":"r2","ok":0}', "wrong_type", "ok"),
    ("text for a double", b'{"id":"r2","ratio":"0.5"}', "wrong_type", "ratio"),
    ("epoch milliseconds for a timestamp", b'{"id":"r2","at":1769868672000}', "wrong_type", "at"),
    ("32 bits overflow", b'{"id":"r2","n":2147483648}', "number_out_of_range", "n"),
    ("64 bits overflow", b'{"id":"r2","big":9223372036854775808}', "number_out_of_range", "big"),
    ("an integer of 5000 digits", b'{"id":"r2","big":' + b"9" * 5000 + b"}", "number_out_of_range", "big"),
    ("1e400", b'{"id":"r2","ratio":1e400}', "number_out_of_range", "ratio"),
    ("1e400 for a decimal", b'{"id":"r2","price":1e400}', "number_out_of_range", "price"),
    ("an absurd exponent", b'{"id":"r2","price":1e99999999999999999999}', "number_out_of_range", "price"),
    ("a decimal with too many digits", b'{"id":"r2","price":12345678901.00}', "number_out_of_range", "price"),
    ("a decimal with too many places", b'{"id":"r2","price":1.005}', "too_many_decimals", "price"),
    ("a decimal between two floats", b'{"id":"r2","price":1.00000000000000000001}', "too_many_decimals", "price"),
    ("a time for a timestamp", b'{"id":"r2","at":"10:30"}', "bad_format", "at"),
    ("epoch seconds as text", b'{"id":"r2","at":"99999"}', "bad_format", "at"),
    ("a date for a timestamp", b'{"id":"r2","at":"2026-01-31"}', "bad_format", "at"),
    ("a space for the T", b'{"id":"r2","at":"2026-01-31 10:11:12"}', "bad_format", "at"),
    ("seven digits of a second", b'{"id":"r2","at":"2026-01-31T10:11:12.1234567"}', "bad_format", "at"),
    ("hour 24", b'{"id":"r2","at":"2026-01-31T24:00:00"}', "bad_format", "at"),
    ("a leap second", b'{"id":"r2","at":"2016-12-31T23:59:60"}', "bad_format", "at"),
    ("30 February", b'{"id":"r2","at":"2026-02-30T00:00:00"}', "bad_format", "at"),
    ("a zone without a colon", b'{"id":"r2","at":"2026-01-31T10:11:12+0530"}', "bad_format", "at"),
    ("year 0", b'{"id":"r2","at":"0000-01-01T00:00:00"}', "bad_format", "at"),
    ("a year past 9999 by its zone", b'{"id":"r2","at":"9999-12-31T23:59:59-01:00"}', "bad_format", "at"),
    ("another date format", b'{"id":"r2","day":"2026/01/31"}', "bad_format", "day"),
    ("a date with a time", b'{"id":"r2","day":"2026-01-31T00:00:00"}', "bad_format", "day"),
    ("a date without zeros", b'{"id":"r2","day":"2026-1-31"}', "bad_format", "day"),
    ("29 February of no leap year", b'{"id":"r2","slash":"2026/02/29"}', "bad_format", "slash"),
    ("dashes for slashes", b'{"id":"r2","slash":"2026-01-31"}', "bad_format", "slash"),
    ("an escaped NUL", b'{"id":"r2","name":"a\\u0000b"}', "nul_character", "name"),
    ("a lone high surrogate", b'{"id":"r2","name":"\\ud800"}', "lone_surrogate", "name"),
    ("a lone low surrogate", b'{"id":"r2","name":"\\udc00"}', "lone_surrogate", "name"),
    ("surrogates the wrong way round", b'{"id":"r2","name":"\\ude00\\ud83d"}', "lone_surrogate", "name"),
    ("a text too long", b'{"id":"r2","name":"01234567890"}', "too_long", "name"),
    ("a text of 5 MB", b'{"id":"r2","name":"' + b"x" * 5_000_000 + b'"}', "too_long", "name"),
    ("a pattern that matches a part", b'{"id":"r2x"}', "pattern_mismatch", "id"),
    ("a pattern and a line feed", b'{"id":"r2\\n"}', "pattern_mismatch", "id"),
    ("digits of another script", '{"id":"r٢"}'.encode(), "pattern_mismatch", "id"),
    ("a value of no list", b'{"id":"r2","colour":"blue"}', "not_in_values", "colour"),
    ("a value in another case", b'{"id":"r2","colour":"Red"}', "not_in_values", "colour"),
    ("below the least", b'{"id":"r2","n":-101}', "below_min", "n"),
    ("above the most", b'{"id":"r2","n":2000000001}', "above_max", "n"),
    ("a date before the first", b'{"id":"r2","day":"1999-12-31"}', "below_min", "day"),
    ("a date after the last", b'{"id":"r2","day":"2100-01-01"}', "above_max", "day"),
    ("the first moment after the range", b'{"id":"r2","seen":"2100-01-01T00:00:00"}', "above_max", "seen"),
]
CSV_CASES: list[tuple[str, bytes, str, str | None]] = [
    ("too few values", b"r2,1", "wrong_field_count", None),
    ("too many values", b"r2,1,2.00,x,y", "wrong_field_count", None),
    ("a missing required value", b",1,2.00,x", "null_value", "id"),
    ("a quote inside a value", b'r2,1,2.00,a"b', "bad_quote", None),
    ("text behind a closing quote", b'r2,1,2.00,"a"b', "bad_quote", None),
    ("a carriage return inside a value", b"r2,1,2.00,a\rb", "stray_carriage_return", None),
    ("a carriage return before a record", b"\rr2,1,2.00,x", "stray_carriage_return", None),
    ("a NUL", b"r2,1,2.00,a\x00b", "nul_character", "name"),
    ("1.0 for an integer", b"r2,1.0,2.00,x", "wrong_type", "n"),
    ("a space before an integer", b"r2, 1,2.00,x", "wrong_type", "n"),
    ("leading zeros", b"r2,007,2.00,x", "wrong_type", "n"),
    ("an exponent for an integer", b"r2,1E2,2.00,x", "wrong_type", "n"),
    ("an exponent for a decimal", b"r2,1,1E2,x", "wrong_type", "price"),
    ("a plus sign", b"r2,+1,2.00,x", "wrong_type", "n"),
    ("NaN for a decimal", b"r2,1,NaN,x", "wrong_type", "price"),
    ("overflow", b"r2,2147483648,2.00,x", "number_out_of_range", "n"),
    ("too many places", b"r2,1,1.005,x", "too_many_decimals", "price"),
    ("a text too long", b"r2,1,2.00,01234567890", "too_long", "name"),
    ("a quoted empty text for an integer", b'r2,"",2.00,x', "wrong_type", "n"),
    ("white space for a row", b"   ", "wrong_field_count", None),
]


def _check_middle_row(case: Any, lines: bytes, judge: Any, key: str, line: int) -> None:
    _, record, reason, column = case
    result = judge(lines, key, "rows")
    assert result.judgement.verdict == "accepted"
    assert [row["id"] for row in result.rows] == ["r1", "r3"]
    (refused,) = result.refused
    assert (refused["line"], refused["reason"], refused["column"]) == (line, reason, column)
    assert refused["raw"].encode() == record
    assert refused["rule"]
    assert column is None or f"Column {column}" in refused["message"]
    assert len(refused["message"]) < 400
    assert result.judgement.by_reason == {reason: 1}


@pytest.mark.parametrize("case", JSON_CASES, ids=[case[0] for case in JSON_CASES])
def test_row_of_ndjson_is_refused_with_its_reason(judged: Judge, case: tuple[str, bytes, str, str | None]) -> None:
    _check_middle_row(case, b'{"id":"r1"}\n' + case[1] + b'\n{"id":"r3"}\n', judged, "rows.ndjson", 2)


OUTSIDE_ARRAYS = ("trailing comma", "unclosed", "without an end", "closing brace", "a comma after")
ARRAY_CASES = [case for case in JSON_CASES if not any(part in case[0] for part in OUTSIDE_ARRAYS)]


@pytest.mark.parametrize("case", ARRAY_CASES, ids=[case[0] for case in ARRAY_CASES])
def test_element_of_an_array_is_refused_with_its_reason(
    judged: Judge, case: tuple[str, bytes, str, str | None]
) -> None:
    _check_middle_row(case, b'[\n{"id":"r1"},\n  ' + case[1] + b',\n{"id":"r3"}\n]', judged, "rows.json", 3)


@pytest.mark.parametrize("case", CSV_CASES, ids=[case[0] for case in CSV_CASES])
def test_record_of_csv_is_refused_with_its_reason(judged: Judge, case: tuple[str, bytes, str, str | None]) -> None:
    _check_middle_row(case, b"id,n,price,name\nr1,1,2.00,x\n" + case[1] + b"\nr3,,,\n", judged, "rows.csv", 3)


JSON_RIGHT: list[tuple[str, bytes, Any]] = [
    ("n", b"-0", 0),
    ("big", b"9007199254740993", 9007199254740993),
    ("big", b"-9223372036854775808", -(2**63)),
    ("price", b"1.15", Decimal("1.15")),
    ("price", b"9999999999.99", Decimal("9999999999.99")),
    ("price", b"1E2", Decimal("100.00")),
    ("price", b"1.500", Decimal("1.50")),
    ("price", b"-0", Decimal("0.00")),
    ("price", b"0.07", Decimal("0.07")),
    ("exact", b'"1234567890123456789012345678.0123456789"', Decimal("1234567890123456789012345678.0123456789")),
    ("cost", b'"$1,234.56"', Decimal("1234.56")),
    ("cost", b'"$1234.5"', Decimal("1234.50")),
    ("cost", b'"-$0.05"', Decimal("-0.05")),
    ("ratio", b"1e-400", 0.0),
    ("ratio", b"1.7976931348623157e308", 1.7976931348623157e308),
    ("ok", b"false", False),
    ("day", b'"2024-02-29"', date(2024, 2, 29)),
    ("slash", b'"2026/01/31"', date(2026, 1, 31)),
    ("signup", b'"2026-01-31T23:30:00-01:00"', date(2026, 2, 1)),
    ("signup", b'"1969-12-31T23:59:59.5"', date(1969, 12, 31)),
    ("at", b'"2026-01-31T10:11:12"', datetime(2026, 1, 31, 10, 11, 12, tzinfo=UTC)),
    ("at", b'"2026-01-31T10:11:12.000001Z"', datetime(2026, 1, 31, 10, 11, 12, 1, tzinfo=UTC)),
    ("at", b'"2026-01-31T10:11:12.5+05:30"', datetime(2026, 1, 31, 4, 41, 12, 500000, tzinfo=UTC)),
    ("seen", b'"2099-12-31T23:59:59.999999"', datetime(2099, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("name", '"a\u2028b"'.encode(), "a\u2028b"),
    ("name", b'"\\ud83d\\ude00"', "😀"),
    ("name", ('"' + "😀" * 10 + '"').encode(), "😀" * 10),
    ("name", b'""', ""),
    ("name", b"null", None),
]


@pytest.mark.parametrize(("column", "text", "value"), JSON_RIGHT, ids=[f"{c[0]} {c[1].decode()}" for c in JSON_RIGHT])
def test_json_value_is_kept_exactly(judged: Judge, column: str, text: bytes, value: Any) -> None:
    result = judged(b'{"id":"r1","' + column.encode() + b'":' + text + b"}", "rows.ndjson")
    assert result.refused == []
    assert result.rows[0][column] == value
    assert type(result.rows[0][column]) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [(b"", None), (b'""', ""), (b'"a,b"', "a,b"), (b'"a""b"', 'a"b'), (b'"a\nb"', "a\nb"), (b'"a\r\nb"', "a\r\nb")],
)
def test_csv_text_is_kept_exactly(judged: Judge, text: bytes, value: str | None) -> None:
    result = judged(b"id,name\nr1," + text + b"\nr2,x\n", "rows.csv")
    assert result.refused == []
    assert [row["name"] for row in result.rows] == [value, "x"]
    assert [row["_line"] for row in result.rows] == [2, 3 + text.count(b"\n")]
