"""Spark SQL in DuckDB's dialect: sqlglot, and what sqlglot lets through although the engines differ.

tests/sql/test_dialect.py runs expressions on both engines. What cannot be made equal without knowing types is left to
the author of the SQL, and to the check of every result against its contract:

- Types: DuckDB's sums of integers are hugeint, its averages and quotients of decimals are double, its parts of dates
  bigint. Cast every computed column of the final list to its contract type.
- `cast(x as int)` of a fraction truncates in Spark and rounds in DuckDB: write `floor`, `ceil` or `round` first.
- A timestamp as text: use `date_format`. DuckDB's own text of it ends in its zone.
- Quotients and averages of money: keep them as double, or compute in whole cents.
"""

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError
from sqlglot.parsers.spark import SparkParser

from lakehouse.errors import EngineError


class AnsiSpark(Spark):
    """Spark with `spark.sql.ansi.enabled`, as the Spark engine sets it: a cast that fails is an error, not a null."""

    class Parser(SparkParser):
        STRICT_CAST = True


_UNEQUAL = ("hash", "xxhash64", "crc32", "percentile", "percentile_approx", "approx_percentile", "monotonically")
_INTEGERS = (exp.DataType.Type.INT, exp.DataType.Type.BIGINT, exp.DataType.Type.SMALLINT, exp.DataType.Type.TINYINT)
_DATES = (exp.TsOrDsAdd, exp.AddMonths, exp.DateAdd, exp.DateSub)
_DAY_OF_WEEK = ("dow", "dayofweek")


@lru_cache(256)
def to_duckdb(sql: str, where: str) -> str:
    """Translate one SELECT. `where` names its file in errors. A container that stays warm translates each once.

    Raises:
        EngineError: it is not one SELECT that both engines understand in the same way.
    """
    try:
        statements = sqlglot.parse(sql, read=AnsiSpark)
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise EngineError(f"{where}: expected one SELECT, found {len(statements)} statements")
        for node in statements[0].walk():
            _refuse_unequal(node, where)
        translated = statements[0].transform(_as_spark_means_it)
        return translated.sql(dialect="duckdb", identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise EngineError(f"{where}: cannot be said in DuckDB's SQL: {error}") from error


def _refuse_unequal(node: exp.Expr, where: str) -> None:
    if isinstance(node, exp.Func):
        name = node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
        if name in _UNEQUAL or isinstance(node, exp.Quantile | exp.ApproxQuantile | exp.PercentileCont):
            raise EngineError(f"{where}: {name}() gives other values on DuckDB than on Spark; use something else")
    if isinstance(node, exp.Cast) and node.to.this in _INTEGERS and _is_fraction(node.this):
        raise EngineError(
            f"{where}: '{node.sql(dialect='spark')}' truncates on Spark and rounds on DuckDB; use floor, ceil or round"
        )


def _is_fraction(node: exp.Expr) -> bool:
    """Can it be seen that the value has decimals?"""
    inner = node.unnest()
    if isinstance(inner, exp.Neg):
        return _is_fraction(inner.this)
    literal = isinstance(inner, exp.Literal) and not inner.is_string and "." in inner.name
    return literal or isinstance(inner, exp.Div | exp.Avg)


def _as_spark_means_it(node: exp.Expr) -> exp.Expr:
    """One node of the tree, in words that DuckDB takes as Spark takes the original."""
    if isinstance(node, exp.CountIf):
        # DuckDB's count_if of no rows is null, Spark's is 0.
        counted = exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))])
        return exp.Count(this=counted)
    if isinstance(node, exp.Anonymous) and node.name.lower() == "weekday":
        # Monday is 0 in Spark and 1 in DuckDB.
        return _int(exp.Sub(this=_iso_day(node.expressions[0]), expression=exp.Literal.number(1)))
    if isinstance(node, exp.DayOfWeek) or (isinstance(node, exp.Extract) and node.name.lower() in _DAY_OF_WEEK):
        # Sunday is 1 in Spark and 0 in DuckDB.
        of = node.expression if isinstance(node, exp.Extract) else node.this
        day = exp.Mod(this=_iso_day(of), expression=exp.Literal.number(7))
        return _int(exp.Paren(this=exp.Add(this=day, expression=exp.Literal.number(1))))
    if isinstance(node, _DATES):
        # Spark's sum of a date and days or months is a date, DuckDB's a timestamp.
        return node if isinstance(node.parent, exp.Cast) else exp.cast(node.copy(), "date")
    if isinstance(node, exp.Div):
        # Spark (ANSI) refuses to divide by zero, DuckDB answers null or infinity.
        node.set("expression", _not_zero(node.expression))
        node.set("safe", False)
    return node


def _iso_day(day: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this="isodow", expressions=[day.copy()])


def _int(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "int")


def _not_zero(divisor: exp.Expr) -> exp.Expr:
    if isinstance(divisor, exp.Literal) and divisor.name.strip("0."):
        return divisor
    refused = exp.Anonymous(this="error", expressions=[exp.Literal.string("Division by zero")])
    is_zero = exp.EQ(this=exp.Paren(this=divisor.copy()), expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=is_zero, true=refused)], default=divisor.copy())
