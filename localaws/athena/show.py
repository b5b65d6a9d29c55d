"""SHOW and DESCRIBE: what the catalog holds, as lines of text, which is how Athena answers them."""

import fnmatch
from dataclasses import dataclass

from localaws.athena.catalog import Column, Table
from localaws.athena.cursor import Cursor
from localaws.athena.errors import QueryError, not_supported
from localaws.athena.session import Session
from localaws.athena.translate import translate

_WIDTH = 20


@dataclass(frozen=True)
class Lines:
    """Lines and the names of the columns that they stand for, parted by tabs."""

    lines: list[str]
    columns: tuple[str, ...] = ()


def show(subtype: str, text: str, database: str, session: Session) -> Lines:
    """Answer a SHOW or DESCRIBE statement. Raises QueryError."""
    answers = {
        "SHOW_DATABASES": _databases,
        "SHOW_TABLES": _tables,
        "SHOW_VIEWS": _views,
        "SHOW_COLUMNS": _columns,
        "SHOW_PARTITIONS": _partitions,
        "SHOW_TBLPROPERTIES": _properties,
        "DESCRIBE_TABLE": _describe,
    }
    if subtype not in answers:
        raise not_supported(f"statement {subtype}")
    return answers[subtype](Cursor(text, hive=True), database, session)


def existing_table(database: str, table: str, session: Session) -> Table:
    """A table of the catalog, or FAILED in the words of Athena's DDL."""
    found = session.catalog.table(database, table)
    if found is None:
        raise QueryError(f"FAILED: SemanticException [Error 10001]: Table not found {database}.{table}")
    return found


def _databases(cursor: Cursor, _database: str, session: Session) -> Lines:
    if not cursor.words("show", "databases"):
        cursor.require("show", "schemas")
    return Lines(_matching(session.catalog.databases(), _pattern(cursor)), ("database_name",))


def _tables(cursor: Cursor, database: str, session: Session) -> Lines:
    cursor.require("show", "tables")
    database = _in_database(cursor, database)
    names = [table.name for table in session.catalog.tables(database)]
    return Lines(_matching(names, _pattern(cursor)), ("tab_name",))


def _views(cursor: Cursor, database: str, session: Session) -> Lines:
    cursor.require("show", "views")
    database = _in_database(cursor, database)
    names = [table.name for table in session.catalog.tables(database) if table.view_text is not None]
    return Lines(_matching(names, _pattern(cursor)), ("views",))


def _columns(cursor: Cursor, database: str, session: Session) -> Lines:
    cursor.require("show", "columns")
    if not cursor.words("in"):
        cursor.require("from")
    own, name = cursor.name()
    database = _in_database(cursor, own or database)
    cursor.require_end()
    return Lines([column.name for column in _all_columns(existing_table(database, name, session), session)], ("field",))


def _partitions(cursor: Cursor, database: str, session: Session) -> Lines:
    cursor.require("show", "partitions")
    own, name = cursor.name()
    cursor.require_end()
    table = existing_table(own or database, name, session)
    if not table.partition_keys:
        raise QueryError(f"FAILED: SemanticException Table {table.full_name} is not a partitioned table")
    lines = [
        "/".join(f"{key.name}={value}" for key, value in zip(table.partition_keys, partition.values, strict=True))
        for partition in session.catalog.partitions(table)
    ]
    return Lines(sorted(lines), ("partition",))


def _properties(cursor: Cursor, database: str, session: Session) -> Lines:
    cursor.require("show", "tblproperties")
    own, name = cursor.name()
    cursor.require_end()
    table = existing_table(own or database, name, session)
    return Lines([f"{key}\t{value}" for key, value in sorted(table.parameters.items())], ("prpt_name", "prpt_value"))


def _describe(cursor: Cursor, database: str, session: Session) -> Lines:
    if not cursor.words("describe"):
        cursor.require("desc")
    own, name = cursor.name()
    cursor.require_end()
    table = existing_table(own or database, name, session)
    lines = [_described(column) for column in _all_columns(table, session)]
    if table.partition_keys:
        heading = ["", "# Partition Information", _row("# col_name", "data_type", "comment"), ""]
        lines += heading + [_described(column) for column in table.partition_keys]
    return Lines(lines, ("col_name", "data_type", "comment"))


def _all_columns(table: Table, session: Session) -> list[Column]:
    """Columns, then partition keys; a view's are those of its query."""
    if table.view_text is None or table.columns:
        return [*table.columns, *table.partition_keys]
    names = translate(table.view_sql(), table.database, session).columns
    return [Column(name, "") for name in names]


def _described(column: Column) -> str:
    return _row(column.name, column.type, column.comment)


def _row(*fields: str) -> str:
    return "\t".join(field.ljust(_WIDTH) for field in fields)


def _in_database(cursor: Cursor, database: str) -> str:
    return cursor.name()[1] if cursor.words("in") or cursor.words("from") else database


def _pattern(cursor: Cursor) -> str | None:
    """Hive's pattern: `*` for anything, `|` for or. `LIKE` may come before it."""
    cursor.words("like")
    pattern = cursor.string()
    cursor.require_end()
    return pattern


def _matching(names: list[str], pattern: str | None) -> list[str]:
    if pattern is None:
        return names
    choices = pattern.lower().split("|")
    return [name for name in names if any(fnmatch.fnmatchcase(name, choice) for choice in choices)]
