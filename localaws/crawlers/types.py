"""Column types as a crawler infers them, and how two of them become one. Pure.

Merging, as AWS Glue describes it where it does: numbers widen (`int` and `bigint` → `bigint`, `int` and `double` →
`double`), structs get each other's fields, null fits anything. *Simplified*: whatever else differs becomes `string`;
AWS may keep a table for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa

Type: TypeAlias = "str | Array | Struct | Map"
NULL = "null"
"""Of a value that is always null: fits any type, is a string in the end."""
_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_FLOATS = ("float", "double")


@dataclass(frozen=True)
class Array:
    """`array<element>`"""

    element: Type


@dataclass(frozen=True)
class Struct:
    """`struct<name:type,…>`"""

    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True)
class Map:
    """`map<key,value>`"""

    key: Type
    value: Type


def render(kind: Type) -> str:
    """Hive's spelling."""
    match kind:
        case Array(element):
            return f"array<{render(element)}>"
        case Map(key, value):
            return f"map<{render(key)},{render(value)}>"
        case Struct(fields):
            return f"struct<{','.join(f'{name}:{render(inner)}' for name, inner in fields)}>"
        case _:
            return "string" if kind == NULL else kind


def merge(left: Type, right: Type) -> Type:
    """The type that holds the values of both."""
    if left == right or right == NULL:
        return left
    if left == NULL:
        return right
    match left, right:
        case Array(a), Array(b):
            return Array(merge(a, b))
        case Map(k, a), Map(other, b):
            return Map(merge(k, other), merge(a, b))
        case Struct(a), Struct(b):
            return Struct(merge_fields(a, b))
        case str(), str():
            return _merge_plain(left, right)
        case _:
            return "string"


def merge_fields(left: tuple[tuple[str, Type], ...], right: tuple[tuple[str, Type], ...]) -> tuple[Any, ...]:
    """Fields or columns of both, the left's first, in their order."""
    merged = dict(left)
    for name, kind in right:
        merged[name] = merge(merged[name], kind) if name in merged else kind
    return tuple(merged.items())


def of_json(value: object) -> Type:
    """The type of a JSON value, as json.loads gives it: `int` within 32 bits, `bigint` within 64, else `double`."""
    match value:
        case None:
            return NULL
        case bool():
            return "boolean"
        case int():
            return "int" if -(2**31) <= value < 2**31 else "bigint" if -(2**63) <= value < 2**63 else "double"
        case float() | Decimal():
            return "double"
        case str():
            return "string"
        case list():
            element: Type = NULL
            for item in value:
                element = merge(element, of_json(item))
            return Array(element)
        case Mapping():
            return Struct(tuple((str(name), of_json(inner)) for name, inner in value.items()))
    raise TypeError(f"{type(value).__name__} is no JSON value")


def of_arrow(kind: pa.DataType) -> Type:
    """The Hive type of a Parquet column, by its Arrow type."""
    if pa.types.is_struct(kind):
        return Struct(tuple((field.name.lower(), of_arrow(field.type)) for field in kind))
    if pa.types.is_map(kind):
        return Map(of_arrow(kind.key_type), of_arrow(kind.item_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return Array(of_arrow(kind.value_type))
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    plain = {
        "bool": "boolean",
        "int8": "tinyint",
        "int16": "smallint",
        "int32": "int",
        "int64": "bigint",
        "uint8": "smallint",
        "uint16": "int",
        "uint32": "bigint",
        "uint64": "bigint",
        "halffloat": "float",
        "float": "float",
        "double": "double",
        "string": "string",
        "large_string": "string",
        "binary": "binary",
        "large_binary": "binary",
        "date32[day]": "date",
        "null": NULL,
    }
    return plain.get(str(kind), "string")


def _merge_plain(left: str, right: str) -> str:
    if left in _INTEGERS and right in _INTEGERS:
        return max(left, right, key=_INTEGERS.index)
    if left in (*_INTEGERS, *_FLOATS) and right in (*_INTEGERS, *_FLOATS):
        return "float" if {left, right} == {"float"} else "double"
    if left.startswith("decimal") and right.startswith("decimal"):
        return _merge_decimals(left, right)
    decimals = [kind for kind in (left, right) if kind.startswith("decimal")]
    if decimals and ({left, right} - set(decimals)) & {*_INTEGERS, *_FLOATS}:
        return "double"
    return "string"


def _merge_decimals(left: str, right: str) -> str:
    """Enough digits before and after the point for both; double where 38 do not suffice."""
    pairs = [tuple(int(part) for part in kind[8:-1].split(",")) for kind in (left, right)]
    scale = max(scale for _, scale in pairs)
    precision = max(precision - its for precision, its in pairs) + scale
    return f"decimal({precision},{scale})" if precision <= 38 else "double"
