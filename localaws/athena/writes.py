"""CREATE TABLE AS, INSERT INTO and UNLOAD: a query's rows as files under a location."""

from localaws.athena.catalog import Column, Table
from localaws.athena.cursor import Cursor, Value
from localaws.athena.errors import QueryError, not_supported
from localaws.athena.hive_types import duckdb_type, hive_type
from localaws.athena.session import Session
from localaws.athena.sql_text import name
from localaws.athena.storage import S3Path, list_objects, parse_url
from localaws.athena.table_files import Write, register_partitions, table_input, write_files
from localaws.athena.translate import Translated, translate

_COMPRESSIONS = ("gzip", "snappy", "zstd", "uncompressed")


def create_table_as(text: str, database: str, output: S3Path, write: Write) -> list[S3Path]:
    """CREATE TABLE … WITH (format, external_location, partitioned_by, write_compression) AS. Gives the files."""
    cursor = Cursor(text)
    cursor.require("create", "table")
    if_not_exists = cursor.words("if", "not", "exists")
    own_database, table_name = cursor.name()
    target_database = own_database or database
    properties = cursor.properties() if cursor.words("with") else {}
    cursor.require("as")
    query = cursor.rest()
    session = write.session
    if session.catalog.table(target_database, table_name) is not None:
        if if_not_exists:
            return []
        raise QueryError(f"TABLE_ALREADY_EXISTS: Table '{target_database}.{table_name}' already exists")
    _check_database(session, target_database)
    location, keys, compression = _ctas_properties(properties, output.child(f"tables/{write.query_id}/"))
    _require_empty(location, session)
    translated = translate(query, database, session)
    columns = _hive_columns(session, translated)
    data_columns, key_columns = _split_keys(columns, keys)
    files = write_files(write, _select_as(translated, columns), location, keys, compression)
    session.catalog.create_table(target_database, table_input(table_name, data_columns, key_columns, location))
    table = session.catalog.table(target_database, table_name)
    if table is not None:
        register_partitions(session, table, files, location)
    return [path for path, _ in files]


def insert_into(text: str, database: str, write: Write) -> list[S3Path]:
    """INSERT INTO a Parquet table of the catalog; rows go to new files, new partitions are registered."""
    cursor = Cursor(text)
    cursor.require("insert", "into")
    own_database, table_name = cursor.name()
    target_database, session = own_database or database, write.session
    names = cursor.names() if cursor.text[cursor.offset : cursor.offset + 1] == "(" and _is_column_list(cursor) else []
    query = cursor.rest()
    table = session.catalog.table(target_database, table_name)
    if table is None:
        raise QueryError(
            f"TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.{target_database}.{table_name}' does not exist"
        )
    if table.format != "parquet":
        raise not_supported(f"INSERT INTO a table of format {table.format}")
    translated = translate(query, database, session)
    select = _insert_select(session, translated, table, names)
    location = parse_url(table.location).folder()
    keys = [column.name for column in table.partition_keys]
    files = write_files(write, select, location, keys, "gzip")
    register_partitions(session, table, files, location)
    return [path for path, _ in files]


def unload(text: str, database: str, write: Write) -> list[S3Path]:
    """UNLOAD (query) TO 's3://…' WITH (format = 'PARQUET' | 'JSON', compression)."""
    cursor = Cursor(text)
    cursor.require("unload")
    query = cursor.parenthesised()
    cursor.require("to")
    location = parse_url(cursor.required_string()).folder()
    properties = cursor.properties() if cursor.words("with") else {}
    cursor.require_end()
    kind = _text_of(properties.pop("format", "")).lower()
    compression = _compression(properties.pop("compression", "gzip"))
    if kind not in ("parquet", "json") or properties:
        raise not_supported(f"UNLOAD with format '{kind}' and properties {sorted(properties)}")
    _require_empty(location, write.session)
    translated = translate(query, database, write.session)
    columns = _hive_columns(write.session, translated)
    files = write_files(write, _select_as(translated, columns), location, [], compression, kind)
    return [path for path, _ in files]


def _is_column_list(cursor: Cursor) -> bool:
    """Whether the parenthesis that follows holds column names and no query."""
    ahead = Cursor(cursor.text[cursor.offset :])
    ahead.words("(")
    return not any(ahead.words(word) for word in ("select", "with", "values", "table", "("))


def _ctas_properties(properties: dict[str, Value], default: S3Path) -> tuple[S3Path, list[str], str]:
    given = dict(properties)
    kind = _text_of(given.pop("format", "parquet")).lower()
    if kind != "parquet":
        raise not_supported(f"CREATE TABLE AS with format '{kind}'")
    compression = _compression(given.pop("write_compression", given.pop("parquet_compression", "gzip")))
    location = given.pop("external_location", None)
    keys = given.pop("partitioned_by", [])
    if given:
        raise not_supported(f"table properties {sorted(given)}")
    folder = parse_url(_text_of(location)).folder() if location is not None else default
    return folder, [key.lower() for key in ([keys] if isinstance(keys, str) else keys)], compression


def _compression(value: Value) -> str:
    name_ = _text_of(value).lower().replace("none", "uncompressed")
    if name_ not in _COMPRESSIONS:
        raise not_supported(f"compression '{name_}'")
    return name_


def _text_of(value: Value) -> str:
    return value if isinstance(value, str) else ",".join(value)


def _check_database(session: Session, database: str) -> None:
    if not session.catalog.database_exists(database):
        raise QueryError(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist")


def _require_empty(location: S3Path, session: Session) -> None:
    if list_objects(location, session.caller, hidden=True):
        raise QueryError(f"HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: {location.url}")


def _hive_columns(session: Session, translated: Translated) -> list[Column]:
    """A query's columns as a table would have them: each named, no name twice, types that Hive has."""
    for position, column in enumerate(translated.columns, 1):
        if column == f"_col{position - 1}":
            raise QueryError(f"MISSING_COLUMN_NAME: Column name not specified at position {position}")
    names = [column.lower() for column in translated.columns]
    for column in names:
        if names.count(column) > 1:
            raise QueryError(f"DUPLICATE_COLUMN_NAME: Column name '{column}' specified more than once")
    kinds = session.connection.sql(translated.sql).types
    return [Column(column, hive_type(str(kind))) for column, kind in zip(names, kinds, strict=True)]


def _split_keys(columns: list[Column], keys: list[str]) -> tuple[list[Column], list[Column]]:
    names = [column.name for column in columns]
    if keys and names[-len(keys) :] != keys:
        raise QueryError(f"HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table: {keys}")
    return columns[: len(columns) - len(keys)], columns[len(columns) - len(keys) :]


def _select_as(translated: Translated, columns: list[Column]) -> str:
    inner = ", ".join(f"c{index}" for index in range(len(columns)))
    casts = [
        f"CAST(c{index} AS {duckdb_type(column.type)}) AS {name(column.name)}" for index, column in enumerate(columns)
    ]
    return f"SELECT {', '.join(casts)} FROM ({translated.sql}) AS query({inner})"


def _insert_select(session: Session, translated: Translated, table: Table, names: list[str]) -> str:
    """The query's columns by place, as the table's columns; those not named in the list are NULL."""
    columns = [*table.columns, *table.partition_keys]
    known = [column.name for column in columns]
    unknown = [given for given in names if given not in known]
    if unknown:
        raise QueryError(f"COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist in target table: {unknown[0]}")
    targets = names or known
    kinds = [str(kind) for kind in session.connection.sql(translated.sql).types]
    wanted = [duckdb_type(columns[known.index(target)].type) for target in targets]
    if len(kinds) != len(wanted) or any(not _assignable(kind, to) for kind, to in zip(kinds, wanted, strict=True)):
        raise QueryError(
            f"TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: Table: {wanted}, Query: {kinds}"
        )
    inner = ", ".join(f"c{index}" for index in range(len(kinds)))
    values = []
    for column in columns:
        source = f"c{targets.index(column.name)}" if column.name in targets else "NULL"
        values.append(f"CAST({source} AS {duckdb_type(column.type)}) AS {name(column.name)}")
    return f"SELECT {', '.join(values)} FROM ({translated.sql}) AS query({inner})"


_WIDENING = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "FLOAT", "DOUBLE")


def _assignable(kind: str, wanted: str) -> bool:
    """Trino inserts what it can widen: the same type, or a wider number, or a date as a timestamp."""
    one, two = kind.split("(", 1)[0], wanted.split("(", 1)[0]
    if one == two or kind == '"NULL"' or (one, two) in (("DATE", "TIMESTAMP"), ("HUGEINT", "BIGINT")):
        return True
    return one in _WIDENING and two in _WIDENING and _WIDENING.index(one) <= _WIDENING.index(two)
