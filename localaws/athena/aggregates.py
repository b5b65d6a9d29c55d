"""Aggregates that differ: averages of decimals, maps, quantiles; each with its FILTER and OVER."""

from sqlglot import exp

from localaws.athena.arithmetic import decimal_division
from localaws.athena.errors import not_supported
from localaws.athena.nodes import call, cast, decimal_cast
from localaws.athena.typing import INTEGERS, decimal_of, kind_of


def average(node: exp.Avg) -> exp.Expr | None:
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
        default=decimal_division(total, (38, size[1]), count.copy(), (19, 0)),
    )
    result = decimal_cast(average, size)
    result.type = node.type
    top.replace(result)
    return None


def map_aggregate(node: exp.Expr) -> exp.Expr | None:
    """map_agg(k, v) is a list of entries made a map."""
    key, value = node.expressions if isinstance(node, exp.Anonymous) else (node.this, node.expression)
    top = _whole_aggregate(node)
    entries = call("list", call("row", key.copy(), value.copy()))
    if top is node:
        return call("map_from_entries", entries)
    node.replace(entries)
    top.replace(call("map_from_entries", top.copy()))
    return None


def distinct_count(node: exp.ApproxDistinct) -> exp.Expr:
    """Exact: Trino's approximation is off by 2.3% at most, DuckDB's by more."""
    return exp.Count(this=exp.Distinct(expressions=[node.this]))


def quantile(node: exp.ApproxQuantile) -> exp.Expr | None:
    """Of integers it is an integer."""
    if kind_of(node.this) not in INTEGERS or kind_of(node) is exp.DType.ARRAY:
        return None
    top = _whole_aggregate(node)
    result = cast(exp.Round(this=top.copy()), "BIGINT")
    top.replace(result)
    return None


def _whole_aggregate(node: exp.Expr) -> exp.Expr:
    """An aggregate with its FILTER and OVER."""
    while isinstance(node.parent, (exp.Filter, exp.Window)) and node.parent.this is node:
        node = node.parent
    return node


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
