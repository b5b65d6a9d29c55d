"""Is a gold result what the contract declares? The same questions for every engine."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from lakehouse.contract.model import GoldTable
from lakehouse.contract.types import column_type
from lakehouse.errors import EngineError


@dataclass(frozen=True)
class Figures:
    """What was counted in a result."""

    rows: int
    repeated_keys: int
    """Keys that more than one row has."""
    nulls: Mapping[str, int]
    """Rows without a value, by required column."""
    totals: Mapping[str, str | None] = field(default_factory=dict)
    """The contract's totals by name, as text, once they agree with silver's."""


def spark_type(text: str) -> str:
    """A contract's type as Spark writes it (`bigint`, `decimal(18,2)`)."""
    found = column_type(text)
    if found.name == "decimal":
        return f"decimal({found.precision},{found.scale})"
    return "bigint" if found.name == "long" else found.name


def check_columns(table: GoldTable, found: Sequence[tuple[str, str]]) -> None:
    """Compare (name, Spark type) of a result's columns with the contract, in order.

    Raises:
        EngineError: they differ. Names the first column that does.
    """
    where = f"gold/{table.name}.sql of pipeline {table.pipeline}"
    declared = [(column.name, spark_type(column.type)) for column in table.columns]
    for position, (want, have) in enumerate(zip(declared, found, strict=False), start=1):
        if want != have:
            raise EngineError(
                f"{where}: column {position} is {have[0]} {have[1]}; the contract declares {want[0]} {want[1]}"
            )
    if len(found) != len(declared):
        names = [name for name, _ in found]
        raise EngineError(f"{where}: gives columns {names}; the contract declares {[name for name, _ in declared]}")


def figures_sql(table: GoldTable, relation: str, never_null: Container[str] = ()) -> str:
    """Spark SQL that counts a result's rows, repeated keys and missing values in one pass; see `figures_of`.

    Columns that the engine has proven to be `never_null` need not be read for it.
    """
    key = ", ".join(f"`{name}`" for name in table.key)
    required = [name for name in required_columns(table) if name not in never_null]
    inner = "".join(f", count_if(`{name}` is null) as _nulls_{i}" for i, name in enumerate(required))
    outer = "".join(f", coalesce(sum(_nulls_{i}), 0)" for i in range(len(required)))
    return (
        f"select coalesce(sum(_rows), 0), count_if(_rows > 1){outer} "
        f"from (select count(*) as _rows{inner} from {relation} group by {key}) as _keys"
    )


def figures_of(table: GoldTable, row: Sequence[int], never_null: Container[str] = ()) -> Figures:
    """The one row that `figures_sql` answers."""
    rows, repeated, *counted = (int(value) for value in row)
    nulls = iter(counted)
    required = required_columns(table)
    return Figures(rows, repeated, {name: 0 if name in never_null else next(nulls) for name in required})


def check_figures(table: GoldTable, figures: Figures) -> None:
    """Every key once, every required column with a value.

    Raises:
        EngineError: not so. Says which column and how many rows or keys.
    """
    where = f"gold/{table.name}.sql of pipeline {table.pipeline}"
    if figures.repeated_keys:
        raise EngineError(
            f"{where}: {figures.repeated_keys} of the keys {list(table.key)} have several rows; expected one each. "
            "A join may fan out: aggregate before joining"
        )
    empty = {name: count for name, count in figures.nulls.items() if count}
    if empty:
        raise EngineError(f"{where}: rows without a value in required columns: {empty}")


def required_columns(table: GoldTable) -> list[str]:
    """The columns in which every row must have a value."""
    return [column.name for column in table.columns if column.required or column.name in table.key]
