"""Trino to DuckDB, where sqlglot's own translation keeps the words and changes the meaning.

Each rule takes one annotated expression, whose children are rewritten already, and gives its replacement or None.
"""

import re
from collections.abc import Callable

from sqlglot import exp

from localaws.athena.errors import not_supported
from localaws.athena.functions import strftime_pattern
from localaws.athena.typing import FLOATING, INSTANTS, INTEGERS, TIMESTAMPS, decimal_of, kind_of, quotient_type

_ZONE = re.compile(r"(?:[+-]\d\d:\d\d|\s[A-Za-z][A-Za-z_/]*|Z)$")
_TIMESTAMP_TEXT, _INSTANT_TEXT = "%Y-%m-%d %H:%M:%S.%g", "%Y-%m-%d %H:%M:%S.%g UTC"


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


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _text(value: str) -> exp.Expr:
    return exp.Literal.string(value)


def _cast(expression: exp.Expr, kind: str) -> exp.Expr:
    return exp.Cast(this=expression, to=exp.DataType.build(kind, dialect="duckdb"))


def _decimal_cast(expression: exp.Expr, size: tuple[int, int]) -> exp.Expr:
    return _cast(expression, f"DECIMAL({size[0]}, {size[1]})")


def _division(node: exp.Div) -> exp.Expr | None:
    """Integers truncate, decimals keep decimals, floating numbers divide as IEEE 754 says."""
    left, right = node.left, node.right
    kinds = {kind_of(left), kind_of(right)}
    if kinds <= INTEGERS:
        return exp.Paren(this=exp.IntDiv(this=exp.Paren(this=left), expression=exp.Paren(this=right)))
    if kinds & FLOATING:
        return exp.Paren(this=exp.Div(this=_cast(left, "DOUBLE"), expression=_cast(right, "DOUBLE")))
    one, two = decimal_of(left), decimal_of(right)
    if one is None or two is None:
        return _call("trino_divide", left, right)
    return _decimal_division(left, one, right, two)


def _decimal_division(left: exp.Expr, one: tuple[int, int], right: exp.Expr, two: tuple[int, int]) -> exp.Expr:
    precision, scale = quotient_type(one, two)
    # unscaled(left) * 10^(scale - s1 + s2) / unscaled(right) is the unscaled quotient.
    numerator = _unscaled(left, one, shift=scale - one[1] + two[1])
    quotient = _call("trino_quotient", numerator, _unscaled(right, two, shift=0))
    return _scaled(quotient, (precision, scale))


def _unscaled(value: exp.Expr, size: tuple[int, int], shift: int) -> exp.Expr:
    power = exp.Literal.number(10 ** (size[1] + shift))
    product = exp.Mul(this=_decimal_cast(value, size), expression=_cast(power, "DECIMAL(38, 0)"))
    return _cast(product, "HUGEINT")


def _scaled(unscaled: exp.Expr, size: tuple[int, int]) -> exp.Expr:
    if size[1] == 0:
        return _decimal_cast(unscaled, size)
    unit = _cast(_text("0." + "0" * (size[1] - 1) + "1"), f"DECIMAL({size[1] + 1}, {size[1]})")
    return _decimal_cast(exp.Mul(this=_cast(unscaled, "DECIMAL(38, 0)"), expression=unit), size)


def _average(node: exp.Avg) -> exp.Expr | None:
    """avg of a decimal is that decimal: the exact sum over the count, filters and windows included."""
    argument = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    kind = kind_of(argument)
    if kind is exp.DType.UNKNOWN:
        raise not_supported("avg of an expression whose type is not known here: cast it")
    size = decimal_of(argument)
    if kind is not exp.DType.DECIMAL or size is None:
        return None
    top = _whole_aggregate(node)
    total, count = _with_aggregate(top, node, exp.Sum), _with_aggregate(top, node, exp.Count)
    average = exp.Case(
        ifs=[exp.If(this=exp.EQ(this=count, expression=exp.Literal.number(0)), true=exp.Null())],
        default=_decimal_division(total, (38, size[1]), count.copy(), (19, 0)),
    )
    result = _decimal_cast(average, size)
    result.type = node.type
    top.replace(result)
    return None


def _whole_aggregate(node: exp.Expr) -> exp.Expr:
    """An aggregate with its FILTER and OVER."""
    while isinstance(node.parent, (exp.Filter, exp.Window)) and node.parent.this is node:
        node = node.parent
    return node


def _map_aggregate(node: exp.Expr) -> exp.Expr | None:
    """map_agg(k, v) is a list of entries made a map."""
    key, value = node.expressions if isinstance(node, exp.Anonymous) else (node.this, node.expression)
    top = _whole_aggregate(node)
    entries = _call("list", _call("row", key.copy(), value.copy()))
    if top is node:
        return _call("map_from_entries", entries)
    node.replace(entries)
    top.replace(_call("map_from_entries", top.copy()))
    return None


def _quantile(node: exp.ApproxQuantile) -> exp.Expr | None:
    """Of integers it is an integer."""
    if kind_of(node.this) not in INTEGERS or kind_of(node) is exp.DType.ARRAY:
        return None
    top = _whole_aggregate(node)
    result = _cast(exp.Round(this=top.copy()), "BIGINT")
    top.replace(result)
    return None


def _slice(node: exp.ArraySlice) -> exp.Expr:
    return _call("trino_slice", node.this, node.args["start"], node.args["end"])


def _split_to_map(node: exp.StrToMap) -> exp.Expr:
    return _call("split_to_map", node.this, node.args["pair_delim"], node.args["key_value_delim"])


def _with_aggregate(top: exp.Expr, node: exp.Avg, aggregate: type[exp.Func]) -> exp.Expr:
    made = aggregate(this=node.this.copy())
    if top is node:
        return made
    path: list[str] = []
    copy = top.copy()
    inner = copy
    while not isinstance(inner, exp.Avg):
        inner = inner.this
        path.append("this")
    inner.replace(made)
    return copy


def _rounded(node: exp.Expr) -> exp.Expr | None:
    size = decimal_of(node)
    return _decimal_cast(node.copy(), size) if kind_of(node) is exp.DType.DECIMAL and size else None


def _casting(node: exp.Cast) -> exp.Expr | None:
    """Casts that differ: floating to integer (half up), dates and doubles to text, text cut to varchar(n)."""
    source, target = kind_of(node.this), node.to.this
    if target is exp.DType.TIMESTAMP and isinstance(node.this, exp.Literal) and _ZONE.search(node.this.name):
        return _cast(node.this, "TIMESTAMPTZ")
    if source in FLOATING and target in INTEGERS:
        return type(node)(this=exp.Round(this=node.this), to=node.to)
    if target not in (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR):
        return None
    text = _as_text(node.this, source)
    limit = node.to.expressions[0].this if node.to.expressions else None
    if text is None and limit is None:
        return None
    text = text or type(node)(this=node.this, to=exp.DataType.build("VARCHAR"))
    return _call("left", text, limit) if limit is not None else text


def _as_text(value: exp.Expr, kind: exp.DType) -> exp.Expr | None:
    if kind in TIMESTAMPS:
        return _call("strftime", value, _text(_TIMESTAMP_TEXT))
    if kind in INSTANTS:
        return _call("strftime", value, _text(_INSTANT_TEXT))
    return _call("trino_double_text", value) if kind in FLOATING else None


def _without_precision(node: exp.DataType) -> exp.Expr | None:
    """DuckDB has other types for timestamps of fewer decimals; Athena has one."""
    if node.this in TIMESTAMPS | INSTANTS and node.expressions:
        return exp.DataType(this=node.this)
    return None


def _extraction(node: exp.Extract) -> exp.Expr | None:
    part = node.this.name.upper()
    if part in ("DOW", "DAYOFWEEK", "DAY_OF_WEEK"):
        return _call("isodow", node.expression)
    if part in ("YOW", "YEAR_OF_WEEK", "YEAROFWEEK"):
        return _call("isoyear", node.expression)
    return None


def _difference(node: exp.DateDiff) -> exp.Expr:
    """Trino counts whole units, DuckDB's date_diff counts boundaries; its date_sub counts whole units."""
    return _call("date_sub", _text(node.text("unit").lower()), node.expression, node.this)


def _date_arithmetic(node: exp.Expr) -> exp.Expr | None:
    """date + interval is a date in Trino and a timestamp in DuckDB; date - date is an interval."""
    kinds = [kind_of(side) for side in (node.this, node.expression)]
    if isinstance(node, exp.Sub) and kinds == [exp.DType.DATE, exp.DType.DATE]:
        raise not_supported("date - date: use date_diff('day', …)")
    sides = (node.this, node.expression)
    if exp.DType.DATE in kinds and any(isinstance(side, exp.Interval) for side in sides):
        return _cast(exp.Paren(this=node.copy()), "DATE")
    return None


def _stays_date(node: exp.Expr) -> exp.Expr | None:
    return _cast(node.copy(), "DATE") if kind_of(node.this) is exp.DType.DATE else None


def _json_scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    return _call("trino_json_extract_scalar", node.this, _json_path(node.expression))


def _json_value(node: exp.JSONExtract) -> exp.Expr:
    return _call("json_extract", node.this, _json_path(node.expression))


def _json_path(path: exp.Expr) -> exp.Expr:
    text = path.sql(dialect="duckdb")
    return _text(text[1:-1]) if text.startswith("'") else path


def _regexp_extract(node: exp.RegexpExtract) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return _call("trino_regexp_extract", node.this, node.expression, group)


def _regexp_replace(node: exp.RegexpReplace) -> exp.Expr:
    replacement = node.args.get("replacement") or _text("")
    if isinstance(replacement, exp.Literal):
        replacement = _text(re.sub(r"\$(\d)", r"\\\1", replacement.name))
    elif not isinstance(replacement, exp.Null):
        raise not_supported("regexp_replace with a replacement that is no literal")
    return _call("regexp_replace", node.this, node.expression, replacement, _text("g"))


def _split_part(node: exp.SplitPart) -> exp.Expr:
    return _call("trino_split_part", node.this, node.args["delimiter"], node.args["part_index"])


def _at_time_zone(node: exp.AtTimeZone) -> exp.Expr:
    return _call("trino_at_timezone", node.this, node.args["zone"])


def _array_size(node: exp.ArraySize) -> exp.Expr | None:
    return _call("cardinality", node.this) if kind_of(node.this) is exp.DType.MAP else None


def _series(node: exp.GenerateSeries) -> exp.Expr | None:
    return _cast(node.copy(), "DATE[]") if kind_of(node.args["start"]) is exp.DType.DATE else None


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
    return _call("trino_at_timezone", *node.expressions)


def _every(node: exp.Anonymous) -> exp.Expr:
    return _call("bool_and", *node.expressions)


def _format_datetime(node: exp.Anonymous) -> exp.Expr:
    value, pattern = node.expressions
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_supported("format_datetime with a pattern that is no literal")
    return _call("strftime", value, _text(strftime_pattern(pattern.name)))


_BY_NAME: dict[str, Callable[[exp.Anonymous], exp.Expr | None]] = {
    "at_timezone": _at_timezone,
    "every": _every,
    "map_agg": _map_aggregate,
    "format_datetime": _format_datetime,
}


def _named(node: exp.Anonymous) -> exp.Expr | None:
    rule = _BY_NAME.get(node.name.lower())
    return rule(node) if rule else None


def _parse_datetime(node: exp.ParseDatetime) -> exp.Expr:
    pattern = node.args["format"]
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_supported("parse_datetime with a pattern that is no literal")
    return _cast(_call("strptime", node.this, _text(strftime_pattern(pattern.name))), "TIMESTAMPTZ")


def _format(node: exp.Format) -> exp.Expr:
    return _call("printf", node.this, *node.expressions)


_RULES: tuple[tuple[type[exp.Expr], Callable[..., exp.Expr | None]], ...] = (
    (exp.Div, _division),
    (exp.Avg, _average),
    (exp.Round, _rounded),
    (exp.Ceil, _rounded),
    (exp.Floor, _rounded),
    (exp.Cast, _casting),
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
    (exp.ApproxQuantile, _quantile),
    (exp.ArraySlice, _slice),
    (exp.StrToMap, _split_to_map),
    (exp.Table, _table),
    (exp.Anonymous, _named),
)
