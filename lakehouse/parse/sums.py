"""Equations of the contract over typed columns: exact decimals of up to 76 digits, all rows at once."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contract.equations import Equation, Expression, Name, Number, size_of_number, size_of_type
from lakehouse.parse.layout import Layout
from lakehouse.parse.reasons import Reason, RecordRefusedError

OPERATIONS = {"+": pc.add, "-": pc.subtract, "*": pc.multiply}


def failed_checks(layout: Layout, batch: pa.RecordBatch) -> Iterator[tuple[int, RecordRefusedError]]:
    """Rows whose numbers do not keep an equation, equation by equation."""
    for equation in layout.equations:
        left, right = (_value(layout, batch, side.expression) for side in (equation.left, equation.right))
        for row in pc.indices_nonzero(pc.not_equal(left, right)).to_pylist():
            yield row, _refusal(equation, _written(left, row), _written(right, row))


def _value(layout: Layout, batch: pa.RecordBatch, expression: Expression) -> pa.Array | pa.Scalar:
    """An expression's value for each row, or the one value of an expression without a column. Arrow's result types
    have as many digits as the reading of the equation has counted and found to fit."""
    if isinstance(expression, Name):
        place = layout.names.index(expression.column)
        size = size_of_type(layout.fields[place].column.type)
        return batch.column(place).cast(pa.decimal256(size.digits, size.scale))
    if isinstance(expression, Number):
        size = size_of_number(expression.value)
        return pa.scalar(expression.value, pa.decimal256(size.digits, size.scale))
    left, right = (_value(layout, batch, side) for side in (expression.left, expression.right))
    return OPERATIONS[expression.operator](left, right)


def _written(value: pa.Array | pa.Scalar, row: int) -> str:
    one = value if isinstance(value, pa.Scalar) else value[row]
    return f"{one.as_py():f}"


def _refusal(equation: Equation, left: str, right: str) -> RecordRefusedError:
    return RecordRefusedError(
        Reason.CHECK_FAILED,
        rule=f"check {equation.text}",
        column=", ".join(equation.columns),
        found=f"{equation.left.text} = {left}",
        expected=f"{equation.right.text} = {right}",
    )
