"""Which Redshift type a column of a contract has in the warehouse."""

from lakehouse.contract.model import Column
from lakehouse.contract.types import column_type

_MAX_BYTES, _BYTES_PER_CHARACTER = 65535, 4
_TYPES = {
    "int": "integer",
    "long": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


def redshift_type(column: Column) -> str:
    """The type that DDL must give a column, lower-case.

    A contract's `max_length` counts characters and Redshift's VARCHAR bytes, of which UTF-8 takes up to four a
    character. https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
    """
    kind = column_type(column.type)
    if kind.name == "string":
        return f"varchar({min(_BYTES_PER_CHARACTER * column.max_length, _MAX_BYTES)})"
    if kind.name == "decimal":
        return f"decimal({kind.precision}, {kind.scale})"
    return _TYPES[kind.name]
