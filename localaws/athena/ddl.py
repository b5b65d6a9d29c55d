"""The statements that change the catalog: databases, tables, views, partitions."""

import re
from typing import Any
from urllib.parse import unquote

from localaws.athena import delta
from localaws.athena.catalog import Partition, Table, encode_view
from localaws.athena.cursor import Cursor
from localaws.athena.errors import QueryError, ddl_failed, not_supported
from localaws.athena.hive_types import duckdb_type, hive_type, result_type
from localaws.athena.session import Session
from localaws.athena.show import Lines, existing_table, show
from localaws.athena.storage import S3Path, list_objects, parse_url
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
        "ALTER_TABLE": _alter_table,
        "MSCK_REPAIR_TABLE": _repair_table,
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


def _alter_table(text: str, database: str, session: Session) -> list[str]:
    """ALTER TABLE … ADD [IF NOT EXISTS] PARTITION (…) [LOCATION '…'] … and DROP PARTITION."""
    cursor = Cursor(text, hive=True)
    cursor.require("alter", "table")
    own, name = cursor.name()
    table = existing_table(own or database, name, session)
    if cursor.words("add", "columns"):
        raise not_supported("ALTER TABLE ADD COLUMNS")
    if cursor.words("add"):
        return _add_partitions(cursor, table, session)
    if cursor.words("drop"):
        return _drop_partitions(cursor, table, session)
    raise not_supported("ALTER TABLE other than ADD PARTITION and DROP PARTITION")


def _add_partitions(cursor: Cursor, table: Table, session: Session) -> list[str]:
    if_not_exists = cursor.words("if", "not", "exists")
    known = {partition.values for partition in session.catalog.partitions(table)}
    while not cursor.at_end:
        values = _values(cursor, table)
        location = _default_location(table, values)
        if cursor.words("location"):
            location = parse_url(cursor.required_string())
        if values in known and not if_not_exists:
            return _refuse("AlreadyExistsException: Partition already exists")
        if values not in known:
            session.catalog.add_partition(table, Partition(values, location.url))
            known.add(values)
    return []


def _drop_partitions(cursor: Cursor, table: Table, session: Session) -> list[str]:
    if_exists = cursor.words("if", "exists")
    known = {partition.values for partition in session.catalog.partitions(table)}
    while not cursor.at_end:
        values = _values(cursor, table)
        if values not in known and not if_exists:
            return _refuse(f"SemanticException [Error 10006]: Partition not found {values}")
        if values in known:
            session.catalog.drop_partition(table, values)
        cursor.words(",")
    return []


def _values(cursor: Cursor, table: Table) -> tuple[str, ...]:
    given = cursor.partition()
    keys = [key.name for key in table.partition_keys]
    if sorted(given) != sorted(keys):
        raise ddl_failed(f"SemanticException partition spec {given} doesn't match partition keys {keys}")
    return tuple(given[key] for key in keys)


def _default_location(table: Table, values: tuple[str, ...]) -> S3Path:
    folders = [f"{key.name}={value}/" for key, value in zip(table.partition_keys, values, strict=True)]
    return parse_url(table.location).folder().child("".join(folders))


def _repair_table(text: str, database: str, session: Session) -> list[str]:
    """MSCK REPAIR TABLE: register every `key=value/` folder that the catalog does not know."""
    cursor = Cursor(text, hive=True)
    cursor.require("msck", "repair", "table")
    own, name = cursor.name()
    cursor.require_end()
    table = existing_table(own or database, name, session)
    if not table.partition_keys:
        return _refuse(f"SemanticException Table {table.full_name} is not a partitioned table")
    root = parse_url(table.location).folder()
    known = {partition.values for partition in session.catalog.partitions(table)}
    folders = "/".join(f"{re.escape(key.name)}=([^/]+)" for key in table.partition_keys)
    pattern = re.compile(f"({folders})/[^/]")
    added = []
    for item in list_objects(root, session.caller):
        match = pattern.match(item.path.key[len(root.key) :])
        if not match:
            continue
        values = tuple(unquote(value) for value in match.groups()[1:])
        if values not in known:
            known.add(values)
            session.catalog.add_partition(table, Partition(values, root.child(f"{match[1]}/").url))
            added.append(f"Repair: Added partition to metastore {table.full_name}:{match[1]}")
    missing = [f"Partitions not in metastore:\t{' '.join(line.rsplit(':', 1)[1] for line in added)}"] if added else []
    return missing + added


def _refuse(what: str) -> list[str]:
    raise ddl_failed(what)
