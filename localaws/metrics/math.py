"""Metric math of alarms: arithmetic, comparisons and FILL, IF, SUM, AVG, MIN, MAX, ABS, CEIL, FLOOR, METRICS. Pure.

Every name stands for a series with one value a period, None where nothing was counted. Arithmetic with None is None;
SUM, AVG, MIN and MAX of several series leave it out.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

Value: TypeAlias = float | None
Series: TypeAlias = list[Value]

_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.Gt: lambda left, right: float(left > right),
    ast.GtE: lambda left, right: float(left >= right),
    ast.Lt: lambda left, right: float(left < right),
    ast.LtE: lambda left, right: float(left <= right),
    ast.Eq: lambda left, right: float(left == right),
    ast.NotEq: lambda left, right: float(left != right),
}
_ROUNDINGS: Mapping[str, Callable[[float], float]] = {"ABS": abs, "CEIL": math.ceil, "FLOOR": math.floor}
_TOTALS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


class MathError(ValueError):
    """An expression that is not metric math, or uses a function that is not known here."""


def evaluate(expression: str, series: Mapping[str, Series], metrics: Sequence[str], periods: int) -> Series:
    """The expression's value for each period. `metrics`: the names that METRICS() stands for.

    Raises:
        MathError: the expression cannot be evaluated.
    """
    try:
        tree = ast.parse(expression.replace("^", "**").replace("&&", " and ").replace("||", " or "), mode="eval").body
    except SyntaxError as error:
        raise MathError(f"{expression}: not metric math: {error.msg}") from error
    return _Evaluation(expression, series, metrics, periods).of(tree)


class _Evaluation:
    def __init__(self, text: str, series: Mapping[str, Series], metrics: Sequence[str], periods: int) -> None:
        self._text, self._series, self._metrics, self._periods = text, series, metrics, periods

    def of(self, node: ast.expr) -> Series:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return [float(node.value)] * self._periods
        if isinstance(node, ast.Name) and node.id in self._series:
            return list(self._series[node.id])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return [None if value is None else -value for value in self.of(node.operand)]
        if isinstance(node, ast.BinOp):
            return self._combined(node.op, self.of(node.left), self.of(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._combined(node.ops[0], self.of(node.left), self.of(node.comparators[0]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id.upper(), node.args)
        raise self._unknown(node)

    def _combined(self, sign: ast.AST, left: Series, right: Series) -> Series:
        if isinstance(sign, ast.Div):
            return [None if a is None or not b else a / b for a, b in zip(left, right, strict=True)]
        apply = _OPERATORS.get(type(sign))
        if apply is None:
            raise self._unknown(sign)
        return [None if a is None or b is None else apply(a, b) for a, b in zip(left, right, strict=True)]

    def _call(self, name: str, arguments: list[ast.expr]) -> Series:
        if name in _TOTALS and len(arguments) == 1:
            columns = zip(*self._list(arguments[0]), strict=True)
            known = [[value for value in column if value is not None] for column in columns]
            return [float(_TOTALS[name](values)) if values else None for values in known]
        found = [self.of(argument) for argument in arguments]
        if name == "FILL" and len(found) == 2:
            return [other if value is None else value for value, other in zip(*found, strict=True)]
        if name == "IF" and len(found) == 3:
            return [yes if condition else no for condition, yes, no in zip(*found, strict=True)]
        if name in _ROUNDINGS and len(found) == 1:
            return [None if value is None else float(_ROUNDINGS[name](value)) for value in found[0]]
        raise MathError(f"{self._text}: {name} with {len(found)} arguments is not known here")

    def _list(self, node: ast.expr) -> list[Series]:
        if isinstance(node, ast.List):
            return [self.of(element) for element in node.elts]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.upper() == "METRICS":
            return [self._series[name] for name in self._metrics]
        return [self.of(node)]

    def _unknown(self, node: ast.AST) -> MathError:
        return MathError(f"{self._text}: '{ast.unparse(node) or type(node).__name__}' is not known here")
