"""What a contract says of a pipeline's surroundings: its generator, its crawlers, its tables in the warehouse, its
deadlines."""

import re
from decimal import Decimal
from typing import Literal

from lakehouse.contract.fields import Fields
from lakehouse.contract.model import MAX_DEADLINE_MINUTES, Crawler, Deadlines, Demo, Generator, Warehouse

LAYERS: tuple[Literal["bronze", "silver", "gold"], ...] = ("bronze", "silver", "gold")
SCHEDULE = re.compile(r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)|cron\(\S+( \S+){5}\)")
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""


def read_generator(fields: Fields) -> Generator | None:
    """The table `[generator]`, if there is one. Raises ContractError."""
    table = fields.table("generator")
    if table is None:
        return None
    generator = Generator(rows=table.count("rows", 1000), schedule=_schedule(table))
    table.done()
    return generator


def read_demo(fields: Fields) -> Demo | None:
    """The table `[demo]`, if there is one. Raises ContractError."""
    table = fields.table("demo")
    if table is None:
        return None
    dirty = table.limit("dirty") or Decimal(0)
    if not isinstance(dirty, Decimal) or not 0 <= dirty <= 1:
        table.fail("dirty", f"found '{dirty}', expected a share from 0 to 1 as text")
    query = table.optional("query", str, "the name of a file in queries/")
    demo = Demo(rows=table.count("rows", 1000), files=table.count("files", 1), dirty=dirty, query=query)
    table.done()
    return demo


def read_crawler(name: str, fields: Fields) -> Crawler:
    """One table `[crawlers.<name>]`: exactly one of `bronze`, `silver`, `gold`. Raises ContractError."""
    given = [(layer, fields.optional(layer, str, "a dataset's or gold table's name")) for layer in LAYERS]
    targets = [(layer, target) for layer, target in given if target]
    if len(targets) != 1:
        fields.fail("", f"found {[layer for layer, _ in targets]}, expected exactly one of bronze, silver, gold")
    crawler = Crawler(name, targets[0][0], targets[0][1], _schedule(fields))
    fields.done()
    return crawler


def read_warehouse(fields: Fields) -> Warehouse | None:
    """The table `[warehouse]`, if there is one. Raises ContractError."""
    table = fields.table("warehouse")
    if table is None:
        return None
    warehouse = Warehouse(facts=table.texts("facts"), dimensions=table.texts("dimensions", ()))
    table.done()
    return warehouse


def read_deadlines(fields: Fields) -> Deadlines:
    """The table `[deadlines]`; without it, or without one of its fields, the defaults. Raises ContractError."""
    table, usual = fields.table("deadlines"), Deadlines()
    if table is None:
        return usual
    deadlines = Deadlines(_minutes(table, "batch_minutes", usual), _minutes(table, "run_minutes", usual))
    table.done()
    return deadlines


def _minutes(table: Fields, name: str, usual: Deadlines) -> int:
    minutes = table.count(name, getattr(usual, name))
    if minutes > MAX_DEADLINE_MINUTES:
        table.fail(name, f"found {minutes}, expected at most {MAX_DEADLINE_MINUTES} minutes, a week")
    return minutes


def _schedule(fields: Fields) -> str | None:
    schedule = fields.optional("schedule", str, "rate(5 minutes) or cron(0 2 * * ? *)")
    if schedule is not None and not SCHEDULE.fullmatch(schedule):
        fields.fail("schedule", f"found {schedule!r}, expected rate(5 minutes) or cron(0 2 * * ? *)")
    return schedule
