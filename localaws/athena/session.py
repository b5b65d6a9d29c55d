"""One query's DuckDB: a connection of its own, holding a view for every table that the query names."""

from pathlib import Path

import duckdb

from localaws.athena import delta, files
from localaws.athena.access import Caller
from localaws.athena.catalog import Catalog, Column, Partition, Table
from localaws.athena.errors import QueryError
from localaws.athena.hive_types import duckdb_type
from localaws.athena.sql_text import literal, name
from localaws.athena.storage import S3Object, fetch, list_objects, parse_url

_MACROS = Path(__file__).with_name("trino_functions.sql")
_THREADS, _MEMORY = 2, "2GB"
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


class Session:
    """A DuckDB connection with Trino's functions and the tables registered so far.

    `scanned_bytes` is the size of the files of all registered tables.
    """

    def __init__(self, caller: Caller, work: Path) -> None:
        self.caller = caller
        self.catalog = Catalog(caller)
        self.scanned_bytes = 0
        self._work = work
        self._columns: dict[tuple[str, str], dict[str, str]] = {}
        work.mkdir(parents=True, exist_ok=True)
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": _THREADS,
            "memory_limit": _MEMORY,
            "temp_directory": str(work / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self.connection = duckdb.connect(":memory:", config=config)
        self.connection.execute("SET TimeZone = 'UTC'")
        # Otherwise DuckDB 2 turns every cast in a CSV scan into a strict one inside the reader.
        self.connection.execute("SET disabled_optimizers = 'type_pushdown'")
        self.connection.execute(_MACROS.read_text())

    def close(self) -> None:
        self.connection.close()

    def interrupt(self) -> None:
        """Stop what runs; it raises in the thread that runs it."""
        self.connection.interrupt()

    def scratch(self, name: str) -> Path:
        """A folder of the query's own, gone when it ends."""
        return self._work / name

    def columns_of(self, database: str, table: str) -> dict[str, str]:
        """A registered table's columns and their DuckDB types, in order."""
        return self._columns[database, table]

    def is_registered(self, database: str, table: str) -> bool:
        return (database, table) in self._columns

    def register(self, table: Table) -> None:
        """Make a table's current content the view `"database"."table"`.

        Raises:
            QueryError: the caller may not read it, or its files are not what the catalog says.
        """
        if table.format == "delta":
            select = self._delta(table)
        elif table.partition_keys:
            select = self._partitioned(table)
        else:
            select = self._plain(table)
        self.register_view(table.database, table.name, select)

    def register_view(self, database: str, view: str, select: str) -> None:
        """Make a DuckDB SELECT the view `"database"."view"`."""
        target = f"{name(database)}.{name(view)}"
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name(database)}")
        self.connection.execute(f"CREATE VIEW {target} AS {select}")
        rows = self.connection.execute(f"DESCRIBE {target}").fetchall()
        self._columns[database, view] = {row[0].lower(): row[1] for row in rows}

    def _plain(self, table: Table) -> str:
        local = self._fetch(table, list_objects(parse_url(table.location), self.caller), 0)
        columns = ", ".join(name(column.name) for column in table.columns)
        return f"SELECT {columns} FROM ({files.relation(self.connection, table, local)})"

    def _partitioned(self, table: Table) -> str:
        """Registered partitions only, each from its own location, joined with its typed values."""
        local: list[Path] = []
        partitions = self.catalog.partitions(table)
        for number, partition in enumerate(partitions):
            local += self._fetch(table, list_objects(parse_url(partition.location), self.caller), number)
        data = files.relation(self.connection, table, local)
        keys = ", ".join(name(column.name) for column in table.partition_keys)
        columns = ", ".join(name(column.name) for column in (*table.columns, *table.partition_keys))
        if not partitions:
            values = f"{files.empty(table.partition_keys)}"
        else:
            values = " UNION ALL ".join(
                _partition_row(table, number, partition) for number, partition in enumerate(partitions)
            )
        return (
            f"SELECT {columns} FROM ({data}) AS data JOIN (SELECT {keys}, {files.PARTITION} FROM ({values})) AS keys "
            f"USING ({files.PARTITION})"
        )

    def _delta(self, table: Table) -> str:
        snapshot = delta.read_snapshot(parse_url(table.location), self.caller, self._folder(table) / "log")
        local: list[Path] = []
        for number, data_file in enumerate(snapshot.files):
            local += self._fetch(table, [data_file.item], number)
        columns = ", ".join(name(column.name) for column in snapshot.columns)
        data_columns = tuple(column for column in snapshot.columns if column.name not in snapshot.partition_columns)
        keys = tuple(column for column in snapshot.columns if column.name in snapshot.partition_columns)
        if not local:
            return f"SELECT {columns} FROM ({files.empty(snapshot.columns)})"
        data = files.parquet(self.connection, data_columns, local, keep_time_zone=True)
        values = " UNION ALL ".join(
            _values_row(keys, number, data_file.partition_values) for number, data_file in enumerate(snapshot.files)
        )
        return f"SELECT {columns} FROM ({data}) AS data JOIN ({values}) AS keys USING ({files.PARTITION})"

    def _fetch(self, table: Table, objects: list[S3Object], partition: int) -> list[Path]:
        local = []
        folder = self._folder(table) / f"{files.PARTITION}={partition}"
        for number, item in enumerate(objects):
            if item.size_bytes == 0:
                continue
            target = folder / f"{number}{_suffix(item.path.key)}"
            fetch(item, target, self.caller)
            self.scanned_bytes += item.size_bytes
            local.append(target)
        return local

    def _folder(self, table: Table) -> Path:
        return self._work / f"table{len(self._columns)}"


def _suffix(key: str) -> str:
    """The ending by which DuckDB knows a compressed file."""
    return next((ending for ending in (".gz", ".zst") if key.lower().endswith(ending)), ".data")


def _partition_row(table: Table, number: int, partition: Partition) -> str:
    if len(partition.values) != len(table.partition_keys):
        raise QueryError(
            f"HIVE_INVALID_METADATA: partition {list(partition.values)} of {table.full_name} has "
            f"{len(partition.values)} values for {len(table.partition_keys)} keys"
        )
    values = {
        column.name: None if value == _HIVE_NULL else value
        for column, value in zip(table.partition_keys, partition.values, strict=True)
    }
    return _values_row(table.partition_keys, number, values)


def _values_row(keys: tuple[Column, ...], number: int, values: dict[str, str | None]) -> str:
    casts = [
        f"CAST({'NULL' if values[key.name] is None else literal(str(values[key.name]))} AS {duckdb_type(key.type)}) "
        f"AS {name(key.name)}"
        for key in keys
    ]
    return f"SELECT {', '.join([*casts, f'{number}::INTEGER AS {files.PARTITION}'])}"
