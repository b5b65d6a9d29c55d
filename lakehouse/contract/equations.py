"""Equations between a row's numbers, `total_amount = quantity * price`, taken apart and checked. Pure.

They hold exactly: no rounding, so a total with two decimals can equal only a product that has no more. How many digits
a result may need is worked out from the columns' types when the contract is read, so that evaluating never overflows.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lakehouse.contract.model import Column
from lakehouse.contract.types import column_type

LITERAL = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
OPERATORS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
MOST_DIGITS = 76
"""What a decimal of 256 bits holds: https://arrow.apache.org/docs/format/Columnar.html (decimal256)."""
WHOLE_DIGITS = {"int": 10, "long": 19}


@dataclass(frozen=True)
class Name:
    """A column's value."""

    column: str


@dataclass(frozen=True)
class Number:
    """A number, exactly as it is written."""

    value: Decimal


@dataclass(frozen=True)
class Operation:
    """`left operator right`, the operator being `+`, `-` or `*`."""

    operator: str
    left: "Expression"
    right: "Expression"


Expression = Name | Number | Operation


@dataclass(frozen=True)
class Size:
    """Digits that a value may need: all of them, and those behind the point."""

    digits: int
    scale: int


@dataclass(frozen=True)
class Side:
    """One side of an equation, with its text as the contract has it."""

    text: str
    expression: Expression


@dataclass(frozen=True)
class Equation:
    """Both sides, and the columns they speak of, in order of appearance."""

    text: str
    left: Side
    right: Side
    columns: tuple[str, ...]


def read_equation(text: str, columns: Sequence[Column]) -> Equation:
    """Take an equation apart.

    Raises:
        ValueError: it is no equation of numbers, of columns that are required int, long or decimal, of `+ - *` and
            parentheses; or a value could need more than MOST_DIGITS digits. Says what was found and expected.
    """
    sides = [side.strip() for side in text.split("=")]
    if len(sides) != 2:
        raise ValueError(f"found {text!r}, expected one '=' between two sides")
    sizes = {column.name: size_of_type(column.type) for column in columns if _is_exact(column)}
    left, right = (Side(side, _expression(side, sizes)) for side in sides)
    named = tuple(dict.fromkeys([*names(left.expression), *names(right.expression)]))
    if not named:
        raise ValueError(f"found {text!r}, expected at least one column")
    sizes_of_sides = (size_of(left.expression, sizes), size_of(right.expression, sizes))
    _fitting(text, Size(_common_digits(*sizes_of_sides), 0))
    return Equation(text, left, right, named)


def names(expression: Expression) -> list[str]:
    """The columns of an expression, from left to right, repeated ones too."""
    if isinstance(expression, Operation):
        return names(expression.left) + names(expression.right)
    return [expression.column] if isinstance(expression, Name) else []


def size_of_type(text: str) -> Size:
    """The digits of a column of type int, long or decimal(p,s)."""
    kind = column_type(text)
    return Size(kind.precision, kind.scale) if kind.name == "decimal" else Size(WHOLE_DIGITS[kind.name], 0)


def size_of_number(value: Decimal) -> Size:
    """The digits of a number as it is written."""
    scale = max(0, -int(value.as_tuple().exponent))
    return Size(max(len(value.as_tuple().digits), scale), scale)


def size_of(expression: Expression, sizes: Mapping[str, Size]) -> Size:
    """The digits that a result may need, as Arrow counts them. Raises ValueError beyond MOST_DIGITS."""
    if isinstance(expression, Name):
        return sizes[expression.column]
    if isinstance(expression, Number):
        return size_of_number(expression.value)
    left, right = size_of(expression.left, sizes), size_of(expression.right, sizes)
    if expression.operator == "*":
        return _fitting("*", Size(left.digits + right.digits + 1, left.scale + right.scale))
    return _fitting(expression.operator, Size(_common_digits(left, right) + 1, max(left.scale, right.scale)))


def _common_digits(left: Size, right: Size) -> int:
    """Digits of a type that holds both."""
    return max(left.digits - left.scale, right.digits - right.scale) + max(left.scale, right.scale)


def _fitting(where: str, size: Size) -> Size:
    if size.digits > MOST_DIGITS:
        raise ValueError(f"found {size.digits} digits that {where!r} may need, expected at most {MOST_DIGITS}")
    return size


def _is_exact(column: Column) -> bool:
    return column.required and column_type(column.type).name in ("int", "long", "decimal")


def _expression(side: str, sizes: Mapping[str, Size]) -> Expression:
    try:
        tree = ast.parse(side, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"found {side!r}, expected columns, numbers, + - * and parentheses: {error.msg}") from error
    return _taken(tree.body, side, sizes)


def _taken(node: ast.expr, side: str, sizes: Mapping[str, Size]) -> Expression:
    written = ast.get_source_segment(side, node) or side
    if isinstance(node, ast.Name):
        if node.id not in sizes:
            able = ", ".join(sizes) or "none"
            raise ValueError(f"found {node.id!r}, expected one of the required int, long and decimal columns: {able}")
        return Name(node.id)
    if isinstance(node, ast.Constant) and LITERAL.fullmatch(written):
        return Number(Decimal(written))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return Operation(OPERATORS[type(node.op)], _taken(node.left, side, sizes), _taken(node.right, side, sizes))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return Operation("-", Number(Decimal(0)), _taken(node.operand, side, sizes))
    raise ValueError(f"found {written!r}, expected columns, numbers, + - * and parentheses")
