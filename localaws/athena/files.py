"""A table's files as a DuckDB relation with exactly the catalog's columns and types.

Each function takes local files, of which `partition=<n>/` folders say the partition, and gives SQL text.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from localaws.athena.catalog import Column, Table
from localaws.athena.errors import QueryError, bad_data
from localaws.athena.hive_types import duckdb_type
from localaws.athena.sql_text import literal, name, string_list

PARTITION = "lakegate_partition"
"""Folder key and column that tell to which partition a file belongs: its number."""
RAW_FIELD = "csv_field_"
"""Column of a CSV reader, with its number: DuckDB names it when its text is no value of the declared type."""
_TEXT, _NUMBER = "text", "number"


def empty(columns: tuple[Column, ...]) -> str:
    """No rows, with the columns."""
    casts = [f"CAST(NULL AS {duckdb_type(column.type)}) AS {name(column.name)}" for column in columns]
    return f"SELECT {', '.join([*casts, f'NULL::INTEGER AS {PARTITION}'])} WHERE false"


def relation(connection: duckdb.DuckDBPyConnection, table: Table, files: list[Path]) -> str:
    """The SELECT over a table's files: the catalog's columns and `PARTITION`. Raises QueryError."""
    if not files:
        return empty(table.columns)
    if table.format == "parquet":
        return parquet(connection, table.columns, files)
    if table.format == "json":
        return _json(table, files)
    return _csv(table, files)


def parquet(
    connection: duckdb.DuckDBPyConnection,
    columns: tuple[Column, ...],
    files: list[Path],
    physical_names: Mapping[str, str] | None = None,
    *,
    keep_time_zone: bool = False,
) -> str:
    """Parquet by column name; a column that a file lacks is NULL, one that the catalog lacks is left out.

    Hive's timestamp has no time zone and three decimals; Delta's (`keep_time_zone`) is an instant.

    Raises:
        QueryError: a file is no Parquet file, or a column's type does not fit the catalog's.
    """
    source = f"read_parquet({string_list(map(str, files))}, union_by_name = true, hive_partitioning = true, "
    source += f"hive_types = {{{literal(PARTITION)}: INTEGER}})"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    except duckdb.Error as error:
        raise bad_data(f"Malformed Parquet file: {_first_line(error)}") from error
    physical = {row[0].lower(): (row[0], row[1]) for row in described}
    selected = []
    for column in columns:
        wanted = duckdb_type(column.type)
        found = physical.get((physical_names or {}).get(column.name, column.name).lower())
        if found is None:
            selected.append(f"CAST(NULL AS {wanted}) AS {name(column.name)}")
            continue
        _check_fits(column, wanted, found[1])
        selected.append(f"{_converted(name(found[0]), wanted, keep_time_zone)} AS {name(column.name)}")
    return f"SELECT {', '.join([*selected, PARTITION])} FROM {source}"


def _converted(expression: str, wanted: str, keep_time_zone: bool) -> str:
    if wanted != "TIMESTAMP":
        return f"CAST({expression} AS {wanted})"
    if keep_time_zone:
        return f"CAST({expression} AS TIMESTAMPTZ)"
    return f"CAST(CAST(CAST({expression} AS TIMESTAMP) AS TIMESTAMP_MS) AS TIMESTAMP)"


def _check_fits(column: Column, wanted: str, physical: str) -> None:
    """Trino's Parquet reader converts between numbers, not between text and numbers, dates or times."""
    if _family(wanted) != _family(physical):
        raise bad_data(
            f"Field {column.name}'s type {physical} in parquet file is incompatible with type {column.type} "
            "defined in table schema"
        )


def _family(kind: str) -> str:
    head = kind.split("(", 1)[0].upper()
    if kind.endswith("]"):
        return "list"
    if head in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL") or head[0] == "U":
        return _NUMBER
    if head.startswith("TIMESTAMP"):
        return "timestamp"
    return _TEXT if head in ("VARCHAR", "BLOB") else head


def _csv(table: Table, files: list[Path]) -> str:
    """OpenCSVSerde and LazySimpleSerDe: columns by position; what a short line lacks is NULL."""
    raw = ", ".join(f"'{RAW_FIELD}{index}': 'VARCHAR'" for index in range(len(table.columns)))
    if table.format == "open_csv":
        delimiter = table.serde_parameters.get("separatorChar", ",")
        quote = table.serde_parameters.get("quoteChar", '"')
        escape = table.serde_parameters.get("escapeChar", "\\")
        casts = [_open_csv_cast(f"{RAW_FIELD}{index}", column) for index, column in enumerate(table.columns)]
    else:
        delimiter = table.serde_parameters.get(
            "field.delim", table.serde_parameters.get("serialization.format", "\x01")
        )
        delimiter = "\x01" if delimiter == "1" else delimiter
        quote, escape = "", table.serde_parameters.get("escape.delim", "")
        casts = [_delimited_cast(f"{RAW_FIELD}{index}", column) for index, column in enumerate(table.columns)]
    options = (
        f"auto_detect = false, header = false, skip = {table.skipped_header_lines}, delim = {literal(delimiter)}, "
        f"quote = {literal(quote)}, escape = {literal(quote if quote else escape)}, columns = {{{raw}}}, "
        f"null_padding = true, strict_mode = false, parallel = false, nullstr = {literal(chr(92) + 'N')}, "
        f"hive_partitioning = true, hive_types = {{{literal(PARTITION)}: INTEGER}}"
    )
    return f"SELECT {', '.join([*casts, PARTITION])} FROM read_csv({string_list(map(str, files))}, {options})"


def _open_csv_cast(raw: str, column: Column) -> str:
    """OpenCSVSerde: dates are days and timestamps milliseconds since 1970, as numbers."""
    wanted = duckdb_type(column.type)
    if wanted == "DATE":
        return f"DATE '1970-01-01' + CAST({raw} AS INTEGER) AS {name(column.name)}"
    if wanted == "TIMESTAMP":
        return f"make_timestamp(1000 * CAST({raw} AS BIGINT)) AS {name(column.name)}"
    return f"CAST({raw} AS {wanted}) AS {name(column.name)}"


def _delimited_cast(raw: str, column: Column) -> str:
    """LazySimpleSerDe: an empty field is NULL in every column but a string."""
    wanted = duckdb_type(column.type)
    value = raw if wanted == "VARCHAR" else f"NULLIF({raw}, '')"
    return f"CAST({value} AS {wanted}) AS {name(column.name)}"


def _json(table: Table, files: list[Path]) -> str:
    """One JSON object a line; keys match columns by name, in either case, missing ones are NULL."""
    ignore = table.serde_parameters.get("ignore.malformed.json", "false").lower() == "true"
    raw = ", ".join(f"{literal(column.name)}: {literal(duckdb_type(column.type))}" for column in table.columns)
    options = (
        f"format = 'newline_delimited', columns = {{{raw}}}, ignore_errors = {str(ignore).lower()}, "
        f"hive_partitioning = true, hive_types = {{{literal(PARTITION)}: INTEGER}}"
    )
    columns = ", ".join([*(name(column.name) for column in table.columns), PARTITION])
    return f"SELECT {columns} FROM read_json({string_list(map(str, files))}, {options})"


def data_error(error: duckdb.Error) -> QueryError:
    """What DuckDB says of a value that it cannot read, in Athena's words."""
    return bad_data(f"Error parsing field value: {_first_line(error)}")


def _first_line(error: duckdb.Error) -> str:
    return str(error).split("\n", 1)[0]
