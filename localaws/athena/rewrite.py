"""Trino to DuckDB, where sqlglot's own translation keeps the words and changes the meaning.

Each rule takes one annotated expression, whose children are rewritten already, and gives its replacement or None.
"""

import re
from collections.abc import Callable

from sqlglot import exp

from localaws.athena.aggregates import average, distinct_count, map_aggregate, quantile
from localaws.athena.arithmetic import casting, division, rounded
from localaws.athena.errors import not_supported
from localaws.athena.functions import strftime_pattern
from localaws.athena.nodes import call, cast, text
from localaws.athena.typing import INSTANTS, TIMESTAMPS, kind_of


def rewrite(query: exp.Expr) -> exp.Expr:
    """Apply the rules from the leaves up; replaced expressions keep their Trino type."""
    for node in reversed(list(query.walk(bfs=False))):
        for kind, rule in _RULES:
            if not isinstance(node, kind):
                continue
            replacement = rule(node)
            if replacement is not None and replacement is not node:
                replacement.type = node.type
                node.replace(replacement)
                query = replacement if node is query else query
                break
    return query


def _slice(node: exp.ArraySlice) -> exp.Expr:
    return call("trino_slice", node.this, node.args["start"], node.args["end"])


def _split_to_map(node: exp.StrToMap) -> exp.Expr:
    return call("split_to_map", node.this, node.args["pair_delim"], node.args["key_value_delim"])


def _without_precision(node: exp.DataType) -> exp.Expr | None:
    """DuckDB has other types for timestamps of fewer decimals; Athena has one."""
    if node.this in TIMESTAMPS | INSTANTS and node.expressions:
        return exp.DataType(this=node.this)
    return None


def _extraction(node: exp.Extract) -> exp.Expr | None:
    part = node.this.name.upper()
    if part in ("DOW", "DAYOFWEEK", "DAY_OF_WEEK"):
        return call("isodow", node.expression)
    if part in ("YOW", "YEAR_OF_WEEK", "YEAROFWEEK"):
        return call("isoyear", node.expression)
    return None


def _difference(node: exp.DateDiff) -> exp.Expr:
    """Trino counts whole units, DuckDB's date_diff counts boundaries; its date_sub counts whole units."""
    return call("date_sub", text(node.text("unit").lower()), node.expression, node.this)


def _date_arithmetic(node: exp.Expr) -> exp.Expr | None:
    """date + interval is a date in Trino and a timestamp in DuckDB; date - date is an interval."""
    kinds = [kind_of(side) for side in (node.this, node.expression)]
    if isinstance(node, exp.Sub) and kinds == [exp.DType.DATE, exp.DType.DATE]:
        raise not_supported("date - date: use date_diff('day', …)")
    sides = (node.this, node.expression)
    if exp.DType.DATE in kinds and any(isinstance(side, exp.Interval) for side in sides):
        return cast(exp.Paren(this=node.copy()), "DATE")
    return None


def _stays_date(node: exp.Expr) -> exp.Expr | None:
    return cast(node.copy(), "DATE") if kind_of(node.this) is exp.DType.DATE else None


def _json_scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    return call("trino_json_extract_scalar", node.this, _json_path(node.expression))


def _json_value(node: exp.JSONExtract) -> exp.Expr:
    return call("json_extract", node.this, _json_path(node.expression))


def _json_path(path: exp.Expr) -> exp.Expr:
    quoted = path.sql(dialect="duckdb")
    return text(quoted[1:-1]) if quoted.startswith("'") else path


def _regexp_extract(node: exp.RegexpExtract) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return call("trino_regexp_extract", node.this, node.expression, group)


def _regexp_replace(node: exp.RegexpReplace) -> exp.Expr:
    replacement = node.args.get("replacement") or text("")
    if isinstance(replacement, exp.Literal):
        replacement = text(re.sub(r"\$(\d)", r"\\\1", replacement.name))
    elif not isinstance(replacement, exp.Null):
        raise not_supported("regexp_replace with a replacement that is no literal")
    return call("regexp_replace", node.this, node.expression, replacement, text("g"))


def _split_part(node: exp.SplitPart) -> exp.Expr:
    return call("trino_split_part", node.this, node.args["delimiter"], node.args["part_index"])


def _at_time_zone(node: exp.AtTimeZone) -> exp.Expr:
    return call("trino_at_timezone", node.this, node.args["zone"])


def _array_size(node: exp.ArraySize) -> exp.Expr | None:
    return call("cardinality", node.this) if kind_of(node.this) is exp.DType.MAP else None


def _series(node: exp.GenerateSeries) -> exp.Expr | None:
    return cast(node.copy(), "DATE[]") if kind_of(node.args["start"]) is exp.DType.DATE else None


def _unnest(node: exp.Unnest) -> exp.Expr | None:
    arguments = node.expressions
    if len(arguments) > 1 or any(kind_of(argument) is exp.DType.MAP for argument in arguments):
        raise not_supported("UNNEST of a map or of several arrays")
    kind = arguments[0].type
    elements = kind.expressions if isinstance(kind, exp.DataType) else []
    if elements and isinstance(elements[0], exp.DataType) and elements[0].this is exp.DType.STRUCT:
        raise not_supported("UNNEST of an array of rows")
    return None


def _table(node: exp.Table) -> exp.Expr | None:
    node.set("catalog", None)
    return None


def _at_timezone(node: exp.Anonymous) -> exp.Expr:
    return call("trino_at_timezone", *node.expressions)


def _every(node: exp.Anonymous) -> exp.Expr:
    return call("bool_and", *node.expressions)


def _format_datetime(node: exp.Anonymous) -> exp.Expr:
    value, pattern = node.expressions
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_supported("format_datetime with a pattern that is no literal")
    return call("strftime", value, text(strftime_pattern(pattern.name)))


_BY_NAME: dict[str, Callable[[exp.Anonymous], exp.Expr | None]] = {
    "at_timezone": _at_timezone,
    "every": _every,
    "map_agg": map_aggregate,
    "format_datetime": _format_datetime,
}


def _named(node: exp.Anonymous) -> exp.Expr | None:
    rule = _BY_NAME.get(node.name.lower())
    return rule(node) if rule else None


def _parse_datetime(node: exp.ParseDatetime) -> exp.Expr:
    pattern = node.args["format"]
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_supported("parse_datetime with a pattern that is no literal")
    return cast(call("strptime", node.this, text(strftime_pattern(pattern.name))), "TIMESTAMPTZ")


def _format(node: exp.Format) -> exp.Expr:
    return call("printf", node.this, *node.expressions)


_RULES: tuple[tuple[type[exp.Expr], Callable[..., exp.Expr | None]], ...] = (
    (exp.Div, division),
    (exp.Avg, average),
    (exp.Round, rounded),
    (exp.Ceil, rounded),
    (exp.Floor, rounded),
    (exp.Cast, casting),
    (exp.DataType, _without_precision),
    (exp.Extract, _extraction),
    (exp.DateDiff, _difference),
    (exp.Add, _date_arithmetic),
    (exp.Sub, _date_arithmetic),
    (exp.DateAdd, _stays_date),
    (exp.DateTrunc, _stays_date),
    (exp.TimestampTrunc, _stays_date),
    (exp.JSONExtractScalar, _json_scalar),
    (exp.JSONExtract, _json_value),
    (exp.RegexpExtract, _regexp_extract),
    (exp.RegexpReplace, _regexp_replace),
    (exp.SplitPart, _split_part),
    (exp.AtTimeZone, _at_time_zone),
    (exp.ArraySize, _array_size),
    (exp.GenerateSeries, _series),
    (exp.Unnest, _unnest),
    (exp.Format, _format),
    (exp.ParseDatetime, _parse_datetime),
    (exp.ApproxDistinct, distinct_count),
    (exp.ApproxQuantile, quantile),
    (exp.ArraySlice, _slice),
    (exp.StrToMap, _split_to_map),
    (exp.Table, _table),
    (exp.Anonymous, _named),
)
