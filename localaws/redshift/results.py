"""A result set as the Data API gives it: column metadata, fields, pages."""

import math
from collections.abc import Sequence
from typing import Any

PAGE_ROWS = 1000
_TYPES = {
    16: "bool",
    19: "name",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "varchar",
    700: "float4",
    701: "float8",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
}
_TEXTS, _NUMBERS = ("varchar", "bpchar", "name"), ("int2", "int4", "int8", "float4", "float8", "numeric")
_PRECISIONS = {"int2": 5, "int4": 10, "int8": 19, "float4": 8, "float8": 17, "bool": 1, "date": 13, "timestamp": 29}
_MODIFIER_HEADER, _MAX_VARCHAR = 4, 65535


def metadata(column: dict[str, Any]) -> dict[str, Any]:
    """ColumnMetadata of a column as pg8000 describes it. The table's name is left empty."""
    kind = _TYPES.get(column["type_oid"], "varchar")
    modifier = column["type_modifier"] - _MODIFIER_HEADER
    precision, scale, length = _PRECISIONS.get(kind, 0), 0, 0
    if kind == "numeric":
        precision, scale = (modifier >> 16, modifier & 0xFFFF) if modifier >= 0 else (38, 0)
    elif kind in _TEXTS:
        precision = length = modifier if modifier >= 0 else _MAX_VARCHAR
    return {
        "isCaseSensitive": kind in _TEXTS,
        "isCurrency": False,
        "isSigned": kind in _NUMBERS,
        "label": column["name"],
        "length": length,
        "name": column["name"],
        "nullable": 1,
        "precision": precision,
        "scale": scale,
        "schemaName": "",
        "tableName": "",
        "typeName": kind,
    }


def field(value: object) -> dict[str, Any]:
    """A Field: whole numbers and truth as such, everything exact or temporal as text."""
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return {"doubleValue": value} if math.isfinite(value) else {"stringValue": str(value)}
    return {"stringValue": str(value)}


def size_bytes(records: Sequence[Sequence[dict[str, Any]]]) -> int:
    """About how large a result is, as the Data API's ResultSize."""
    return sum(len(str(value)) for record in records for one in record for value in one.values())
