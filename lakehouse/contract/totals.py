"""What a contract says of a gold table's totals, read from TOML and checked."""

import re

from lakehouse.contract.columns import NAME
from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Total

_SELECT = re.compile(r"(select|with)\b", re.IGNORECASE)
_AGGREGATE = re.compile(r"\w+\s*\(")


def read_total(name: str, fields: Fields) -> Total:
    """One entry of `[gold.<table>.totals]`. The engines check its SQL. Raises ContractError."""
    if not NAME.fullmatch(name):
        fields.fail("", f"found name {name!r}, expected {NAME.pattern}")
    total = Total(name, gold=fields.text("gold").strip(), silver=fields.text("silver").strip())
    for field, sql in (("gold", total.gold), ("silver", total.silver)):
        if ";" in sql or "--" in sql:
            fields.fail(field, f"found {sql!r}, expected Spark SQL without ';' and comments")
    if _SELECT.match(total.gold) or not _AGGREGATE.search(total.gold):
        fields.fail("gold", f"found {total.gold!r}, expected an aggregate over the result such as sum(amount)")
    if not _SELECT.match(total.silver):
        fields.fail("silver", f"found {total.silver!r}, expected a SELECT of one value over the pipeline's datasets")
    fields.done()
    return total
