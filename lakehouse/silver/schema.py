"""A silver table's Delta schema, from the contract."""

from deltalake import Field, Schema
from deltalake.schema import PrimitiveType

from lakehouse.contract.model import Column, Dataset
from lakehouse.contract.personal import stored_columns
from lakehouse.contract.types import column_type
from lakehouse.errors import ContractError
from lakehouse.silver.columns import LINE, ORIGIN, PARTITION_BY

_DELTA_NAMES = {"int": "integer"}
"""Where Delta's name of a type is another than Spark SQL's."""


def delta_type(column: Column) -> PrimitiveType:
    """The Delta type of a contract column. A timestamp is UTC, in microseconds."""
    found = column_type(column.type)
    if found.name == "decimal":
        return PrimitiveType(f"decimal({found.precision},{found.scale})")
    return PrimitiveType(_DELTA_NAMES.get(found.name, found.name))


def delta_schema(dataset: Dataset) -> Schema:
    """The contract's columns in order, as they are stored, then `_line`, `_origin`, `_batch`, `_slot`.

    All nullable: the gate judged what is required.
    """
    fields = [
        Field(column.name, delta_type(column), nullable=True, metadata={"comment": column.comment})
        for column in stored_columns(dataset.columns)
    ]
    texts = (Field(name, PrimitiveType("string")) for name in (ORIGIN, *PARTITION_BY))
    own = [Field(LINE, PrimitiveType("long")), *texts]
    return Schema([*fields, *own])


def missing_fields(have: Schema, want: Schema, where: str) -> list[Field]:
    """Columns that the table lacks: a contract may gain columns, and older rows hold null there.

    Raises:
        ContractError: a column of the table has another type in the contract. Names the table and the column.
    """
    types = {field.name: field.type for field in have.fields}
    for field in want.fields:
        if field.name in types and types[field.name] != field.type:
            raise ContractError(
                f"{where}: column '{field.name}' is {_name(types[field.name])} in the table and {_name(field.type)} in "
                "the contract. A column's type cannot change: give the column of the new type a new name"
            )
    return [field for field in want.fields if field.name not in types]


def _name(kind: object) -> str:
    """A Delta type as contracts and people call it."""
    delta = kind.type if isinstance(kind, PrimitiveType) else str(kind)
    return {name: own for own, name in _DELTA_NAMES.items()}.get(delta, delta)
