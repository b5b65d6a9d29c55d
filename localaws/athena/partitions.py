"""ALTER TABLE … PARTITION and MSCK REPAIR TABLE: which partitions the catalog knows."""

import re
from urllib.parse import unquote

from localaws.athena.catalog import Partition, Table
from localaws.athena.cursor import Cursor
from localaws.athena.errors import ddl_failed, not_supported
from localaws.athena.session import Session
from localaws.athena.show import existing_table
from localaws.athena.storage import S3Path, list_objects, parse_url


def alter_table(text: str, database: str, session: Session) -> list[str]:
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
            raise ddl_failed("AlreadyExistsException: Partition already exists")
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
            raise ddl_failed(f"SemanticException [Error 10006]: Partition not found {values}")
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


def repair_table(text: str, database: str, session: Session) -> list[str]:
    """MSCK REPAIR TABLE: register every `key=value/` folder that the catalog does not know."""
    cursor = Cursor(text, hive=True)
    cursor.require("msck", "repair", "table")
    own, name = cursor.name()
    cursor.require_end()
    table = existing_table(own or database, name, session)
    if not table.partition_keys:
        raise ddl_failed(f"SemanticException Table {table.full_name} is not a partitioned table")
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
