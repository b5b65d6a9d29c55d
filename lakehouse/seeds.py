"""Seeds as they are stored: in gold's relations and in the warehouse personal columns are dropped or tokens, as behind
the gate. Needs nothing but the standard library; whether a seed is right is for lakehouse.contract.seeds to say."""

import csv
import re
from io import StringIO

from lakehouse.contract.model import Column, Seed
from lakehouse.contract.personal import has_personal
from lakehouse.contract.seed_text import place_of_seed, seed_records
from lakehouse.errors import ContractError, SettingsError
from lakehouse.tokens import tokenise

_ONE_WAY = {"string": ".*", "int": "0|-?[1-9][0-9]*", "long": "0|-?[1-9][0-9]*", "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}
"""How a value that gets a token must be written, so that it is the token of the same value in a dataset."""


def stored_records(seed: Seed) -> list[list[str]]:
    """The header and the rows as texts, in the file's order; an empty one is null.

    Raises:
        ContractError: no such file, no CSV, no row, rows of different lengths, or a value that is to become a token
            is not written in the one way of its type.
        SettingsError: a column holds tokens and the seed was given no key.
    """
    records = seed_records(seed)
    widths = {len(record) for record in records}
    if len(records) < 2 or len(widths) != 1:
        where = place_of_seed(seed)
        raise ContractError(f"{where}: found {len(records)} lines of {sorted(widths)} values, expected header and rows")
    header, *rows = records
    personal = {column.name: column for column in seed.columns if column.pii}
    places = [
        (place, personal.get(name))
        for place, name in enumerate(header)
        if name not in personal or personal[name].pii != "drop"
    ]
    return [
        [header[place] for place, _ in places],
        *([_stored(seed, column, row[place]) for place, column in places] for row in rows),
    ]


def stored_csv(seed: Seed) -> bytes:
    """The same as a CSV file: the seed's own bytes where nothing of it is personal. Raises as `stored_records`."""
    if not has_personal(seed.columns):
        return seed.file.read_bytes()
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(stored_records(seed))
    return text.getvalue().encode()


def _stored(seed: Seed, column: Column | None, value: str) -> str:
    if column is None or value == "":
        return value
    where = f"{place_of_seed(seed)}: column '{column.name}'"
    if seed.token_key is None:
        raise SettingsError(f"{where}: holds tokens and was loaded without a key: see lakehouse.tokens.with_keys")
    if not re.fullmatch(_ONE_WAY[column.type], value, re.DOTALL):
        raise ContractError(f"{where}: found a value that is not written as {column.type} plainly is")
    return tokenise(seed.token_key, value)
