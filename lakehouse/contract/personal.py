"""Personal columns of a contract: what is left of them behind the gate. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal

from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Column, Pipeline

TOKEN_TYPES = ("string", "int", "long", "date")
"""Of token columns: their values are written in one way only."""
PII: tuple[Literal["drop", "token"], ...] = ("drop", "token")


def read_pii(fields: Fields, kind: str) -> Literal["drop", "token"] | None:
    """The field `pii` of a column of that type. Raises ContractError."""
    found = fields.optional("pii", str, " or ".join(PII))
    if found is None:
        return None
    if found not in PII:
        fields.fail("pii", f"found {found!r}, expected one of {', '.join(PII)}")
    if found == "token" and kind not in TOKEN_TYPES:
        fields.fail("pii", f"found 'token' on type {kind}, expected it only on {', '.join(TOKEN_TYPES)}")
    return found


def check_gold_columns(fields: Fields, columns: Sequence[Column]) -> None:
    """Gold holds what silver and seeds brought, so all that can be personal there are tokens. Raises ContractError."""
    for index, column in enumerate(columns):
        if column.pii is not None and (column.pii, column.type) != ("token", "string"):
            found = f"found {column.pii!r} on type {column.type}"
            fields.fail(f"columns[{index}].pii", f"{found}, expected 'token' on string: gold sees no personal value")


def stored_columns(columns: Iterable[Column]) -> tuple[Column, ...]:
    """The columns as they are stored behind the gate: without those that are dropped, tokens as texts."""
    return tuple(_stored(column) for column in columns if column.pii != "drop")


def _stored(column: Column) -> Column:
    if column.pii is None:
        return column
    return Column(column.name, "string", column.required, column.comment, pii=column.pii)


def has_personal(columns: Iterable[Column]) -> bool:
    """Whether a file of these columns holds personal values: nothing of it is quoted then."""
    return any(column.pii for column in columns)


def has_tokens(columns: Iterable[Column]) -> bool:
    """Whether one of the columns holds tokens."""
    return any(column.pii == "token" for column in columns)


def is_personal(pipeline: Pipeline) -> bool:
    """Whether files of a pipeline hold personal values."""
    return any(has_personal(dataset.columns) for dataset in pipeline.datasets)
