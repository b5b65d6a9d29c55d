"""One number for the content of a gold table, whoever wrote its files and in whatever order."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb


def checksum(files: Sequence[Path], memory_mb: int = 1024) -> str:
    """Checksum of all rows of Parquet files: 32 hexadecimal digits.

    Each row becomes one text: for every column, in the order of names, its name, its type and its value. The MD5
    digests of the rows are added up, which no order of rows or files changes, and hashed with their count. Timestamps
    count as instants.

    Raises:
        duckdb.Error: a file cannot be read, or the files differ in their columns.
        ValueError: there is no file.
    """
    if not files:
        raise ValueError("No Parquet files to take a checksum of")
    with duckdb.connect(config={"memory_limit": f"{memory_mb}MB", "autoload_known_extensions": False}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        rows = connection.read_parquet([str(file) for file in files], hive_partitioning=False)
        columns = sorted(zip(rows.columns, (str(kind) for kind in rows.types), strict=True))
        text = ", ".join(_part(name, kind) for name, kind in columns)
        connection.register("_rows", rows)
        found = connection.execute(
            f"with texts as (select concat_ws('|', {text}) as text from _rows) "
            "select count(*), coalesce(sum(md5_number_lower(text)), 0), coalesce(sum(md5_number_upper(text)), 0) "
            "from texts"
        ).fetchone()
    schema = ",".join(f"{name}:{kind}" for name, kind in columns)
    return hashlib.sha256(f"{schema}\n{found}".encode()).hexdigest()[:32]


def _part(name: str, kind: str) -> str:
    """SQL for one column's value as text, with its length before it so that values cannot run into each other."""
    quoted = '"' + name.replace('"', '""') + '"'
    text = f"epoch_us({quoted})::varchar" if kind.startswith("TIMESTAMP") else f"{quoted}::varchar"
    return f"coalesce(length({text}) || ':' || {text}, '-')"
