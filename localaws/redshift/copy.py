"""COPY: S3 to a table, all or nothing, in the transaction of the statement."""

import io

from pg8000.native import Connection

from localaws.redshift import csv_rows, parquet
from localaws.redshift.copy_command import CopyCommand
from localaws.redshift.objects import CopySource
from localaws.redshift.target import columns_of, quoted


def copy(connection: Connection, command: CopyCommand, endpoint_url: str, region: str, external_id: str) -> int:
    """Load the files; the number of rows. `external_id`: the database user, as the role's trust policy may name it.

    Raises:
        StatementError: the table, the role, the files or their rows are not as they must be.
        DatabaseError: PostgreSQL refuses a row.
    """
    columns = columns_of(connection, command.table, command.columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    into = f"COPY {quoted(command.table)} ({names}) FROM STDIN WITH (FORMAT csv)"
    source, total = CopySource(command.role, endpoint_url, region, external_id), 0
    try:
        for key, body in source.read(command.source, columnar=command.format == "PARQUET"):
            address = source.address(command.source, key)
            if command.format == "PARQUET":
                count, rows = parquet.rows_of(body, address, columns)
            else:
                count, rows = csv_rows.rows_of(body, address, columns, command)
            if count:
                connection.run(into, stream=io.BytesIO(rows))
            total += count
    finally:
        source.close()
    return total
