"""Files that the gate refuses whole, each with its one reason, and odd files that are right."""

import gzip
import zlib

import pytest

from tests.gate.judging import Judge

GOOD = b'{"id":"r1"}\n{"id":"r2"}\n'
ARRAY = b'[{"id":"r1"},{"id":"r2"}]'
TABLE = b"id,n\nr1,1\nr2,2\n"
PACKED = gzip.compress(GOOD, mtime=0)
BOM = b"\xef\xbb\xbf"

REFUSED: list[tuple[str, str, bytes, str]] = [
    ("nothing", "rows.ndjson", b"", "empty_file"),
    ("nothing, gzipped", "rows.ndjson.gz", gzip.compress(b""), "empty_file"),
    ("a gzip name without content", "rows.ndjson.gz", b"", "empty_file"),
    ("white space", "rows.ndjson", b" \r\n\t\n", "no_rows"),
    ("a byte order mark alone", "rows.json", BOM, "no_rows"),
    ("an empty array", "rows.json", b"[ \n ]", "no_rows"),
    ("a header alone", "rows.csv", b"id,n\n", "no_rows"),
    ("a header alone without its line feed", "rows.csv", b"id,n", "no_rows"),
    ("another ending", "rows.parquet", GOOD, "unknown_extension"),
    ("no ending", "rows", GOOD, "unknown_extension"),
    ("a format not in the contract", "loose.json", ARRAY, "format_not_allowed"),
    ("JSON named csv", "rows.csv", GOOD, "content_contradicts_name"),
    ("an array named csv", "rows.csv", ARRAY, "content_contradicts_name"),
    ("CSV named json", "rows.json", TABLE, "content_contradicts_name"),
    ("CSV named ndjson", "rows.ndjson", TABLE, "content_contradicts_name"),
    ("an array named ndjson", "rows.ndjson", ARRAY, "content_contradicts_name"),
    ("gzip without .gz", "rows.ndjson", PACKED, "content_contradicts_name"),
    (".gz without gzip", "rows.ndjson.gz", GOOD, "content_contradicts_name"),
    ("Parquet named json", "rows.json", b"PAR1" + b"\0" * 100, "content_contradicts_name"),
    ("a zip named csv", "rows.csv", b"PK\x03\x04" + b"\0" * 100, "content_contradicts_name"),
    ("zstd named json", "rows.json", b"\x28\xb5\x2f\xfd" + b"\0" * 100, "content_contradicts_name"),
    ("UTF-16 with its mark", "rows.ndjson", GOOD.decode().encode("utf-16"), "utf16"),
    ("UTF-16 big-endian", "rows.json", ARRAY.decode().encode("utf-16-be"), "utf16"),
    ("UTF-16 CSV without a mark", "rows.csv", TABLE.decode().encode("utf-16-le"), "utf16"),
    ("UTF-16 gzipped", "rows.csv.gz", gzip.compress(TABLE.decode().encode("utf-16")), "utf16"),
    ("UTF-32", "rows.json", ARRAY.decode().encode("utf-32"), "utf32"),
    ("UTF-32 without a mark", "rows.json", ARRAY.decode().encode("utf-32-le"), "utf32"),
    ("Latin-1 in NDJSON", "rows.ndjson", GOOD + b'{"id":"r3","name":"caf\xe9"}\n', "not_utf8"),
    ("Latin-1 in an array", "rows.json", b'[{"id":"r3","name":"caf\xe9"}]', "not_utf8"),
    ("Latin-1 in CSV", "rows.csv", b"id,name\nr1,caf\xe9\n", "not_utf8"),
    ("a surrogate encoded as UTF-8", "rows.ndjson", b'{"id":"r3","name":"\xed\xa0\x80"}\n', "not_utf8"),
    ("an overlong encoding", "rows.ndjson", b'{"id":"r3","name":"\xc0\xaf"}\n', "not_utf8"),
    ("gzip without its end", "rows.ndjson.gz", PACKED[:-9], "truncated_gzip"),
    ("gzip without its check sum", "rows.ndjson.gz", PACKED[:-3], "truncated_gzip"),
    ("gzip cut in its header", "rows.ndjson.gz", PACKED[:5], "truncated_gzip"),
    ("a second member without its end", "rows.ndjson.gz", PACKED + PACKED[:-2], "truncated_gzip"),
    ("gzip with a wrong check sum", "rows.ndjson.gz", PACKED[:-8] + b"\0" * 8, "corrupt_gzip"),
    ("gzip with damaged content", "rows.ndjson.gz", PACKED[:10] + b"\xff" * 20 + PACKED[30:], "corrupt_gzip"),
    ("garbage after gzip", "rows.ndjson.gz", PACKED + b"garbage", "corrupt_gzip"),
    ("gzip of gzip", "rows.ndjson.gz", gzip.compress(PACKED), "nested_gzip"),
    ("an array without its bracket", "rows.json", b'[{"id":"r1"},{"id":"r2"}', "truncated_json"),
    ("an array cut behind a comma", "rows.json", b'[{"id":"r1"},', "truncated_json"),
    ("an array cut in a text", "rows.json", b'[{"id":"r1"},{"id":"r', "truncated_json"),
    ("an array that lacks a brace", "rows.json", b'[{"id":"r1",{"id":"r2"}]', "truncated_json"),
    ("a last line cut in a text", "rows.ndjson", GOOD + b'{"id":"r', "truncated_json"),
    ("a last line cut behind a colon", "rows.ndjson", GOOD + b'{"id":', "truncated_json"),
    ("a last line cut in a character", "rows.ndjson", GOOD + b'{"id":"r3","name":"\xf0\x9f', "truncated_json"),
    ("a document cut", "documents.json", b'{"id":"a",\n"n":', "truncated_json"),
    ("an envelope cut", "documents.json", b'{"items":[{"id":"a","n":1}]', "truncated_json"),
    ("a closing brace too many in an array", "rows.json", b'[{"id":"r1"}},{"id":"r2"}]', "broken_json"),
    ("a second array", "rows.json", ARRAY + ARRAY, "content_after_end"),
    ("garbage after an array", "rows.json", ARRAY + b" garbage", "content_after_end"),
    ("NDJSON that begins with an array", "rows.json", b'[1]\n{"id":"r1"}\n', "content_after_end"),
    ("a header without a required column", "rows.csv", b"n\n1\n", "header_missing_columns"),
    ("no header", "must.csv", b"r1,1,1.00\nr2,2,2.00\n", "header_missing_columns"),
    ("a header in another case", "rows.csv", b"ID,n\nr1,1\n", "header_missing_columns"),
    ("a header with spaces", "must.csv", b"id, n,price\nr1,1,1.00\n", "header_missing_columns"),
    ("a header with semicolons", "must.csv", b"id;n;price\nr1;1;1.00\n", "header_missing_columns"),
    ("a header with an unknown column", "rows.csv", b"id,extra\nr1,1\n", "header_unknown_columns"),
    ("a header with a nameless column", "rows.csv", b"id,\nr1,1\n", "header_unknown_columns"),
    ("a header with a column twice", "rows.csv", b"id,n,n\nr1,1,1\n", "header_duplicate_columns"),
    ("a header with a broken quote", "rows.csv", b'"id"x,n\nr1,1\n', "header_broken"),
    ("line ends of the old Macintosh", "rows.csv", b"id,n\rr1,1\rr2,2\r", "header_broken"),
    ("a quote that never closes", "rows.csv", b'id,name\nr1,"abc\nr2,x\nr3,y\n', "unclosed_quote"),
    ("a quote that never closes in the header", "rows.csv", b'"id,name\nr1,abc\n', "unclosed_quote"),
    ("a quote unclosed for 22 MB", "rows.csv", b'id,name\nr1,"' + b"abc\n" * 5_500_000, "unclosed_quote"),
    ("an element of 17 MB", "rows.json", b'[{"id":"' + b"x" * 17_000_000 + b'"}]', "oversized_record"),
    ("a document of 17 MB", "documents.json", b'{"id":"' + b"x" * 17_000_000 + b'"}', "oversized_record"),
    ("a CSV record of 17 MB", "rows.csv", b"id,n\n" + b"x" * 17_000_000, "oversized_record"),
    ("more content than the limit", "small.ndjson", b'{"id":"r1"}\n' * 9000, "expands_beyond_limit"),
    ("a gzip bomb", "small.ndjson.gz", gzip.compress(b"0" * 50_000_000), "expands_beyond_limit"),
    ("two bad rows of three", "must.ndjson", b'{"id":"a","n":1,"price":1}\n{}\n{}\n', "too_many_bad_rows"),
    ("one bad row of nine", "must.ndjson", b'{"id":"a","n":1,"price":1}\n' * 8 + b"{}\n", "too_many_bad_rows"),
]


@pytest.mark.parametrize(("key", "data", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_file_is_refused_with_its_reason(judged: Judge, key: str, data: bytes, reason: str) -> None:
    judgement = judged(data, key).judgement
    assert (judgement.verdict, judgement.reason) == ("refused", reason)
    assert judgement.message
    assert "{found}" not in judgement.message
    assert "{expected}" not in judgement.message
    assert judgement.rows_accepted == 0


def _members(data: bytes) -> bytes:
    return b"".join(gzip.compress(line) for line in data.splitlines(keepends=True))


RIGHT: list[tuple[str, str, bytes, list[int]]] = [
    ("NDJSON named json", "rows.json", GOOD, [1, 2]),
    ("NDJSON named jsonl", "rows.jsonl", GOOD, [1, 2]),
    ("a last line without its line feed", "rows.ndjson", GOOD[:-1], [1, 2]),
    ("carriage returns", "rows.ndjson", GOOD.replace(b"\n", b"\r\n"), [1, 2]),
    ("a byte order mark", "rows.ndjson", BOM + GOOD, [1, 2]),
    ("a byte order mark, gzipped", "rows.ndjson.gz", gzip.compress(BOM + GOOD), [1, 2]),
    ("blank lines between records", "rows.ndjson", b'\n\n{"id":"r1"}\n \t\r\n\n{"id":"r2"}\n\n\n', [3, 6]),
    ("white space around records", "rows.ndjson", b' {"id":"r1"} \n\t{ "id" : "r2" }\r\n', [1, 2]),
    ("gzip", "rows.ndjson.gz", PACKED, [1, 2]),
    ("gzip of several members", "rows.ndjson.gz", _members(GOOD), [1, 2]),
    ("gzip with zeros behind", "rows.ndjson.gz", PACKED + b"\0" * 700, [1, 2]),
    ("gzip with an empty member", "rows.ndjson.gz", gzip.compress(b"") + PACKED, [1, 2]),
    (
        "gzip with a name in its header",
        "rows.ndjson.gz",
        PACKED[:3] + b"\x08" + PACKED[4:10] + b"a\0" + PACKED[10:],
        [1, 2],
    ),
    ("an array on one line", "rows.json", ARRAY, [1, 1]),
    ("an array, gzipped", "rows.json.gz", gzip.compress(ARRAY), [1, 1]),
    ("an array over many lines", "rows.json", b'\n[\n{\n"id":\n"r1"\n}\n,\n\n{"id":"r2"}\n]\n', [3, 9]),
    ("brackets and commas in texts", "rows.json", b'[{"id":"r1","name":"],[{\\"}"},{"id":"r2"}]', [1, 1]),
    ("a backslash at a text's end", "rows.json", b'[{"id":"r1","name":"a\\\\"},\n{"id":"r2","name":","}]', [1, 2]),
    ("CSV", "rows.csv", TABLE, [2, 3]),
    ("CSV, gzipped", "rows.csv.gz", gzip.compress(TABLE), [2, 3]),
    ("CSV with carriage returns", "rows.csv", TABLE.replace(b"\n", b"\r\n"), [2, 3]),
    ("CSV with a byte order mark", "rows.csv", BOM + TABLE, [2, 3]),
    ("CSV without its last line feed", "rows.csv", TABLE[:-1], [2, 3]),
    ("CSV with its columns in another order", "rows.csv", b"n,id\n1,r1\n2,r2\n", [2, 3]),
    ("CSV with quoted names and values", "rows.csv", b'"id","n"\r\n"r1","1"\r\n"r2",2', [2, 3]),
    ("CSV with blank lines", "rows.csv", b"\nid,n\n\nr1,1\n\r\nr2,2\n\n", [4, 6]),
]


@pytest.mark.parametrize(("key", "data", "lines"), [case[1:] for case in RIGHT], ids=[case[0] for case in RIGHT])
def test_odd_file_is_accepted(judged: Judge, key: str, data: bytes, lines: list[int]) -> None:
    result = judged(data, key)
    assert (result.judgement.verdict, result.refused) == ("accepted", [])
    assert [(row["id"], row["_line"]) for row in result.rows] == [("r1", lines[0]), ("r2", lines[1])]


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b'{"id":"a","n":1}', ["a"]),
        (b'{\n  "id": "a",\n  "n": 1\n}\n', ["a"]),
        (b'[{"id":"a","n":1},{"id":"a","n":2}]', ["a", "a"]),
        (b'{"transactions":[\n{"id":"a","n":1},\n{"id":"b","n":2}\n]\n}\n', ["a", "b"]),
        (b'{"transactions" : [ {"id":"a","n":1} ] }', ["a"]),
    ],
)
def test_document_is_one_row_or_several(judged: Judge, data: bytes, ids: list[str]) -> None:
    result = judged(data, "documents.json")
    assert (result.judgement.verdict, [row["id"] for row in result.rows]) == ("accepted", ids)


def test_document_with_a_column_that_is_an_array_is_one_bad_row(judged: Judge) -> None:
    result = judged(b'{"id":[{"id":"a","n":1}]}', "documents.json")
    assert result.judgement.reason == "too_many_bad_rows"
    assert [row["reason"] for row in result.refused] == ["wrong_type"]


def test_json_is_lines_or_a_document_as_its_first_line_says(judged: Judge) -> None:
    lines = b'{"id":"a","n":1,"price":1}\n{"id":"b","n":1,"price":1}\n'
    document = b'{"id":"a",\n"n":1,"price":1}\n'
    assert judged(lines, "must.json").judgement.rows_accepted == 2
    assert judged(document, "must.json").judgement.rows_accepted == 1


def test_unknown_fields_are_ignored_where_the_contract_says_so(judged: Judge) -> None:
    result = judged(b'{"id":"a","x":{"y":[1]}}\n{"id":"b","x":1,"x":2}\n{"id":"c","x":NaN}\n', "loose.ndjson")
    assert [row["id"] for row in result.rows] == ["a"]
    assert [row["reason"] for row in result.refused] == ["duplicate_field", "not_finite"]
    assert judged(b"x,id\n1,a\n", "loose.csv").rows == [{"id": "a", "n": None, "_line": 2}]


def test_bad_quotes_spoil_their_own_record_alone(judged: Judge) -> None:
    data = b'id,name\nr1,a"b\nr2,"x\ny"\nr3,"x"y\nr4,"a""b"\nr5,z\n'
    result = judged(data, "rows.csv")
    assert [(row["id"], row["name"], row["_line"]) for row in result.rows] == [
        ("r2", "x\ny", 3),
        ("r4", 'a"b', 6),
        ("r5", "z", 7),
    ]
    assert [(row["line"], row["reason"], row["raw"]) for row in result.refused] == [
        (2, "bad_quote", 'r1,a"b'),
        (5, "bad_quote", 'r3,"x"y'),
    ]


def test_empty_element_is_a_bad_row(judged: Judge) -> None:
    result = judged(b'[{"id":"r1"},,{"id":"r2"},]', "rows.json")
    assert [row["id"] for row in result.rows] == ["r1", "r2"]
    assert [(row["record"], row["reason"], row["raw"]) for row in result.refused] == [
        (2, "invalid_json", ""),
        (4, "invalid_json", ""),
    ]


def test_line_too_long_costs_itself_and_shows_its_beginning(judged: Judge) -> None:
    data = GOOD + b'{"id":"' + "ü".encode() * 9_000_000 + b'"}\n{"id":"r3"}\n'
    result = judged(data, "rows.ndjson")
    assert [(row["id"], row["_line"]) for row in result.rows] == [("r1", 1), ("r2", 2), ("r3", 4)]
    (refused,) = result.refused
    assert (refused["line"], refused["reason"]) == (3, "record_too_long")
    assert len(refused["raw_base64"]) < 100_000


def test_share_of_bad_rows_at_the_limit_is_accepted(judged: Judge) -> None:
    rows = b"".join(b'{"id":"r%d","n":1,"price":1}\n' % number for number in range(9))
    assert judged(rows + b"{}\n", "must.ndjson").judgement.verdict == "accepted"


def test_raw_deflate_is_no_gzip(judged: Judge) -> None:
    assert judged(zlib.compress(GOOD), "rows.ndjson.gz").judgement.reason == "content_contradicts_name"


def test_as_many_values_as_lines_are_not_yet_one_a_line(judged: Judge) -> None:
    """The fast reader sees two values here, and two lines: it must not take one for the other."""
    result = judged(b'{"id":\n"r1"}{"id":"r2"}\n{"id":"r3"}\n', "rows.ndjson")
    assert [row["id"] for row in result.rows] == ["r3"]
    assert [(row["line"], row["reason"]) for row in result.refused] == [(1, "invalid_json"), (2, "trailing_garbage")]
