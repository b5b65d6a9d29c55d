"""Did the rows arrive? Totals of a gold result against silver, and silver's files against what their log says. Pure.

A total is said twice in the contract: as an aggregate over what was written, and as a SELECT over silver that goes
another way than the gold table's own. Both are computed in one query with the figures of the result.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from lakehouse.contract.model import GoldTable, Pipeline
from lakehouse.engines.current import silver_relation
from lakehouse.engines.result import Figures, check_figures, figures_of, figures_sql
from lakehouse.engines.spark_sql import text
from lakehouse.errors import BalanceError, EngineError


def checks_sql(table: GoldTable, relation: str, never_null: Container[str] = ()) -> str:
    """Spark SQL of one row: the figures of a result, then its totals, then silver's; see `check_result`."""
    figures = figures_sql(table, relation, never_null)
    if not table.totals:
        return figures
    gold = ", ".join(f"{total.gold} as _gold_{place}" for place, total in enumerate(table.totals))
    silver = ", ".join(f"({total.silver}) as _silver_{place}" for place, total in enumerate(table.totals))
    found = f"({figures}) as figures cross join (select {gold} from {relation}) as gold"
    return f"select figures.*, gold.*, {silver} from {found}"


def check_result(table: GoldTable, row: Sequence[object], never_null: Container[str] = ()) -> Figures:
    """The one row that `checks_sql` answers: figures with the totals that agree.

    Raises:
        EngineError: keys repeat, required values are missing, or a total differs from silver's.
    """
    count = len(table.totals)
    counted = [int(str(value)) for value in row[: len(row) - 2 * count]]
    figures = figures_of(table, counted, never_null)
    check_figures(table, figures)
    gold, silver = row[len(counted) : len(counted) + count], row[len(counted) + count :]
    return replace(figures, totals=_agreed(table, gold, silver))


def counts_sql(pipeline: Pipeline) -> str:
    """Spark SQL that counts all rows of each dataset's silver relation: dataset, rows."""
    counts = (
        f"select {text(dataset.name)} as dataset, count(*) as counted from {silver_relation(dataset)}"
        for dataset in pipeline.datasets
    )
    return " union all ".join(counts)


def check_counts(pipeline: str, logged: Mapping[str, int], counted: Mapping[str, int]) -> None:
    """Compare rows in silver's files with those that the Delta log says, both by dataset or by file.

    Raises:
        BalanceError: files have lost or gained rows.
    """
    wrong = [
        f"{name} holds {counted.get(name)} rows, its Delta log says {rows}"
        for name, rows in sorted(logged.items())
        if counted.get(name) != rows
    ]
    if wrong:
        raise BalanceError(
            f"Silver of {pipeline} has lost or gained rows since the gate wrote it: {'; '.join(wrong[:5])}. The run "
            f"makes no gold. `lake audit` names the files; put them right, then `lake replay` their batch"
        )


def _agreed(table: GoldTable, gold: Sequence[object], silver: Sequence[object]) -> dict[str, str | None]:
    agreed, wrong = {}, []
    for total, in_gold, in_silver in zip(table.totals, gold, silver, strict=True):
        for value in (in_gold, in_silver):
            _check_exact(table, total.name, value)
        if in_gold != in_silver:
            wrong.append(f"'{total.name}' is {_text(in_gold)} in gold and {_text(in_silver)} in silver")
        agreed[total.name] = _text(in_gold)
    if wrong:
        raise EngineError(
            f"gold/{table.name}.sql of pipeline {table.pipeline}: total {', total '.join(wrong)}. A join may lose rows "
            "or fan out; where the SELECT is right, correct [gold." + table.name + ".totals]"
        )
    return agreed


def _check_exact(table: GoldTable, name: str, value: object) -> None:
    if isinstance(value, datetime) or not isinstance(value, int | Decimal | str | date | None):
        raise EngineError(
            f"[gold.{table.name}.totals] of pipeline {table.pipeline}: '{name}' is a {type(value).__name__}; "
            "expected a whole number, decimal, text or date, which are compared exactly"
        )


def _text(value: object) -> str | None:
    if value is None:
        return None
    return format(value, "f") if isinstance(value, Decimal) else str(value)
