"""Rows of Parquet files compared by value, as multisets, by DuckDB: neither order nor files nor compression count."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from lakehouse.audit.findings import SHOWN, Difference


def compare_rows(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Path], expected: Sequence[Path], identity: Sequence[str]
) -> Difference:
    """How the rows of `found` differ from those of `expected`, in any column.

    Args:
        expected: readable files of the same columns; none stand for no row.
        identity: columns that say which row is meant, as far as the files have them.
    """
    try:
        problem = _other_columns(connection, found, expected)
        if problem:
            return Difference(unreadable=problem)
        if found and expected and _digest(connection, found) == _digest(connection, expected):
            return Difference()
        return _difference(connection, found, expected, identity)
    except duckdb.Error as error:
        return Difference(unreadable=f"cannot be read: {str(error).splitlines()[0]}")


def row_count(connection: duckdb.DuckDBPyConnection, file: Path) -> int | None:
    """Rows of a Parquet file; None where it cannot be read."""
    try:
        found = connection.execute(f"select count(*) from {read_parquet([file])}").fetchone()
    except duckdb.Error:
        return None
    return int(found[0]) if found else None


def read_parquet(files: Sequence[Path]) -> str:
    """A relation of all rows of Parquet files."""
    paths = ", ".join(text(str(file)) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false, union_by_name = true)"


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("'", "''") + "'"


def _other_columns(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Path], expected: Sequence[Path]
) -> str | None:
    if not expected:
        return None
    want = _columns(connection, expected[0])
    for file in found:
        have = _columns(connection, file)
        if have != want:
            strange = sorted({f"{name} {kind}" for name, kind in have ^ want})
            return f"columns differ: {', '.join(strange)}"
    return None


def _columns(connection: duckdb.DuckDBPyConnection, file: Path) -> set[tuple[str, str]]:
    rows = connection.execute(f"describe select * from {read_parquet([file])}").fetchall()
    return {(str(name), str(kind)) for name, kind, *_ in rows}


def _digest(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> tuple[object, ...]:
    """Number of rows and the sum of their MD5 digests: the same for the same multiset of rows."""
    found = connection.execute(
        f"with texts as ({_texts(connection, files, ())}) "
        "select count(*), coalesce(sum(md5_number_lower(_text)), 0), coalesce(sum(md5_number_upper(_text)), 0) "
        "from texts"
    ).fetchone()
    return tuple(found or ())


def _difference(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Path], expected: Sequence[Path], identity: Sequence[str]
) -> Difference:
    missing, which_missing = _without(connection, expected, found, identity)
    added, which_added = _without(connection, found, expected, identity)
    return Difference(missing, added, tuple(sorted({*which_missing, *which_added})[:SHOWN]))


def _without(
    connection: duckdb.DuckDBPyConnection, some: Sequence[Path], others: Sequence[Path], identity: Sequence[str]
) -> tuple[int, list[str]]:
    """How many rows `some` have that `others` lack, and which, a few."""
    if not some:
        return 0, []
    rest = f"({_texts(connection, some, identity)})"
    if others:
        rest += f" except all ({_texts(connection, others, identity)})"
    connection.execute(f"create or replace temp table _rest as {rest}")
    counted = connection.execute("select count(*) from _rest").fetchone()
    named = connection.execute(f"select distinct _identity from _rest order by 1 limit {SHOWN}").fetchall()
    connection.execute("drop table _rest")
    return (int(counted[0]) if counted else 0), [str(one) for (one,) in named]


def _texts(connection: duckdb.DuckDBPyConnection, files: Sequence[Path], identity: Sequence[str]) -> str:
    """A SELECT of each row as one text and of what names it. Values cannot run into each other: each has its length."""
    columns = sorted(_columns(connection, files[0]))
    whole = ", ".join(_part(name, kind) for name, kind in columns)
    named = [name for name in identity if name in {name for name, _ in columns}]
    which = ", ', ', ".join(f"{text(name + ' ')}, coalesce({_quoted(name)}::varchar, 'null')" for name in named)
    both = f"concat_ws('|', {whole}) as _text, concat({which or text('row')}) as _identity"
    return f"select {both} from {read_parquet(files)}"


def _part(name: str, kind: str) -> str:
    """A value as text; instants as microseconds since 1970, which no time zone bends."""
    quoted = _quoted(name)
    value = f"epoch_us({quoted})::varchar" if kind.startswith("TIMESTAMP") else f"{quoted}::varchar"
    return f"coalesce(length({value}) || ':' || {value}, '-')"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
