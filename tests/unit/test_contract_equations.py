"""Equations of a contract are taken apart, or refused with the reason."""

from decimal import Decimal

import pytest

from lakehouse.contract.equations import Name, Number, Operation, Size, read_equation, size_of
from lakehouse.contract.model import Column

COLUMNS = (
    Column("total", "decimal(12,2)"),
    Column("quantity", "int"),
    Column("price", "decimal(12,4)"),
    Column("big", "long"),
    Column("wide", "decimal(38,10)"),
    Column("maybe", "int", required=False),
    Column("ratio", "double"),
    Column("name", "string"),
)


def test_equation_becomes_a_tree() -> None:
    equation = read_equation("total - 0.50 = quantity * (price + 1)", COLUMNS)
    assert equation.left.text == "total - 0.50"
    assert equation.left.expression == Operation("-", Name("total"), Number(Decimal("0.50")))
    assert equation.right.expression == Operation(
        "*", Name("quantity"), Operation("+", Name("price"), Number(Decimal(1)))
    )
    assert equation.columns == ("total", "quantity", "price")


def test_products_bind_before_sums_and_minus_may_stand_alone() -> None:
    right = read_equation("total = -price + 2 * quantity", COLUMNS).right.expression
    assert right == Operation(
        "+", Operation("-", Number(Decimal(0)), Name("price")), Operation("*", Number(Decimal(2)), Name("quantity"))
    )


def test_digits_are_counted_as_arrow_counts_them() -> None:
    sizes = {"a": Size(10, 0), "b": Size(12, 4)}
    assert size_of(Operation("*", Name("a"), Name("b")), sizes) == Size(23, 4)
    assert size_of(Operation("+", Name("a"), Name("b")), sizes) == Size(15, 4)
    assert size_of(Number(Decimal("0.05")), sizes) == Size(2, 2)
    assert size_of(Number(Decimal("100.5")), sizes) == Size(4, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("total", "found 'total', expected one '=' between two sides"),
        ("total = price = big", "expected one '=' between two sides"),
        ("total == price", "expected one '=' between two sides"),
        ("total <= price", "found 'total <', expected columns, numbers, + - * and parentheses"),
        ("total = ", "found '', expected columns, numbers"),
        ("1 = 1", "found '1 = 1', expected at least one column"),
        ("total = prize", "found 'prize', expected one of the required int, long and decimal columns: total, quantity"),
        ("total = maybe", "found 'maybe', expected one of the required int"),
        ("total = ratio", "found 'ratio', expected one of the required int"),
        ("total = name", "found 'name', expected one of the required int"),
        ("total = price / 2", "found 'price / 2', expected columns, numbers"),
        ("total = price ** 2", "found 'price ** 2', expected columns, numbers"),
        ("total = price % 2", "found 'price % 2', expected columns, numbers"),
        ("total = +price", "found '+price', expected columns, numbers"),
        ("total = round(price)", "found 'round(price)', expected columns, numbers"),
        ("total = __import__('os')", "expected columns, numbers"),
        ("total = price.real", "found 'price.real', expected columns, numbers"),
        ("total = 1e3", "found '1e3', expected columns, numbers"),
        ("total = 0x10", "found '0x10', expected columns, numbers"),
        ("total = 1_000", "found '1_000', expected columns, numbers"),
        ("total = True", "found 'True', expected columns, numbers"),
        ("total = 'a'", "found \"'a'\", expected columns, numbers"),
        ("total = price)", "found 'price)', expected columns, numbers"),
        ("total = wide * wide", "found 77 digits that '*' may need, expected at most 76"),
        ("wide = big * big * big * big", "digits that '*' may need, expected at most 76"),
    ],
)
def test_what_is_no_equation_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_equation(text, COLUMNS)
    assert message in str(caught.value)
