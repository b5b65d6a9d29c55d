"""The type of every expression of a query by Trino's rules, where they matter: decimals, literals, dates.

sqlglot's annotator knows columns, scopes and functions but treats a decimal as a plain number. The rules here are those
of https://trino.io/docs/current/functions/decimal.html (`p`, `s`: precision and scale of the operands).
"""

from typing import Any

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import MappingSchema

_MAX_PRECISION = 38
_INTEGER_DIGITS = {
    exp.DType.TINYINT: 3,
    exp.DType.SMALLINT: 5,
    exp.DType.INT: 10,
    exp.DType.BIGINT: 19,
    exp.DType.INT128: 19,
    exp.DType.UBIGINT: 19,
}
FLOATING = frozenset({exp.DType.DOUBLE, exp.DType.FLOAT})
INTEGERS = frozenset(_INTEGER_DIGITS)
TIMESTAMPS = frozenset({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMP_S, exp.DType.TIMESTAMP_MS})
INSTANTS = frozenset({exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPLTZ})


def annotate(query: exp.Expr, schema: MappingSchema) -> exp.Expr:
    """Set `.type` on every expression of a qualified query; unknown stays UNKNOWN."""
    return TypeAnnotator(schema, expression_metadata=_metadata()).annotate(query)


def kind_of(expression: exp.Expr) -> exp.DType:
    """An annotated expression's type without its parameters."""
    kind = expression.type
    return kind.this if isinstance(kind, exp.DataType) and isinstance(kind.this, exp.DType) else exp.DType.UNKNOWN


def decimal_of(expression: exp.Expr) -> tuple[int, int] | None:
    """Precision and scale of a decimal or integer expression; None for anything else."""
    kind = expression.type
    if not isinstance(kind, exp.DataType):
        return None
    if kind.this in _INTEGER_DIGITS:
        return _INTEGER_DIGITS[kind.this], 0
    if kind.this is not exp.DType.DECIMAL or len(kind.expressions) != 2:
        return None
    precision, scale = (int(parameter.name) for parameter in kind.expressions)
    return precision, scale


def quotient_type(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """Decimal division: scale max(s1, s2), precision p1 + s2 + max(0, s2 - s1)."""
    (p1, s1), (_, s2) = left, right
    return min(_MAX_PRECISION, p1 + s2 + max(0, s2 - s1)), max(s1, s2)


def _decimal(precision: int, scale: int) -> exp.DataType:
    return exp.DataType.build(f"DECIMAL({min(precision, _MAX_PRECISION)}, {scale})")


def _arithmetic(expression: exp.Expr) -> exp.DataType | None:
    """The decimal type of `+ - * / %`; None where another rule decides."""
    left, right = expression.this, expression.expression
    if exp.DType.DECIMAL not in (kind_of(left), kind_of(right)):
        return None
    one, two = decimal_of(left), decimal_of(right)
    if one is None or two is None:
        return None
    (p1, s1), (p2, s2) = one, two
    if isinstance(expression, exp.Div):
        return _decimal(*quotient_type(one, two))
    if isinstance(expression, exp.Mul):
        return _decimal(p1 + p2, s1 + s2)
    scale = max(s1, s2)
    if isinstance(expression, exp.Mod):
        return _decimal(min(p1 - s1, p2 - s2) + scale, scale)
    return _decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)


def _common(expressions: list[exp.Expr]) -> exp.DataType | None:
    """The decimal type that holds all of several values; None where another rule decides."""
    known = [item for item in expressions if kind_of(item) not in (exp.DType.NULL, exp.DType.UNKNOWN)]
    if not any(kind_of(item) is exp.DType.DECIMAL for item in known):
        return None
    sizes = [size for size in map(decimal_of, known) if size is not None]
    if len(sizes) != len(known):
        return None
    scale = max(size[1] for size in sizes)
    return _decimal(max(precision - own for precision, own in sizes) + scale, scale)


def _literal(annotator: Any, literal: exp.Literal) -> None:
    text = literal.name
    if literal.is_string:
        annotator._set_type(literal, exp.DType.VARCHAR)
    elif "e" in text.lower():
        annotator._set_type(literal, exp.DType.DOUBLE)
    elif "." in text:
        whole, fraction = text.split(".", 1)
        digits = len(whole.lstrip("0")) + len(fraction)
        annotator._set_type(literal, _decimal(max(digits, 1), len(fraction)))
    else:
        annotator._set_type(literal, exp.DType.INT if int(text) < 2**31 else exp.DType.BIGINT)


def _aggregate(expression: exp.Expr) -> exp.DataType | exp.DType | None:
    """sum: decimal(38, s), bigint or the floating type; avg: the decimal itself, otherwise double."""
    argument = expression.this
    while isinstance(argument, exp.Distinct):
        argument = argument.expressions[0]
    size = decimal_of(argument)
    if kind_of(argument) is exp.DType.DECIMAL and size:
        return _decimal(_MAX_PRECISION, size[1]) if isinstance(expression, exp.Sum) else _decimal(*size)
    if isinstance(expression, exp.Sum):
        return exp.DType.BIGINT if kind_of(argument) in INTEGERS else kind_of(argument)
    return exp.DType.DOUBLE if kind_of(argument) is not exp.DType.UNKNOWN else exp.DType.UNKNOWN


def _rounded(expression: exp.Expr) -> exp.DataType | None:
    """round(decimal(p, s)) and round(decimal(p, s), n)."""
    size = decimal_of(expression.this)
    if kind_of(expression.this) is not exp.DType.DECIMAL or size is None:
        return None
    precision, scale = size
    if expression.args.get("decimals") is not None:
        return _decimal(precision + 1, scale)
    return _decimal(min(_MAX_PRECISION, precision - scale + min(scale, 1)), 0)


def _branches(expression: exp.Expr) -> list[exp.Expr]:
    if isinstance(expression, exp.Case):
        found = [branch.args["true"] for branch in expression.args.get("ifs", [])]
    elif isinstance(expression, exp.If):
        found = [expression.args["true"]]
    else:
        found = [expression.this, *expression.expressions]
    default = expression.args.get("default") or expression.args.get("false")
    return [*found, default] if default is not None else found


def _first_common(expression: exp.Expr) -> exp.DataType | None:
    return _common(_branches(expression))


def _metadata() -> Any:
    """sqlglot's rules for Trino with ours first."""
    known: dict[Any, Any] = dict(Trino.EXPRESSION_METADATA)

    def first(rule: Any, node: type[exp.Expr]) -> dict[str, Any]:
        otherwise = known.get(node)

        def annotate_node(annotator: Any, expression: exp.Expr) -> exp.Expr:
            if otherwise and "annotator" in otherwise:
                otherwise["annotator"](annotator, expression)
            elif otherwise and "returns" in otherwise:
                annotator._set_type(expression, otherwise["returns"])
            decided = rule(expression)
            if decided is not None:
                annotator._set_type(expression, decided)
            return expression

        return {"annotator": annotate_node}

    for rule, nodes in _RULES:
        for node in nodes:
            known[node] = first(rule, node)
    known[exp.Literal] = {"annotator": _literal}
    return known


def _same_as_argument(expression: exp.Expr) -> exp.DType | None:
    """date_trunc and date_add keep the type of their argument."""
    kind = kind_of(expression.this)
    return None if kind is exp.DType.UNKNOWN else kind


_RULES: tuple[tuple[Any, tuple[type[exp.Expr], ...]], ...] = (
    (_arithmetic, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)),
    (_first_common, (exp.Coalesce, exp.Case, exp.If, exp.Greatest, exp.Least)),
    (_aggregate, (exp.Sum, exp.Avg)),
    (_rounded, (exp.Round, exp.Ceil, exp.Floor)),
    (_same_as_argument, (exp.DateTrunc, exp.TimestampTrunc, exp.DateAdd)),
)
