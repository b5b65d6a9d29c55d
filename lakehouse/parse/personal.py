"""Typed rows as silver stores them: personal columns dropped, or tokens in their place, a whole column at once.

Both ways of reading come through here, behind the contract's rules, so tokens cannot differ between them.
"""

import pyarrow as pa

from lakehouse.errors import SettingsError
from lakehouse.parse.layout import Layout
from lakehouse.tokens import tokenise


def stored_rows(layout: Layout, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of the layout's schema as rows of its silver schema.

    Raises:
        SettingsError: the dataset has token columns and was given no key.
    """
    if not layout.personal:
        return rows
    columns = [
        _tokens(layout, rows.column(field.name)) if field.column.pii == "token" else rows.column(field.name)
        for field in layout.fields
        if field.column.pii != "drop"
    ]
    return pa.RecordBatch.from_arrays([*columns, rows.column(rows.num_columns - 1)], schema=layout.silver_schema)


def _tokens(layout: Layout, values: pa.Array) -> pa.Array:
    """Each value's token; null stays null. A value that comes often is hashed once."""
    key = layout.dataset.token_key
    if key is None:
        where = f"pipelines/{layout.dataset.pipeline}/pipeline.toml: datasets.{layout.dataset.name}"
        raise SettingsError(f"{where}: has token columns and was loaded without a key: see lakehouse.tokens.with_keys")
    different = values.cast(pa.string()).dictionary_encode()
    tokens = pa.array([tokenise(key, text) for text in different.dictionary.to_pylist()], pa.string())
    return tokens.take(different.indices)
