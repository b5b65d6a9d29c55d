"""Types in their three spellings: Hive's (catalog), DuckDB's (engine) and Trino's (results)."""

import re
from dataclasses import dataclass

from localaws.athena.errors import QueryError

_PLAIN = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "binary": "BLOB",
    "varbinary": "BLOB",
}
_TOKEN = re.compile(r"\s*([<>(),:]|[^<>(),:\s]+)")


def duckdb_type(hive: str) -> str:
    """The DuckDB type of a Hive column type: `decimal(12,2)`, `array<struct<a:int>>`, …

    Raises:
        QueryError: no type that Athena knows.
    """
    tokens = _TOKEN.findall(hive.lower())
    try:
        converted = _convert(tokens)
    except (IndexError, KeyError, ValueError) as error:
        raise QueryError(f"HIVE_INVALID_METADATA: invalid column type '{hive}'") from error
    if tokens:
        raise QueryError(f"HIVE_INVALID_METADATA: invalid column type '{hive}'")
    return converted


def _convert(tokens: list[str]) -> str:
    name = tokens.pop(0)
    if name == "array":
        _expect(tokens, "<")
        element = _convert(tokens)
        _expect(tokens, ">")
        return f"{element}[]"
    if name == "map":
        _expect(tokens, "<")
        key = _convert(tokens)
        _expect(tokens, ",")
        value = _convert(tokens)
        _expect(tokens, ">")
        return f"MAP({key}, {value})"
    if name == "struct":
        return _convert_struct(tokens)
    arguments = _arguments(tokens)
    if name == "decimal":
        precision, scale = (*arguments, *("10", "0")[len(arguments) :])[:2]
        return f"DECIMAL({int(precision)},{int(scale)})"
    return _PLAIN[name]


def _convert_struct(tokens: list[str]) -> str:
    fields = []
    separator = "<"
    while tokens[0] != ">":
        _expect(tokens, separator)
        name = tokens.pop(0)
        _expect(tokens, ":")
        fields.append(f'"{name}" {_convert(tokens)}')
        separator = ","
    _expect(tokens, ">")
    return f"STRUCT({', '.join(fields)})"


def _arguments(tokens: list[str]) -> list[str]:
    if not tokens or tokens[0] != "(":
        return []
    close = tokens.index(")")
    inside = [part for part in tokens[1:close] if part != ","]
    del tokens[: close + 1]
    return inside


def _expect(tokens: list[str], token: str) -> None:
    if tokens.pop(0) != token:
        raise ValueError(token)


@dataclass(frozen=True)
class ResultType:
    """A result column's type as GetQueryResults names it."""

    name: str
    precision: int
    scale: int = 0

    @property
    def case_sensitive(self) -> bool:
        return self.name in ("varchar", "char")


_RESULT_TYPES = {
    "BOOLEAN": ResultType("boolean", 0),
    "TINYINT": ResultType("tinyint", 3),
    "SMALLINT": ResultType("smallint", 5),
    "INTEGER": ResultType("integer", 10),
    "BIGINT": ResultType("bigint", 19),
    # Trino has no integer wider than bigint: DuckDB's sums of bigint are, and must fit.
    "HUGEINT": ResultType("bigint", 19),
    "UBIGINT": ResultType("bigint", 19),
    "UINTEGER": ResultType("bigint", 19),
    "FLOAT": ResultType("float", 17),
    "DOUBLE": ResultType("double", 17),
    "VARCHAR": ResultType("varchar", 2147483647),
    "JSON": ResultType("json", 0),
    "UUID": ResultType("uuid", 0),
    "DATE": ResultType("date", 0),
    "TIME": ResultType("time", 3),
    "TIMESTAMP": ResultType("timestamp", 3),
    "TIMESTAMP_S": ResultType("timestamp", 3),
    "TIMESTAMP_MS": ResultType("timestamp", 3),
    "TIMESTAMP_NS": ResultType("timestamp", 3),
    "TIMESTAMP WITH TIME ZONE": ResultType("timestamp with time zone", 3),
    "BLOB": ResultType("varbinary", 1073741824),
    "INTERVAL": ResultType("interval day to second", 0),
    '"NULL"': ResultType("unknown", 0),
}


def result_type(duckdb: str) -> ResultType:
    """What a DuckDB result column is called in Athena.

    Raises:
        QueryError: DuckDB has such a type and Athena has not.
    """
    if duckdb.endswith("]"):
        return ResultType("array", 0)
    head = duckdb.split("(", 1)[0]
    if head == "STRUCT":
        return ResultType("row", 0)
    if head == "MAP":
        return ResultType("map", 0)
    if head == "DECIMAL":
        precision, scale = re.findall(r"\d+", duckdb)
        return ResultType("decimal", int(precision), int(scale))
    if duckdb not in _RESULT_TYPES:
        raise QueryError(f"NOT_SUPPORTED: result column of type {duckdb} (not supported by the embedded AWS)")
    return _RESULT_TYPES[duckdb]


_HIVE_OF_RESULT = {"integer": "int", "varchar": "string", "varbinary": "binary", "json": "string", "uuid": "string"}


def hive_type(duckdb: str) -> str:
    """The Hive type under which a DuckDB result column is registered in the catalog (CTAS, views)."""
    kind = result_type(duckdb)
    if kind.name == "decimal":
        return f"decimal({kind.precision},{kind.scale})"
    if kind.name == "array":
        return f"array<{hive_type(duckdb.rsplit('[', 1)[0])}>"
    if kind.name in ("row", "map", "time", "unknown", "timestamp with time zone", "interval day to second"):
        raise QueryError(f"NOT_SUPPORTED: Unsupported Hive type: {kind.name}")
    return _HIVE_OF_RESULT.get(kind.name, kind.name)
