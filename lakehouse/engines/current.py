"""The current rows of a silver table, as Spark SQL. Pure."""

from lakehouse.contract.model import Dataset
from lakehouse.contract.personal import stored_columns
from lakehouse.engines.spark_sql import quoted
from lakehouse.silver.columns import BATCH, ORIGIN, SLOT


def silver_relation(dataset: Dataset) -> str:
    """The relation that both engines show all rows of a dataset's table as."""
    return f"_silver_{dataset.name}"


def current_rows(dataset: Dataset, silver: str, slots: int) -> str:
    """A SELECT of the contract's columns and `_batch` of the rows that are current in the relation `silver`.

    Of rows with the same key the one of the greatest (batch, object key) is current, by the order of their UTF-8
    bytes; a compacted file names in `_origin` the object key that a row came from. Inside one slot keys are unique,
    because the gate judged so: with one slot every row is current. A dataset without a key has only current rows.
    """
    columns = ", ".join([*(quoted(column.name) for column in stored_columns(dataset.columns)), BATCH])
    if slots <= 1 or not dataset.key:
        return f"select {columns} from {silver}"
    key = ", ".join(quoted(name) for name in dataset.key)
    newest_first = f"partition by {key} order by {BATCH} desc, coalesce({ORIGIN}, {SLOT}) desc"
    ranked = f"select {columns}, row_number() over ({newest_first}) as _rank from {silver}"
    return f"select {columns} from ({ranked}) as ranked where _rank = 1"
