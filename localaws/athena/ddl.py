"""The statements that change the catalog: databases, tables, views, partitions."""

from typing import Any

from localaws.athena import delta, partitions
from localaws.athena.catalog import encode_view
from localaws.athena.cursor import Cursor
from localaws.athena.errors import QueryError, ddl_failed, not_supported
from localaws.athena.hive_types import duckdb_type, hive_type, result_type
from localaws.athena.session import Session
from localaws.athena.show import Lines, show
from localaws.athena.storage import parse_url
from localaws.athena.translate import translate


def run(subtype: str, text: str, database: str, session: Session) -> Lines:
    """Run a DDL or UTILITY statement on the catalog.

    Raises:
        QueryError: the catalog refuses, or the statement is not supported.
    """
    changes = {
        "CREATE_DATABASE": _create_database,
        "DROP_DATABASE": _drop_database,
        "CREATE_TABLE": _create_table,
        "DROP_TABLE": _drop_table,
        "CREATE_VIEW": _create_view,
        "DROP_VIEW": _drop_view,
        "ALTER_TABLE": partitions.alter_table,
        "MSCK_REPAIR_TABLE": partitions.repair_table,
    }
    if subtype in changes:
        return Lines(changes[subtype](text, database, session))
    return show(subtype, text, database, session)


def _create_database(text: str, _database: str, session: Session) -> list[str]:
    cursor = Cursor(text, hive=True)
    cursor.require("create")
    if not cursor.words("database"):
        cursor.require("schema")
    if_not_exists = cursor.words("if", "not", "exists")
    name = cursor.name()[1]
    if not cursor.at_end:
        raise not_supported("CREATE DATABASE with clauses")
    if not (if_not_exists and session.catalog.database_exists(name)):
        session.catalog.create_database(name)
    return []


def _drop_database(text: str, _database: str, session: Session) -> list[str]:
    cursor = Cursor(text, hive=True)
    cursor.require("drop")
    if not cursor.words("database"):
        cursor.require("schema")
    if_exists = cursor.words("if", "exists")
    name = cursor.name()[1]
    cascade = cursor.words("cascade")
    cursor.words("restrict")
    cursor.require_end()
    if not session.catalog.database_exists(name):
        return [] if if_exists else _refuse(f"SemanticException [Error 10072]: Database does not exist: {name}")
    tables = session.catalog.tables(name)
    if tables and not cascade:
        return _refuse(f"Database {name} is not empty. One or more tables exist.")
    for table in tables:
        session.catalog.drop_table(name, table.name)
    session.catalog.drop_database(name)
    return []


def _create_table(text: str, database: str, session: Session) -> list[str]:
    """CREATE EXTERNAL TABLE, read by ministack's parser; a Delta table's columns come from its log."""
    from ministack.services import athena

    parsed = athena._parse_ddl(text)
    if parsed is None:
        return _create_delta_table(text, database, session)
    if parsed.iceberg:
        raise not_supported("Iceberg tables")
    target = (parsed.database or database).lower()
    if not parsed.location:
        raise QueryError("FAILED: SemanticException CREATE EXTERNAL TABLE needs a LOCATION")
    table_input = athena._create_table_input(parsed)
    table_input["StorageDescriptor"]["Location"] = parsed.location
    for column in [*table_input["StorageDescriptor"]["Columns"], *table_input["PartitionKeys"]]:
        duckdb_type(column["Type"])
    parse_url(parsed.location)
    return _create(target, table_input, parsed.if_not_exists, session)


def _create_delta_table(text: str, database: str, session: Session) -> list[str]:
    cursor = Cursor(text, hive=True)
    cursor.require("create", "external", "table")
    if_not_exists = cursor.words("if", "not", "exists")
    own, name = cursor.name()
    cursor.require("location")
    location = parse_url(cursor.required_string())
    cursor.require("tblproperties")
    properties = {key: value for key, value in cursor.properties().items() if isinstance(value, str)}
    cursor.require_end()
    if properties.get("table_type", "").lower() != "delta":
        raise not_supported("CREATE EXTERNAL TABLE without columns, unless 'table_type' = 'DELTA'")
    columns = delta.read_snapshot(location, session.caller, session.scratch("create")).columns
    table_input = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **properties},
        "StorageDescriptor": {
            "Columns": [{"Name": column.name, "Type": column.type} for column in columns],
            "Location": location.url,
            "SerdeInfo": {"Parameters": {"path": location.url}},
        },
        "PartitionKeys": [],
    }
    return _create(own or database, table_input, if_not_exists, session)


def _create(database: str, table_input: dict[str, Any], if_not_exists: bool, session: Session) -> list[str]:
    if not session.catalog.database_exists(database):
        return _refuse(f"SemanticException [Error 10072]: Database does not exist: {database}")
    if session.catalog.table(database, table_input["Name"]) is not None:
        return [] if if_not_exists else _refuse(f"AlreadyExistsException: Table {table_input['Name']} already exists")
    session.catalog.create_table(database, table_input)
    return []


def _drop_table(text: str, database: str, session: Session) -> list[str]:
    return _drop(text, database, session, view=False)


def _drop_view(text: str, database: str, session: Session) -> list[str]:
    return _drop(text, database, session, view=True)


def _drop(text: str, database: str, session: Session, *, view: bool) -> list[str]:
    """The data of an external table stay where they are."""
    cursor = Cursor(text, hive=True)
    cursor.require("drop", "view" if view else "table")
    if_exists = cursor.words("if", "exists")
    own, name = cursor.name()
    cursor.require_end()
    table = session.catalog.table(own or database, name)
    if table is None:
        return [] if if_exists else _refuse(f"SemanticException [Error 10001]: Table not found {name}")
    if (table.view_text is not None) is not view:
        return _refuse(f"SemanticException: {table.full_name} is {'no view' if view else 'a view'}")
    session.catalog.drop_table(table.database, table.name)
    return []


def _create_view(text: str, database: str, session: Session) -> list[str]:
    """The view's query is run through the translation, so a view that cannot work is refused at once."""
    cursor = Cursor(text)
    cursor.require("create")
    replaces = cursor.words("or", "replace")
    cursor.require("view")
    own, name = cursor.name()
    target = own or database
    cursor.require("as")
    query = cursor.rest()
    translated = translate(query, database, session)
    kinds = [str(kind) for kind in session.connection.sql(translated.sql).types]
    columns = list(zip(translated.columns, kinds, strict=True))
    table_input = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": encode_view(
            query.strip(), database, [(column, result_type(kind).name) for column, kind in columns]
        ),
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": column.lower(), "Type": _view_type(kind)} for column, kind in columns],
            "Location": "",
        },
        "PartitionKeys": [],
    }
    existing = session.catalog.table(target, name)
    if existing is None:
        return _create(target, table_input, False, session)
    if not replaces or existing.view_text is None:
        return _refuse(f"View already exists: {target}.{name}")
    session.catalog.update_table(target, table_input)
    return []


def _view_type(kind: str) -> str:
    try:
        return hive_type(kind)
    except QueryError:
        return result_type(kind).name


def _refuse(what: str) -> list[str]:
    raise ddl_failed(what)
