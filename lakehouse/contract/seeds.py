"""Seed files as typed tables: read by the gate's own parser and refused whole for any fault in them.

Needs pyarrow; what the loader needs of seeds, in Lambdas without it, is in lakehouse.contract.seed_text.
"""

from decimal import Decimal
from io import BytesIO

import pyarrow as pa

from lakehouse.contract.model import Dataset, Pipeline, Seed
from lakehouse.contract.personal import has_personal
from lakehouse.errors import ContractError
from lakehouse.parse.layout import LINE, Layout, layout_of
from lakehouse.parse.reasons import HIDDEN, FileRefusedError
from lakehouse.parse.records import open_records
from lakehouse.parse.rows import parse_block
from lakehouse.parse.source import Source


def read_seed(pipeline: Pipeline, seed: str | Seed) -> pa.Table:
    """A seed's rows in the file's order, with the contract's columns and types, personal values as they are written.

    Raises:
        ContractError: no such seed; its file is missing, is refused or has no row; a row breaks a rule of its columns
            or has the key of another row. Names file, line and column.
    """
    return _table(seed if isinstance(seed, Seed) else _named(pipeline, seed))


def seed_values(pipeline: Pipeline, reference: str) -> frozenset[str]:
    """The values of a seed's column of strings, named as `<seed>.<column>`.

    Raises:
        ContractError: as `read_seed`, or no such column.
    """
    seed, _, column = reference.partition(".")
    return _values(_named(pipeline, seed), column)


def known_values(dataset: Dataset) -> dict[str, frozenset[str]]:
    """What the dataset's columns may refer to: values by reference, `<seed>.<column>`. Raises ContractError."""
    seeds = {seed.name: seed for seed in dataset.seeds}
    known: dict[str, frozenset[str]] = {}
    for reference in sorted({column.references for column in dataset.columns if column.references}):
        seed, _, column = reference.partition(".")
        known[reference] = _values(seeds[seed], column)
    return known


def _named(pipeline: Pipeline, name: str) -> Seed:
    for seed in pipeline.seeds:
        if seed.name == name:
            return seed
    known = ", ".join(seed.name for seed in pipeline.seeds) or "none"
    raise ContractError(f"pipelines/{pipeline.name}/pipeline.toml: found no seed {name!r}, expected one of {known}")


def _values(seed: Seed, column: str) -> frozenset[str]:
    table = _table(seed)
    if column not in table.column_names or table.schema.field(column).type != pa.string():
        strings = ", ".join(field.name for field in table.schema if field.type == pa.string())
        raise ContractError(f"{_where(seed)}: found no column {column!r} of strings, expected one of {strings}")
    return frozenset(value for value in table.column(column).to_pylist() if value is not None)


def _where(seed: Seed) -> str:
    return f"pipelines/{seed.pipeline}/seeds/{seed.name}.csv"


def _table(seed: Seed) -> pa.Table:
    where = _where(seed)
    try:
        content = seed.file.read_bytes()
    except FileNotFoundError as error:
        raise ContractError(f"{where}: no such file, expected the rows of seed {seed.name!r}") from error
    layout = layout_of(_as_dataset(seed))
    try:
        batches = _batches(where, content, layout)
    except FileRefusedError as error:
        raise ContractError(f"{where}: {error.told(hidden=layout.personal)}") from error
    table = pa.Table.from_batches(batches, layout.schema)
    if not table.num_rows:
        raise ContractError(f"{where}: found a header alone, expected at least one row")
    _check_key(where, table, seed)
    return table.drop_columns([LINE])


def _as_dataset(seed: Seed) -> Dataset:
    """A seed is judged as a CSV file of a dataset of which no row may be wrong."""
    paths = (f"{seed.name}.csv",)
    return Dataset(
        seed.pipeline, seed.name, seed.description, paths, ("csv",), seed.columns, seed.key, max_bad_share=Decimal(0)
    )


def _batches(where: str, content: bytes, layout: Layout) -> list[pa.RecordBatch]:
    blocks, reader = open_records(Source(BytesIO(content)), where, layout)
    batches: list[pa.RecordBatch] = []
    for block in blocks:
        parsed = parse_block(layout, reader, block, 0)
        for row in parsed.refused:
            raise ContractError(f"{where}: line {row.line}: {row.column or 'row'}: {row.message}")
        batches.append(parsed.rows)
    return batches


def _check_key(where: str, table: pa.Table, seed: Seed) -> None:
    first: dict[tuple[object, ...], int] = {}
    columns = [table.column(name).to_pylist() for name in (*seed.key, LINE)]
    for *values, line in zip(*columns, strict=True):
        before = first.setdefault(tuple(values), line)
        if before != line:
            found = HIDDEN if has_personal(seed.columns) else repr(", ".join(str(value) for value in values))
            raise ContractError(
                f"{where}: line {line}: {', '.join(seed.key)}: found {found}, which line {before} has as well, "
                "expected every key once"
            )
