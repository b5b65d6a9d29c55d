"""Trino's meaning of expressions, as its documentation states it, survives the way to DuckDB."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from localaws.athena import results
from localaws.athena.access import Caller
from localaws.athena.engine import engine_error
from localaws.athena.errors import InvalidRequestError, QueryError
from localaws.athena.session import Session
from localaws.athena.translate import translate

Evaluate = Callable[[str], tuple[str | None, str]]

# expression, its text in the result, its type
EXPRESSIONS = [
    # integers and decimals: https://trino.io/docs/current/functions/decimal.html
    ("7 / 2", "3", "integer"),
    ("-7 / 2", "-3", "integer"),
    ("7 % -3", "1", "integer"),
    ("7 / 2.0", "3.5", "decimal(12,1)"),
    ("decimal '1.00' / 3", "0.33", "decimal(3,2)"),
    ("decimal '2.00' / 3", "0.67", "decimal(3,2)"),
    ("decimal '-2.00' / 3", "-0.67", "decimal(3,2)"),
    ("cast(1 as decimal(12,2)) / cast(8 as decimal(10,3))", "0.125", "decimal(16,3)"),
    ("cast(10 as bigint) / cast(4 as decimal(5,2))", "2.50", "decimal(23,2)"),
    ("decimal '1.10' + 1", "2.10", "decimal(13,2)"),
    ("1.5 * 2", "3.0", "decimal(12,1)"),
    ("7e0 / 2", "3.5", "double"),
    ("1e0 / 0", "Infinity", "double"),
    ("0e0 / 0", "NaN", "double"),
    ("round(decimal '2.345', 2)", "2.350", "decimal(5,3)"),
    ("round(2.5)", "3", "decimal(2,0)"),
    ("round(-2.5e0)", "-3.0", "double"),
    ("round(12.345e0, 1)", "12.3", "double"),
    ("floor(decimal '-1.5')", "-2", "decimal(2,0)"),
    ("ceiling(1.2e0)", "2.0", "double"),
    ("truncate(-1.9e0)", "-1.0", "double"),
    ("mod(10, 3)", "1", "integer"),
    ("cast(2.5e0 as integer)", "3", "integer"),
    ("cast(decimal '2.5' as integer)", "3", "integer"),
    ("abs(-5)", "5", "integer"),
    ("sign(-3)", "-1", None),
    ("power(2, 10)", "1024.0", "double"),
    ("sqrt(16)", "4.0", "double"),
    ("log(2, 8)", "3.0", "double"),
    ("log10(1000)", "3.0", "double"),
    ("ln(1)", "0.0", "double"),
    ("bitwise_and(12, 10)", "8", None),
    ("greatest(1, 3, 2)", "3", "integer"),
    ("greatest(1, null)", None, None),
    ("least(4, 2)", "2", "integer"),
    ("12345678.9e0", "1.23456789E7", "double"),
    ("1e-4", "1.0E-4", "double"),
    # conditions
    ("if(1 > 2, 'a', 'b')", "b", "varchar"),
    ("if(1 > 2, 'a')", None, "varchar"),
    ("coalesce(null, 2)", "2", "integer"),
    ("nullif(1, 1)", None, "integer"),
    ("try(1 / 0)", None, None),
    ("try_cast('x' as bigint)", None, "bigint"),
    ("try_cast('12' as bigint)", "12", "bigint"),
    ("1 is distinct from null", "true", "boolean"),
    ("'a' between 'a' and 'b'", "true", "boolean"),
    # text
    ("'a' || 'b'", "ab", "varchar"),
    ("concat('a', null)", None, None),
    ("concat_ws(',', 'a', null, 'b')", "a,b", "varchar"),
    ("length('äb')", "2", "bigint"),
    ("substr('lakehouse', 5, 3)", "hou", "varchar"),
    ("substring('lakehouse' from 5)", "house", "varchar"),
    ("strpos('abc', 'c')", "3", "bigint"),
    ("position('c' in 'abc')", "3", "bigint"),
    ("split_part('a,b', ',', 2)", "b", "varchar"),
    ("split_part('a,b', ',', 3)", None, "varchar"),
    ("split('a,b', ',')", "[a, b]", "array"),
    ("upper('a')", "A", "varchar"),
    ("trim('  a ')", "a", "varchar"),
    ("lpad('5', 3, '0')", "005", "varchar"),
    ("reverse('abc')", "cba", "varchar"),
    ("replace('abc', 'b')", "ac", "varchar"),
    ("starts_with('abc', 'ab')", "true", "boolean"),
    ("regexp_like('abc', 'b.$')", "true", "boolean"),
    ("regexp_extract('abc', '(b)(c)', 2)", "c", "varchar"),
    ("regexp_extract('abc', 'x')", None, "varchar"),
    ("regexp_replace('abc', '(b)', '[$1]')", "a[b]c", "varchar"),
    ("regexp_replace('abab', 'b')", "aa", "varchar"),
    ("'50%' like '50!%' escape '!'", "true", "boolean"),
    ("format('%s has %d', 'x', 5)", "x has 5", "varchar"),
    ("chr(65)", "A", "varchar"),
    ("codepoint('A')", "65", None),
    ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661", "varchar"),
    ("to_base64(to_utf8('a'))", "YQ==", "varchar"),
    ("from_utf8(from_base64('YQ=='))", "a", "varchar"),
    ("to_utf8('hi')", "68 69", "varbinary"),
    ("levenshtein_distance('ab', 'ac')", "1", "bigint"),
    ("url_extract_host('https://aws.amazon.com:80/x?y')", "aws.amazon.com", "varchar"),
    ("url_extract_path('https://aws.amazon.com/x/y?z')", "/x/y", "varchar"),
    ("cast('abcdef' as varchar(3))", "abc", "varchar"),
    ("cast(true as varchar)", "true", "varchar"),
    ("cast(1e10 as varchar)", "1.0E10", "varchar"),
    ("cast(timestamp '2026-01-02 03:04:05' as varchar)", "2026-01-02 03:04:05.000", "varchar"),
    # JSON
    ("""json_extract_scalar('{"a":{"b":"x"}}', '$.a.b')""", "x", "varchar"),
    ("""json_extract_scalar('{"a":{"b":"x"}}', '$.a')""", None, "varchar"),
    ("""json_extract_scalar('{"a":5}', '$.a') = '5'""", "true", "boolean"),
    ("""json_array_length('[1,2]')""", "2", "bigint"),
    ("""json_format(json_parse('{"a":1}'))""", '{"a":1}', "varchar"),
    ("""json_size('{"a":[1,2]}', '$.a')""", "2", "bigint"),
    # dates and times: https://trino.io/docs/current/functions/datetime.html
    ("day_of_week(date '2026-11-22')", "7", "bigint"),  # a Sunday
    ("dow(date '2026-11-23')", "1", "bigint"),
    ("extract(day_of_week from date '2026-11-22')", "7", "bigint"),
    ("extract(year from date '2026-11-22')", "2026", "bigint"),
    ("day_of_year(date '2026-02-01')", "32", "bigint"),
    ("week(date '2027-01-03')", "53", "bigint"),
    ("year_of_week(date '2027-01-03')", "2026", "bigint"),
    ("quarter(date '2026-11-22')", "4", "bigint"),
    ("month(date '2026-11-22')", "11", "bigint"),
    ("hour(timestamp '2026-01-01 13:14:15')", "13", "bigint"),
    ("millisecond(timestamp '2026-01-01 13:14:15.123')", "123", "bigint"),
    ("date_trunc('month', date '2026-11-22')", "2026-11-01", "date"),
    ("date_trunc('week', date '2026-11-22')", "2026-11-16", "date"),
    ("date_trunc('hour', timestamp '2026-01-01 13:14:15')", "2026-01-01 13:00:00.000", "timestamp"),
    ("date_add('month', 1, date '2026-01-31')", "2026-02-28", "date"),
    ("date_add('hour', -1, timestamp '2026-01-01 00:30:00')", "2025-12-31 23:30:00.000", "timestamp"),
    ("date '2026-01-31' + interval '1' day", "2026-02-01", "date"),
    ("date '2026-01-31' - interval '1' month", "2025-12-31", "date"),
    ("timestamp '2026-01-01 00:00:00' + interval '90' minute", "2026-01-01 01:30:00.000", "timestamp"),
    ("date_diff('day', date '2026-01-01', date '2026-02-01')", "31", "bigint"),
    ("date_diff('month', date '2026-01-31', date '2026-02-01')", "0", "bigint"),
    ("date_diff('day', timestamp '2026-01-01 12:00:00', timestamp '2026-01-02 11:00:00')", "0", "bigint"),
    ("date_diff('hour', timestamp '2026-01-01 00:59:00', timestamp '2026-01-01 02:00:00')", "1", "bigint"),
    ("date_format(timestamp '2026-01-02 03:04:05', '%Y-%m-%d %H:%i:%s')", "2026-01-02 03:04:05", "varchar"),
    ("date_format(timestamp '2026-01-02 03:04:05', '%W %M %d')", "Friday January 02", "varchar"),
    ("date_parse('2026-01-02 03:04', '%Y-%m-%d %H:%i')", "2026-01-02 03:04:00.000", "timestamp"),
    ("format_datetime(timestamp '2026-01-02 03:04:05', 'yyyy/MM/dd''T''HH')", "2026/01/02T03", "varchar"),
    ("parse_datetime('2026-01-02', 'yyyy-MM-dd')", "2026-01-02 00:00:00.000 UTC", "timestamp with time zone"),
    ("from_iso8601_date('2026-01-02')", "2026-01-02", "date"),
    ("from_iso8601_timestamp('2026-01-02T03:04:05+02:00')", "2026-01-02 01:04:05.000 UTC", "timestamp with time zone"),
    ("to_iso8601(date '2026-01-02')", "2026-01-02", "varchar"),
    ("from_unixtime(86400)", "1970-01-02 00:00:00.000 UTC", "timestamp with time zone"),
    ("to_unixtime(timestamp '1970-01-02 00:00:00')", "86400.0", "double"),
    ("timestamp '2026-01-02 03:04:05.5'", "2026-01-02 03:04:05.500", "timestamp"),
    ("timestamp '2026-01-02 03:04:05 UTC'", "2026-01-02 03:04:05.000 UTC", "timestamp with time zone"),
    ("cast('2026-01-02' as date)", "2026-01-02", "date"),
    ("cast(timestamp '2026-01-02 23:00:00' as date)", "2026-01-02", "date"),
    ("last_day_of_month(date '2026-02-05')", "2026-02-28", "date"),
    ("at_timezone(timestamp '2026-07-01 00:00:00 UTC', 'Europe/Berlin')", "2026-07-01 02:00:00.000", "timestamp"),
    ("timestamp '2026-07-01 00:00:00' at time zone 'Europe/Berlin'", "2026-07-01 02:00:00.000", "timestamp"),
    ("with_timezone(timestamp '2026-07-01 00:00:00', 'Europe/Berlin')", "2026-06-30 22:00:00.000 UTC", None),
    # collections
    ("array[1, 2][1]", "1", "integer"),
    ("element_at(array[1, 2], 5)", None, "integer"),
    ("cardinality(array[1, 2])", "2", "bigint"),
    ("cardinality(map(array['a'], array[1]))", "1", "bigint"),
    ("map(array['a'], array[1])['a']", "1", "integer"),
    ("element_at(map(array['a'], array[1]), 'b')", None, "integer"),
    ("contains(array[1, 2], 2)", "true", "boolean"),
    ("array_join(array['a', 'b'], '-')", "a-b", "varchar"),
    ("array_distinct(array[1, 1])", "[1]", "array"),
    ("array_max(array[1, 3])", "3", "integer"),
    ("sequence(1, 3)", "[1, 2, 3]", "array"),
    ("sequence(date '2026-01-01', date '2026-01-02', interval '1' day)", "[2026-01-01, 2026-01-02]", "array"),
    ("transform(array[1, 2], x -> x + 1)", "[2, 3]", "array"),
    ("filter(array[1, 2, 3], x -> x > 1)", "[2, 3]", "array"),
    ("slice(array[1, 2, 3], 2, 2)", "[2, 3]", "array"),
    ("map_keys(map(array['a'], array[1]))", "[a]", "array"),
    ("flatten(array[array[1], array[2]])", "[1, 2]", "array"),
    ("cast(row(1, 'x') as row(a integer, b varchar))", "{a=1, b=x}", "row"),
    ("repeat('a', 2)", "[a, a]", "array"),
    ("array_union(array[1], array[1])", "[1]", "array"),
    ("array[1, null]", "[1, null]", "array"),
    ("split_to_map('a=1,b=2', ',', '=')['b']", "2", "varchar"),
]

# aggregate over the rows (1, 'a', 1.10), (2, 'b', 2.25), (null, 'b', null)
AGGREGATES = [
    ("count(*)", "3", "bigint"),
    ("count(n)", "2", "bigint"),
    ("sum(n)", "3", "bigint"),
    ("sum(n) / 2", "1", "bigint"),
    ("avg(n)", "1.5", "double"),
    ("sum(d)", "3.35", "decimal(38,2)"),
    ("avg(d)", "1.68", "decimal(12,2)"),
    ("avg(d) filter (where n = 1)", "1.10", "decimal(12,2)"),
    ("avg(d) filter (where n > 5)", None, "decimal(12,2)"),
    ("sum(d) / count(*)", "1.12", "decimal(38,2)"),
    ("count_if(n > 1)", "1", "bigint"),
    ("count(distinct s)", "2", "bigint"),
    ("approx_distinct(s)", "2", "bigint"),
    ("max_by(s, n)", "b", "varchar"),
    ("min_by(s, n)", "a", "varchar"),
    ("arbitrary(n) is not null", "true", "boolean"),
    ("array_agg(n order by n desc)", "[2, 1, null]", "array"),
    ("array_agg(s order by n)", "[a, b, b]", "array"),
    ("bool_and(n > 0)", "true", "boolean"),
    ("every(n > 1)", "false", "boolean"),
    ("bool_or(n > 1)", "true", "boolean"),
    ("map_agg(s, d) filter (where n is not null)", "{a=1.10, b=2.25}", "map"),
    ("listagg(s, ',') within group (order by n)", "a,b,b", "varchar"),
    ("sum(n) filter (where s = 'b')", "2", "bigint"),
    ("stddev_pop(n)", "0.5", "double"),
    ("approx_percentile(n, 1.0)", "2", None),
    ("geometric_mean(n * n)", "2.0", "double"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    opened = Session(Caller(None, "000000000000", "us-east-1"), tmp_path_factory.mktemp("athena"))
    yield opened
    opened.close()


@pytest.fixture
def evaluate(session: Session, tmp_path: Path) -> Evaluate:
    """The text and the type of the first column of the only row."""

    def run(query: str) -> tuple[str | None, str]:
        rows, types = table(session, tmp_path, query)
        return rows[0][0], types[0]

    return run


def table(session: Session, folder: Path, query: str) -> tuple[list[list[str | None]], list[str]]:
    translated = translate(query, "", session)
    target = folder / "result.csv"
    columns = results.write_csv(session.connection, translated.sql, translated.columns, target)
    rows, _ = results.rows_of(target.read_bytes(), 0, 1000)
    types = [
        f"decimal({column.type.precision},{column.type.scale})" if column.type.name == "decimal" else column.type.name
        for column in columns
    ]
    return rows[1:], types


@pytest.mark.parametrize(("expression", "text", "kind"), EXPRESSIONS, ids=[row[0] for row in EXPRESSIONS])
def test_expression_has_trinos_value_and_type(
    evaluate: Evaluate, expression: str, text: str | None, kind: str | None
) -> None:
    value, found = evaluate(f"SELECT {expression}")
    assert (value, found if kind else None) == (text, kind)


@pytest.mark.parametrize(("aggregate", "text", "kind"), AGGREGATES, ids=[row[0] for row in AGGREGATES])
def test_aggregate_has_trinos_value_and_type(
    evaluate: Evaluate, aggregate: str, text: str | None, kind: str | None
) -> None:
    rows = "(VALUES (1, 'a', decimal '1.10'), (2, 'b', decimal '2.25'), (null, 'b', null)) AS t (n, s, e)"
    value, found = evaluate(f"SELECT {aggregate} FROM (SELECT n, s, cast(e AS decimal(12,2)) AS d FROM {rows})")
    assert (value, found if kind else None) == (text, kind)


@pytest.mark.parametrize(("order", "expected"), [("", ["1", "2", None]), ("DESC", ["2", "1", None])])
def test_nulls_come_last_in_either_order(
    session: Session, tmp_path: Path, order: str, expected: list[str | None]
) -> None:
    rows, _ = table(session, tmp_path, f"SELECT n FROM (VALUES 2, null, 1) AS t (n) ORDER BY n {order}")
    assert [row[0] for row in rows] == expected


def test_window_frames_and_decimal_averages_over_them(session: Session, tmp_path: Path) -> None:
    query = """
        SELECT n, rank() OVER (ORDER BY n DESC), avg(d) OVER (ORDER BY n ROWS 1 PRECEDING)
        FROM (SELECT n, cast(n AS decimal(12,2)) AS d FROM (VALUES 1, 2, 5) AS t (n)) ORDER BY n
    """
    rows, types = table(session, tmp_path, query)
    assert rows == [["1", "3", "1.00"], ["2", "2", "1.50"], ["5", "1", "3.50"]]
    assert types == ["integer", "bigint", "decimal(12,2)"]


def test_columns_without_a_name_are_numbered_by_their_place(session: Session) -> None:
    translated = translate("SELECT *, 1, cast(a AS varchar), a AS B FROM (VALUES (1, 2)) AS t (a, b)", "", session)
    assert translated.columns == ("a", "b", "_col2", "_col3", "B")


def test_unnest_and_grouping_sets(session: Session, tmp_path: Path) -> None:
    query = """
        WITH carts AS (SELECT * FROM (VALUES ('c1', array['p1', 'p2']), ('c2', array['p1'])) AS t (cart, products))
        SELECT product, count(*) FROM carts CROSS JOIN UNNEST(products) AS u (product)
        GROUP BY ROLLUP (product) ORDER BY product
    """
    rows, _ = table(session, tmp_path, query)
    assert rows == [["p1", "2"], ["p2", "1"], [None, "3"]]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT decimal '1.0' / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT nvl(1, 2)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nvl' not registered or not supported locally"),
        (
            "SELECT a\nFROM (VALUES 1) AS t (a)\nWHERE a = '1'",
            "TYPE_MISMATCH: line 3:7: Cannot apply operator: integer = varchar(1)",
        ),
        (
            "SELECT date '2026-01-01' < '2026-01-02'",
            "TYPE_MISMATCH: line 1:1: Cannot apply operator: date < varchar(10)",
        ),
        (
            "SELECT 1 FROM (VALUES date '2026-01-01') AS t (d) WHERE d IN ('2026-01-01')",
            "TYPE_MISMATCH: line 1:57: Cannot apply operator: date = varchar(10)",
        ),
        (
            "SELECT 1 FROM (VALUES date '2026-01-01') AS t (d) WHERE d BETWEEN '2026-01-01' AND '2026-01-02'",
            "TYPE_MISMATCH: line 1:57: Cannot apply operator: date <= varchar(10)",
        ),
        ("SELECT '5' + 1", "TYPE_MISMATCH: line 1:1: Cannot apply operator: varchar(1) + integer"),
        ("SELECT 'a' || 1", "TYPE_MISMATCH: line 1:1: Unexpected parameters (varchar(1), integer) for function concat"),
        (
            "SELECT a AS b FROM (VALUES 1) AS t (a) GROUP BY b",
            "COLUMN_NOT_FOUND: line 1:49: Column 'b' cannot be resolved or requester is not authorized to access "
            "requested resources",
        ),
        (
            "SELECT date '2026-01-02' - date '2026-01-01'",
            "NOT_SUPPORTED: date - date: use date_diff('day', …) (not supported by the embedded AWS)",
        ),
        (
            "SELECT a, count(*) FROM (VALUES (1, 2)) AS t (a, b) GROUP BY b",
            "EXPRESSION_NOT_AGGREGATE: 'a' must be an aggregate expression or appear in GROUP BY clause",
        ),
        (
            "SELECT 9223372036854775807 + 1",
            "NUMERIC_VALUE_OUT_OF_RANGE: Out of Range Error: Overflow in addition of INT64 (9223372036854775807 + 1)!",
        ),
    ],
)
def test_query_that_fails_says_why_in_athenas_words(session: Session, tmp_path: Path, query: str, reason: str) -> None:
    assert failure_of(session, tmp_path, query) == reason


def failure_of(session: Session, folder: Path, query: str) -> str:
    try:
        table(session, folder, query)
    except duckdb.Error as error:
        return engine_error(error).reason
    except QueryError as error:
        return error.reason
    return "no failure"


def test_query_that_does_not_parse_is_refused_with_its_place(session: Session) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        translate("SELECT *\nFROM (VALUES 1) t WHERE", "", session)
    assert refusal.value.code == "MALFORMED_QUERY"
    assert str(refusal.value).startswith("line 2:")
