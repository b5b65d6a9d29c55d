"""Bad input that each pipeline is known to meet, case by case, and what looks odd and is right."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contract.load import pipelines
from tests.gate.good_rows import good_file
from tests.gate.judging import Judged, judge_bytes

PIPELINES = pipelines()
CARTS = b"cart_id,customer_id,product_id,product_amount,product_price\n"
SALES = b"transaction_id,customer_id,product_id,quantity,price,transaction_date,payment_type,status\n"
SALE = "TXN{},{},{},2,9.99,2026-01-31,Credit Card,Completed\n"


def _judged(pipeline: str, data: bytes, key: str, folder: Path) -> Judged:
    (dataset,) = PIPELINES[pipeline].datasets
    return judge_bytes(data, key, dataset, folder)


PRICES: list[tuple[str, Decimal | str]] = [
    ('"$1,234.56"', Decimal("1234.56")),
    ("$1234.56", Decimal("1234.56")),  # the thousands' comma may be left out, but not set wrong
    ("$7", Decimal("7.00")),
    ("$0.01", Decimal("0.01")),
    ('"$9,999,999,999.99"', Decimal("9999999999.99")),
    ('"1.234,56"', "bad_format"),
    ("1.234,56", "wrong_field_count"),
    ("$1,234.56", "wrong_field_count"),
    ('"$1,23.45"', "bad_format"),
    ('"$1234,567.00"', "bad_format"),
    ("$", "bad_format"),
    ("1234.56", "bad_format"),
    ("$ 5.00", "bad_format"),
    (" $5.00", "bad_format"),
    ("$5.00 ", "bad_format"),
    ("   ", "bad_format"),
    ('""', "bad_format"),
    ("", "null_value"),
    ("-$5.00", "below_min"),
    ("$-5.00", "bad_format"),
    ("$0.00", "below_min"),
    ("$5.005", "too_many_decimals"),
    ('"$10,000,000,000.00"', "number_out_of_range"),
    ("€5.00", "bad_format"),
]


@pytest.mark.parametrize(("text", "expected"), PRICES, ids=[repr(text) for text, _ in PRICES])
def test_price_of_a_cart_is_read_strictly(tmp_path: Path, text: str, expected: Decimal | str) -> None:
    data = CARTS + b"1,1,1,1,$1.00\n" * 20 + f"2,2,2,2,{text}\n".encode()
    result = _judged("carts", data, "carts.csv", tmp_path)
    assert result.judgement.verdict == "accepted"
    if isinstance(expected, Decimal):
        assert [row["product_price"] for row in result.rows[20:]] == [expected]
    else:
        assert result.reasons == [(22, expected)]


def test_the_same_line_in_a_cart_counts_each_time(tmp_path: Path) -> None:
    result = _judged("carts", CARTS + b"1,2,3,4,$5.00\n" * 3 + b"1,2,3,5,$5.00\n", "carts.csv", tmp_path)
    assert [row["_line"] for row in result.rows] == [2, 3, 4, 5]
    assert (result.judgement.rows_in, result.judgement.rows_duplicate, result.refused) == (4, 0, [])


HEADERS: list[tuple[str, bytes, str | None]] = [
    ("another order", b"product_price,product_amount,product_id,customer_id,cart_id\n$5.00,4,3,2,1\n", None),
    ("quoted", b'"cart_id","customer_id","product_id","product_amount","product_price"\n1,2,3,4,$5.00\n', None),
    ("a column missing", b"customer_id,product_id,product_amount,product_price\n2,3,4,$5.00\n", "missing_columns"),
    ("a column more", CARTS[:-1] + b",colour\n1,2,3,4,$5.00,red\n", "unknown_columns"),
    ("a column twice", CARTS[:-1] + b",cart_id\n1,2,3,4,$5.00,1\n", "duplicate_columns"),
    ("one for another", CARTS.replace(b"cart_id", b"basket_id") + b"1,2,3,4,$5.00\n", "missing_columns"),
    ("an index before it", b"," + CARTS + b"0,1,2,3,4,$5.00\n", "unknown_columns"),
    ("no header", b"1,2,3,4,$5.00\n" * 2, "missing_columns"),
    ("a name with a space", CARTS.replace(b",", b", ") + b"1,2,3,4,$5.00\n", "missing_columns"),
]


@pytest.mark.parametrize(("data", "reason"), [case[1:] for case in HEADERS], ids=[case[0] for case in HEADERS])
def test_columns_go_by_their_names_in_the_header(tmp_path: Path, data: bytes, reason: str | None) -> None:
    result = _judged("carts", data, "carts.csv", tmp_path)
    if reason is None:
        expected = {"cart_id": 1, "customer_id": 2, "product_id": 3, "product_amount": 4, "_line": 2}
        assert result.rows == [expected | {"product_price": Decimal("5.00")}]
    else:
        assert result.judgement.reason == f"header_{reason}"


def test_lines_are_right_behind_a_quoted_newline(tmp_path: Path) -> None:
    records = [SALE.format(number, "C1", "P1") for number in (1, 2, 3, 4)]
    records[1] = records[1].replace("Completed", '"Comp\r\nleted,\n""again"""')
    records[2] = records[2].replace("C1", "C99999")
    data = SALES + "".join(records).encode()
    result = _judged("sales", data, "transactions_2026-01-31.csv", tmp_path)
    assert [(row["_line"], row["status"]) for row in result.rows] == [
        (2, "Completed"),
        (3, 'Comp\r\nleted,\n"again"'),
        (7, "Completed"),
    ]
    assert result.reasons == [(6, "unknown_reference")]


def test_a_sales_ids_are_known_or_the_row_is_refused(tmp_path: Path) -> None:
    ids = [("C1", "P1"), ("C99", "P1"), ("C1", "P99"), ("c1", "P1"), ("C1", "X1"), ("", "P1"), ("C1 ", "P1")]
    data = (
        SALES + "".join(SALE.format(number, *pair) for number, pair in enumerate([*ids, *[("C2", "P2")] * 9])).encode()
    )
    result = _judged("sales", data, "transactions_2026-01-31.csv", tmp_path)
    assert result.reasons == [
        (3, "unknown_reference"),
        (4, "unknown_reference"),
        (5, "pattern_mismatch"),
        (6, "pattern_mismatch"),
        (7, "null_value"),
        (8, "pattern_mismatch"),
    ]
    first = result.refused[0]
    assert (first["column"], first["rule"]) == ("customer_id", "references dim_customers.customer_id")
    assert first["message"] == (
        "Column customer_id: found 'C99', expected a value that dim_customers.customer_id holds"
    )


def _transaction(number: int, **changed: Any) -> dict[str, Any]:
    made = {"transaction_id": f"T-{number}", "timestamp": "2026-01-31T10:11:12Z", "customer_id": "CUST-1"}
    made |= {"product_id": "PROD-1", "product_name": "Laptop", "category": "Electronics"}
    return made | {"quantity": 3, "price": 19.99, "total_amount": 59.97} | changed


TOTALS: list[tuple[str, dict[str, Any], str | None]] = [
    ("right", {}, None),
    ("without its zeros", {"quantity": 2, "price": 2.5, "total_amount": 5}, None),
    ("a cent more", {"total_amount": 59.98}, "check_failed"),
    ("a cent less", {"total_amount": 59.96}, "check_failed"),
    ("of one piece", {"total_amount": 19.99}, "check_failed"),
    ("rounded up from a float", {"quantity": 3, "price": 0.1, "total_amount": 0.31}, "check_failed"),
    ("with four decimals", {"total_amount": 59.9701}, "too_many_decimals"),
    ("a price with four decimals", {"price": 19.9901, "total_amount": 59.97}, "too_many_decimals"),
    ("as text", {"total_amount": "59.97"}, "wrong_type"),
    ("zero pieces", {"quantity": 0, "total_amount": 0}, "below_min"),
    ("negative twice", {"quantity": -3, "price": -19.99}, "below_min"),
    ("the greatest", {"quantity": 1, "price": 9999999999.99, "total_amount": 9999999999.99}, None),
    ("beyond any total", {"quantity": 2147483647, "price": 9999999999.99}, "check_failed"),
]


@pytest.mark.parametrize(("changed", "reason"), [case[1:] for case in TOTALS], ids=[case[0] for case in TOTALS])
def test_total_is_quantity_times_price(tmp_path: Path, changed: dict[str, Any], reason: str | None) -> None:
    rows = [_transaction(number) for number in range(20)] + [_transaction(20, **changed)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    result = _judged("transactions", data, "x.ndjson", tmp_path)
    assert result.reasons == ([] if reason is None else [(21, reason)])
    assert len(result.rows) == 21 - len(result.refused)


def test_a_failed_check_says_both_sides(tmp_path: Path) -> None:
    rows = [*(_transaction(number) for number in range(20)), _transaction(20, total_amount=60)]
    (refused,) = _judged("transactions", json.dumps(rows).encode(), "x.json", tmp_path).refused
    assert refused["message"] == "Found total_amount = 60.00, expected quantity * price = 59.97"
    assert refused["rule"] == "check total_amount = quantity * price"
    assert refused["column"] == "total_amount, quantity, price"


ONE, TWO = json.dumps(_transaction(1)), json.dumps(_transaction(2))
PRETTY = json.dumps(_transaction(1), indent=2)
DOCUMENTS: list[tuple[str, str, int | str]] = [
    ("one object", ONE, 1),
    ("one object and a line feed", ONE + "\n", 1),
    ("one object over many lines", PRETTY + "\n", 1),
    ("an array", f"[{ONE},{TWO}]", 2),
    ("an array over many lines", f"[\n{PRETTY},\n{TWO}\n]\n", 2),
    ("an envelope", f'{{"transactions": [{ONE}, {TWO}]}}', 2),
    ("an envelope and a line feed", f'{{"transactions": [{ONE}, {TWO}]}}\n', 2),
    ("an envelope over many lines", json.dumps({"transactions": [_transaction(1)]}, indent=2) + "\n", 1),
    ("lines", f"{ONE}\n{TWO}\n", 2),
    ("nothing", "", "empty_file"),
    ("white space", " \n", "no_rows"),
    ("an empty array", "[]\n", "no_rows"),
    ("an empty envelope", '{"transactions": []}\n', "no_rows"),
    ("an empty object", "{}\n", "row: missing_field"),
    ("null", "null\n", "row: not_an_object"),
    ("an array in an array", f"[[{ONE}], {TWO}]", "row: not_an_object"),
    ("two arrays in an envelope", f'{{"a": [{ONE}], "b": [{TWO}]}}', "content_after_end"),
    ("two envelopes", f'{{"transactions": [{ONE}]}}\n{{"transactions": [{TWO}]}}\n', "content_after_end"),
    ("an envelope in an envelope", f'{{"a": {{"transactions": [{ONE}]}}}}', "row: unknown_field"),
    ("a document cut", PRETTY[:-3], "truncated_json"),
    ("an envelope cut", f'{{"transactions": [{ONE}', "truncated_json"),
    ("an envelope without its brace", f'{{"transactions": [{ONE}]', "truncated_json"),
]


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in DOCUMENTS], ids=[case[0] for case in DOCUMENTS])
def test_document_of_transactions_is_an_object_an_array_or_an_envelope(
    tmp_path: Path, text: str, expected: int | str
) -> None:
    result = _judged("transactions", text.encode(), "20260131T101112Z.json", tmp_path)
    if isinstance(expected, int):
        assert (result.judgement.verdict, len(result.rows), result.refused) == ("accepted", expected, [])
    elif expected.startswith("row: "):
        assert result.judgement.verdict == "accepted"
        assert [f"row: {row['reason']}" for row in result.refused] == [expected]
    else:
        assert (result.judgement.verdict, result.judgement.reason) == ("refused", expected)


DATES: list[tuple[str, date | str]] = [
    ("2024/02/29", date(2024, 2, 29)),
    ("2024/01/05", date(2024, 1, 5)),
    ("2100/01/01", date(2100, 1, 1)),
    ("2024/13/01", "bad_format"),
    ("2024/02/30", "bad_format"),
    ("2023/02/29", "bad_format"),
    ("2024/00/10", "bad_format"),
    ("2024-01-05", "bad_format"),
    ("2024/1/5", "bad_format"),
    ("05/01/2024", "bad_format"),
    ("2024/01/05T00:00:00Z", "bad_format"),
    ("20240105", "bad_format"),
    (" 2024/01/05", "bad_format"),
    ("", "bad_format"),
    ("1999/12/31", "below_min"),
    ("2100/01/02", "above_max"),
]


@pytest.mark.parametrize(("text", "expected"), DATES, ids=[repr(text) for text, _ in DATES])
def test_date_of_a_shipment_is_a_real_day_as_it_must_be_written(
    tmp_path: Path, text: str, expected: date | str
) -> None:
    (dataset,) = PIPELINES["shipping"].datasets
    lines = good_file("ndjson", dataset, 20).split(b"\n")[1:-1]
    row = json.loads(lines[0]) | {"shipping_id": 999, "shipping_date": text}
    data = b"\n".join([*lines, json.dumps(row).encode()]) + b"\n"
    result = _judged("shipping", data, "shipments.json", tmp_path)
    if isinstance(expected, date):
        assert result.rows[20]["shipping_date"] == expected
    else:
        assert result.reasons == [(21, expected)]


def test_older_shipments_lack_their_product(tmp_path: Path) -> None:
    (dataset,) = PIPELINES["shipping"].datasets
    rows = [json.loads(line) for line in good_file("ndjson", dataset, 3).split(b"\n")[1:-1]]
    del rows[0]["product_id"]
    rows[1]["product_id"] = None
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    result = _judged("shipping", data, "shipments.json", tmp_path)
    assert [row["product_id"] for row in result.rows] == [None, None, rows[2]["product_id"]]
