"""Seeds as relations of both engines: one SELECT over literals, in Spark SQL. Pure but for reading the file.

Not read by lakehouse.contract.seeds: that needs pyarrow, which has no room in a Lambda beside DuckDB and delta-rs. What
is read here has passed there (tests see to it), and must give the same values.
"""

from lakehouse.contract.model import Column, Seed
from lakehouse.contract.personal import stored_columns
from lakehouse.contract.seed_text import place_of_seed
from lakehouse.engines.result import spark_type
from lakehouse.engines.spark_sql import quoted, text
from lakehouse.errors import ContractError
from lakehouse.seeds import stored_records


def seed_rows(seed: Seed) -> str:
    """A SELECT of a seed's columns with the contract's names and types, personal ones as they are stored.

    Raises:
        ContractError: the file is missing or is no CSV with these columns, or a column is written in a way that a
            plain cast does not read (`format`, `currency_text`).
        SettingsError: a column holds tokens and the seed was given no key.
    """
    where, columns = place_of_seed(seed), stored_columns(seed.columns)
    header, *records = stored_records(seed)
    if sorted(header) != sorted(column.name for column in columns):
        raise ContractError(f"{where}: line 1: found {header}, expected {[column.name for column in columns]}")
    places = [header.index(column.name) for column in columns]
    names = ", ".join(quoted(column.name) for column in columns)
    lines = ", ".join(f"({', '.join(_literal(record[place]) for place in places)})" for record in records)
    casts = ", ".join(_cast(column, where) for column in columns)
    return f"select {casts} from values {lines} as seed({names})"


def _literal(value: str) -> str:
    """An empty value is null, as the gate reads it."""
    return "cast(null as string)" if value == "" else text(value)


def _cast(column: Column, where: str) -> str:
    if column.format not in (None, "yyyy-MM-dd", "iso_timestamp") or column.currency_text:
        raise ContractError(f"{where}: column '{column.name}': seeds are written plainly, without format or currency")
    return f"cast({quoted(column.name)} as {spark_type(column.type)}) as {quoted(column.name)}"
