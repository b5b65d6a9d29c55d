"""Silver files that were changed behind the lake's back."""

import io

import pyarrow.parquet as pq

AFTER_FOOTER = 8
"""Bytes after a Parquet footer: its length and the magic number."""


def one_row_less(parquet: bytes) -> bytes:
    """The file without its last row, and yet of the same size, so that only counting finds it: zeros stand between
    its pages and its footer."""
    rows, out = pq.read_table(io.BytesIO(parquet)), io.BytesIO()
    small = {"use_dictionary": False, "write_statistics": False, "store_schema": False}
    pq.write_table(rows.slice(0, rows.num_rows - 1), out, compression="zstd", **small)
    changed = out.getvalue()
    footer = len(changed) - AFTER_FOOTER - int.from_bytes(changed[-AFTER_FOOTER : -AFTER_FOOTER + 4], "little")
    assert len(changed) <= len(parquet), f"{len(changed)} bytes do not fit {len(parquet)}"
    return changed[:footer] + bytes(len(parquet) - len(changed)) + changed[footer:]
