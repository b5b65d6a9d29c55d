"""Division, rounding and casts as Trino does them."""

import re

from sqlglot import exp

from localaws.athena.nodes import call, cast, decimal_cast, text
from localaws.athena.typing import FLOATING, INSTANTS, INTEGERS, TIMESTAMPS, decimal_of, kind_of, quotient_type

_ZONE = re.compile(r"(?:[+-]\d\d:\d\d|\s[A-Za-z][A-Za-z_/]*|Z)$")
_TIMESTAMP_TEXT, _INSTANT_TEXT = "%Y-%m-%d %H:%M:%S.%g", "%Y-%m-%d %H:%M:%S.%g UTC"


def division(node: exp.Div) -> exp.Expr | None:
    """Integers truncate, decimals keep decimals, floating numbers divide as IEEE 754 says."""
    left, right = node.left, node.right
    kinds = {kind_of(left), kind_of(right)}
    if kinds <= INTEGERS:
        return exp.Paren(this=exp.IntDiv(this=exp.Paren(this=left), expression=exp.Paren(this=right)))
    if kinds & FLOATING:
        return exp.Paren(this=exp.Div(this=cast(left, "DOUBLE"), expression=cast(right, "DOUBLE")))
    one, two = decimal_of(left), decimal_of(right)
    if one is None or two is None:
        return call("trino_divide", left, right)
    return decimal_division(left, one, right, two)


def decimal_division(left: exp.Expr, one: tuple[int, int], right: exp.Expr, two: tuple[int, int]) -> exp.Expr:
    precision, scale = quotient_type(one, two)
    # unscaled(left) * 10^(scale - s1 + s2) / unscaled(right) is the unscaled quotient.
    numerator = _unscaled(left, one, shift=scale - one[1] + two[1])
    quotient = call("trino_quotient", numerator, _unscaled(right, two, shift=0))
    return _scaled(quotient, (precision, scale))


def _unscaled(value: exp.Expr, size: tuple[int, int], shift: int) -> exp.Expr:
    power = exp.Literal.number(10 ** (size[1] + shift))
    product = exp.Mul(this=decimal_cast(value, size), expression=cast(power, "DECIMAL(38, 0)"))
    return cast(product, "HUGEINT")


def _scaled(unscaled: exp.Expr, size: tuple[int, int]) -> exp.Expr:
    if size[1] == 0:
        return decimal_cast(unscaled, size)
    unit = cast(text("0." + "0" * (size[1] - 1) + "1"), f"DECIMAL({size[1] + 1}, {size[1]})")
    return decimal_cast(exp.Mul(this=cast(unscaled, "DECIMAL(38, 0)"), expression=unit), size)


def rounded(node: exp.Expr) -> exp.Expr | None:
    size = decimal_of(node)
    return decimal_cast(node.copy(), size) if kind_of(node) is exp.DType.DECIMAL and size else None


def casting(node: exp.Cast) -> exp.Expr | None:
    """Casts that differ: floating to integer (half up), dates and doubles to text, text cut to varchar(n)."""
    source, target = kind_of(node.this), node.to.this
    if target is exp.DType.TIMESTAMP and isinstance(node.this, exp.Literal) and _ZONE.search(node.this.name):
        return cast(node.this, "TIMESTAMPTZ")
    if source in FLOATING and target in INTEGERS:
        return type(node)(this=exp.Round(this=node.this), to=node.to)
    if target not in (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR):
        return None
    shown = _as_text(node.this, source)
    limit = node.to.expressions[0].this if node.to.expressions else None
    if shown is None and limit is None:
        return None
    shown = shown or type(node)(this=node.this, to=exp.DataType.build("VARCHAR"))
    return call("left", shown, limit) if limit is not None else shown


def _as_text(value: exp.Expr, kind: exp.DType) -> exp.Expr | None:
    if kind in TIMESTAMPS:
        return call("strftime", value, text(_TIMESTAMP_TEXT))
    if kind in INSTANTS:
        return call("strftime", value, text(_INSTANT_TEXT))
    return call("trino_double_text", value) if kind in FLOATING else None
