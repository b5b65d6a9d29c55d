"""The column types of a contract, as Spark SQL names them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse.contract.model import Dataset
from lakehouse.contract.personal import stored_columns

SIMPLE_TYPES = ("string", "int", "long", "double", "boolean", "date", "timestamp")
DECIMAL = re.compile(r"decimal\((\d{1,2}),\s?(\d{1,2})\)")
EXPECTED = f"{', '.join(SIMPLE_TYPES)}, decimal(p,s) with p ≤ 38 and s ≤ p"


@dataclass(frozen=True)
class ColumnType:
    """A type taken apart: `precision` and `scale` are 0 for all but `decimal`."""

    name: str
    precision: int = 0
    scale: int = 0


def column_type(text: str) -> ColumnType:
    """Take `decimal(12,2)` and its like apart.

    Raises:
        ValueError: no such type.
    """
    if text in SIMPLE_TYPES:
        return ColumnType(text)
    match = DECIMAL.fullmatch(text)
    if match:
        precision, scale = int(match[1]), int(match[2])
        if 1 <= precision <= 38 and scale <= precision:
            return ColumnType("decimal", precision, scale)
    raise ValueError(f"found {text!r}, expected one of {EXPECTED}")


def changed_types(dataset: Dataset, types: Mapping[str, str]) -> str | None:
    """Which columns of a silver file have another type in the contract now, in words; None where none has.

    Args:
        types: by column, as the file was judged. A column that the contract has no more is of no account.
    """
    now = {column.name: column.type for column in stored_columns(dataset.columns)}
    changed = [
        (name, kind, now[name])
        for name, kind in types.items()
        if name in now and column_type(now[name]) != column_type(kind)
    ]
    return ", ".join(f"'{name}' as {kind}, which is {wanted} now" for name, kind, wanted in changed) or None
