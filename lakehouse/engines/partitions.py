"""Partitioned gold: which batches a run has to make again, and what their SELECT sees. Spark SQL, pure.

A partition is the gold of one batch. It changes when the batch's own current rows do, and those change with another
batch's files only where both have rows of the same key. So a run of batch B makes again: B, and every batch that has a
key which a file of B has, or ever had. (A file that B held once and holds no more has given its keys back to others.)
"""

from collections.abc import Collection, Sequence

from lakehouse.contract.model import Dataset, GoldTable
from lakehouse.engines.spark_sql import quoted, text
from lakehouse.errors import EngineError
from lakehouse.silver.columns import BATCH


def sharing_batches(dataset: Dataset, silver: str, batch: str, former: str | None) -> str | None:
    """A SELECT of the names of the batches whose rows have a key that `batch` has or had; None: only it can.

    Args:
        silver: relation with the rows of the dataset's table, `_batch` among them.
        former: relation with the keys of the files that the batch no longer holds.
    """
    if not dataset.key:
        return None
    key = ", ".join(quoted(name) for name in dataset.key)
    own = f"select {key} from {silver} where {BATCH} = {text(batch)}"
    had = f"{own} union all select {key} from {former}" if former else own
    same = " and ".join(f"silver.{quoted(name)} = own.{quoted(name)}" for name in dataset.key)
    return (
        f"select distinct silver.{BATCH} from {silver} as silver "
        f"inner join (select distinct {key} from ({had}) as had) as own on {same}"
    )


def of_batches(current: str, batches: Collection[str]) -> str:
    """Of a SELECT of current rows those of some batches: what the SELECT of a partitioned table sees."""
    named = ", ".join(text(batch) for batch in sorted(batches))
    return f"select * from ({current}) as every_batch where {BATCH} in ({named})"


def check_values(table: GoldTable, found: Sequence[object], batches: Collection[str]) -> None:
    """Every row must lie in the partition of a batch that was asked for.

    Args:
        found: the partition column's different values in the result, as texts.

    Raises:
        EngineError: one does not.
    """
    strange = sorted(str(value) for value in found if value not in batches)
    if strange:
        raise EngineError(
            f"gold/{table.name}.sql of pipeline {table.pipeline}: '{table.partition_by}' is {strange[:3]}; expected "
            f"the name of the row's batch, one of {sorted(batches)[:3]}: select it from {BATCH}"
        )
