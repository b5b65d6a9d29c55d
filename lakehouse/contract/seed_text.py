"""What the loader takes of seed files with nothing but the standard library: some Lambdas that load contracts have no
pyarrow. It serves to notice that a seed has changed, and the engines; whether a seed is right is for
lakehouse.contract.seeds to say."""

import csv
from io import StringIO

from lakehouse.contract.model import Seed
from lakehouse.errors import ContractError


def seed_records(seed: Seed) -> list[list[str]]:
    """A seed's file as texts: the header, then the rows, as they are written.

    Raises:
        ContractError: no such file, or no CSV.
    """
    where = place_of_seed(seed)
    try:
        text = seed.file.read_bytes().decode("utf-8-sig")
        return [record for record in csv.reader(StringIO(text, newline=""), strict=True) if record]
    except FileNotFoundError as error:
        raise ContractError(f"{where}: no such file, expected the rows of seed {seed.name!r}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ContractError(f"{where}: is no CSV in UTF-8: {error}") from error


def place_of_seed(seed: Seed) -> str:
    """Where a message says that a seed lies."""
    return f"pipelines/{seed.pipeline}/seeds/{seed.name}.csv"


def column_texts(seed: Seed, column: str) -> list[str]:
    """The different values of one of a seed's columns, as they are written, sorted.

    Raises:
        ContractError: no such file, no CSV, or no such column in its header.
    """
    records = seed_records(seed)
    if not records or column not in records[0]:
        raise ContractError(f"{place_of_seed(seed)}: line 1: {column}: is missing, expected it in the header")
    place = records[0].index(column)
    return sorted({record[place] for record in records[1:] if place < len(record)})
