"""How a crawler judges text, merges types and finds tables: values in, values out."""

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures(
    "aws"
)  # importing localaws.crawlers imports the emulator, which reads its settings


def csv_columns(text: str, complete: bool = True) -> Any:
    from localaws.crawlers.text_schema import csv_schema
    from localaws.crawlers.types import render

    found = csv_schema(text, complete)
    return found and [(name, render(kind)) for name, kind in found.columns]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("id,name\n1,Ann\n", [("id", "bigint"), ("name", "string")]),
        ("Id|Unit Price\n1|2.5\n2|1e3\n", [("id", "bigint"), ("unit price", "double")]),
        ("a;ok\nx;true\ny;\n", [("a", "string"), ("ok", "boolean")]),
        ("name,city\nAnn,Rome\n", [("col0", "string"), ("col1", "string")]),
        ("id,price\n1,2\nx,y\n", [("id", "string"), ("price", "string")]),
        ("1,2\n3,4\n", [("col0", "bigint"), ("col1", "bigint")]),
        ("id,id\n1,2\n", [("col0", "string"), ("col1", "string")]),
        (f"id,{'x' * 150},z\n1,2,3\n", [("col0", "string"), ("col1", "string"), ("col2", "string")]),
        ("id,name,\n1,Ann,\n", [("id", "bigint"), ("name", "string"), ("col", "string")]),
        ('id,price\n1,"1,5"\n', [("id", "bigint"), ("price", "string")]),
        ("only one column\n1\n", None),
        ("id,name\n", None),
    ],
    ids=[
        "header",
        "pipe",
        "semicolon",
        "all-text-has-no-header",
        "one-number-makes-a-header",
        "numbers",
        "repeated-name",
        "too-long-a-name",
        "trailing-delimiter",
        "quoted",
        "one-column",
        "one-line",
    ],
)
def test_csv_is_recognised_and_its_header_found_by_awss_rules(text: str, columns: Any) -> None:
    assert csv_columns(text) == columns


def test_a_line_that_is_cut_off_counts_for_nothing() -> None:
    assert csv_columns("id,n\n1,2\n3,4.", complete=False) == [("id", "bigint"), ("n", "bigint")]
    assert csv_columns("id,n\n1,2\n3,4.", complete=True) == [("id", "bigint"), ("n", "double")]
    from localaws.crawlers.text_schema import json_schema

    whole, cut = json_schema('{"a": 1}\n'), json_schema('{"a": 1}\n{"b": ')
    assert whole == cut
    assert cut is not None
    assert (cut.columns, cut.records) == ((("a", "int"),), 1)
    assert json_schema('{"b": ') is None
    assert json_schema('"a text"') is None


@pytest.mark.parametrize(
    ("left", "right", "merged"),
    [
        ("int", "bigint", "bigint"),
        ("tinyint", "smallint", "smallint"),
        ("int", "double", "double"),
        ("float", "float", "float"),
        ("float", "int", "double"),
        ("null", "date", "date"),
        ("boolean", "int", "string"),
        ("date", "timestamp", "string"),
        ("decimal(12,2)", "decimal(10,4)", "decimal(14,4)"),
        ("decimal(38,0)", "decimal(38,10)", "double"),
        ("decimal(12,2)", "int", "double"),
        ("decimal(12,2)", "string", "string"),
    ],
)
def test_two_types_become_the_one_that_holds_both(left: str, right: str, merged: str) -> None:
    from localaws.crawlers.types import merge

    assert merge(left, right) == merged
    assert merge(right, left) == merged


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("*.csv", ["a.csv"], ["x/a.csv", "a.csv.gz"]),
        ("**.csv", ["a.csv", "x/y/a.csv"], ["a.json"]),
        ("tmp/**", ["tmp/a", "tmp/x/a"], ["x/tmp/a"]),
        ("*.{csv,json}", ["a.csv", "a.json"], ["a.txt"]),
        ("a?[0-9].x", ["ab1.x"], ["a/1.x", "abb.x"]),
        ("a[!0-9]", ["ab"], ["a1"]),
        (r"\*", ["*"], ["a"]),
    ],
)
def test_exclude_patterns_are_awss_globs(pattern: str, matches: list[str], others: list[str]) -> None:
    from localaws.crawlers.objects import glob

    assert [text for text in (*matches, *others) if glob(pattern).fullmatch(text)] == matches
