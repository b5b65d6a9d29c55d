"""Seeds as relations of both engines: one SELECT over literals, in Spark SQL. Pure but for reading the file.

Not read by lakehouse.contract.seeds: that needs pyarrow, which has no room in a Lambda beside DuckDB and delta-rs. What
is read here has passed there (tests see to it), and must give the same values.
"""

from lakehouse.contract.model import Column, Seed
from lakehouse.contract.seed_text import place_of_seed, seed_records
from lakehouse.engines.result import spark_type
from lakehouse.engines.spark_sql import quoted, text
from lakehouse.errors import ContractError


def seed_rows(seed: Seed) -> str:
    """A SELECT of a seed's columns with the contract's names and types.

    Raises:
        ContractError: the file is missing or is no CSV with these columns, or a column is written in a way that a
            plain cast does not read (`format`, `currency_text`).
    """
    where = place_of_seed(seed)
    header, *records = _records(seed, where)
    if sorted(header) != sorted(column.name for column in seed.columns):
        raise ContractError(f"{where}: line 1: found {header}, expected {[column.name for column in seed.columns]}")
    places = [header.index(column.name) for column in seed.columns]
    names = ", ".join(quoted(column.name) for column in seed.columns)
    lines = ", ".join(
        f"({', '.join(_literal(column, record[place]) for column, place in zip(seed.columns, places, strict=True))})"
        for record in records
    )
    casts = ", ".join(_cast(column, where) for column in seed.columns)
    return f"select {casts} from values {lines} as seed({names})"


def _records(seed: Seed, where: str) -> list[list[str]]:
    records = seed_records(seed)
    widths = {len(record) for record in records}
    if len(records) < 2 or len(widths) != 1:
        raise ContractError(f"{where}: found {len(records)} lines of {sorted(widths)} values, expected header and rows")
    return records


def _literal(column: Column, value: str) -> str:
    """An empty value is null, as the gate reads it."""
    return "cast(null as string)" if value == "" else text(value)


def _cast(column: Column, where: str) -> str:
    if column.format not in (None, "yyyy-MM-dd", "iso_timestamp") or column.currency_text:
        raise ContractError(f"{where}: column '{column.name}': seeds are written plainly, without format or currency")
    return f"cast({quoted(column.name)} as {spark_type(column.type)}) as {quoted(column.name)}"
