"""The same key in two rows of a file: with the same content one of them stays, with other content all are refused.

Hashes of the keys name candidates; a second look at the typed rows compares the candidates themselves. Memory is
bounded by SLICE_ROWS: more candidates take more looks.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakehouse.gate.key_hashes import Hashes, HashFile, key_hashes
from lakehouse.parse.layout import LINE, Layout

KEPT, DUPLICATE, CONFLICTING = 0, 1, 2
SLICE_ROWS = 400_000
GATHER_ROWS = 100_000
BATCH_ROWS = 64 * 1024
POSITION = "_position"
Fates = npt.NDArray[np.uint8]


def fates(path: Path, layout: Layout, hashes: HashFile) -> Fates | None:
    """What becomes of each row of the typed file at `path`: KEPT, DUPLICATE (an equal row stands before it) or
    CONFLICTING (another row has its key and other content). None where all are kept."""
    found: Fates | None = None
    for candidates in _slices(hashes):
        if found is None:
            found = np.zeros(hashes.rows, np.uint8)
        firsts = _firsts(path, layout, candidates)
        for rows in _candidate_rows(path, layout, candidates):
            joined = rows.select([*layout.dataset.key, POSITION]).join(
                firsts, keys=list(layout.dataset.key), join_type="inner", use_threads=False
            )
            position, first, last = (joined[name].to_numpy() for name in (POSITION, "first", "last"))
            found[position[position != first]] = DUPLICATE
            found[position[first != last]] = CONFLICTING
    return found


def rows_of(path: Path) -> Iterator[pa.RecordBatch]:
    """The typed rows in their order."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(BATCH_ROWS, use_threads=False)


def _slices(hashes: HashFile) -> Iterator[Hashes]:
    """Candidates, sorted, in slices of about SLICE_ROWS rows."""
    for repeated, counts in hashes.repeated():
        number = np.cumsum(counts) // SLICE_ROWS
        yield from np.split(repeated, np.flatnonzero(np.diff(number)) + 1)


def _candidate_rows(path: Path, layout: Layout, candidates: Hashes) -> Iterator[pa.Table]:
    """Rows whose key's hash is a candidate, with their position in the file."""
    start = 0
    for batch in rows_of(path):
        own = key_hashes([batch.column(name) for name in layout.dataset.key])
        places = np.minimum(np.searchsorted(candidates, own), len(candidates) - 1)
        hits = np.flatnonzero(candidates[places] == own)
        if len(hits):
            rows = pa.Table.from_batches([batch]).take(pa.array(hits)).drop_columns([LINE])
            yield rows.append_column(POSITION, pa.array(hits + start, pa.int64()))
        start += batch.num_rows


def _firsts(path: Path, layout: Layout, candidates: Hashes) -> pa.Table:
    """Of every candidate key the positions `first` and `last` at which a content comes for the first time: the same
    where all its rows have equal content."""
    gathered: list[pa.Table] = []
    rows = 0
    for table in _candidate_rows(path, layout, candidates):
        gathered.append(table)
        rows += table.num_rows
        if rows > GATHER_ROWS:
            gathered, rows = [_distinct(pa.concat_tables(gathered), layout)], 0
    distinct = _distinct(pa.concat_tables(gathered), layout)
    return _span(distinct, layout).rename_columns([*layout.dataset.key, "first", "last"])


def _distinct(rows: pa.Table, layout: Layout) -> pa.Table:
    """Different contents with their first position; of a key with many, the first and the last say enough."""
    names = [field.name for field in layout.stored]
    contents = rows.group_by(names, use_threads=False).aggregate([(POSITION, "min")])
    contents = contents.rename_columns([*names, POSITION])
    span = _span(contents, layout)
    ends = pa.chunked_array([*span[f"{POSITION}_min"].chunks, *span[f"{POSITION}_max"].chunks], pa.int64())
    return contents.filter(pc.is_in(contents[POSITION], ends))


def _span(contents: pa.Table, layout: Layout) -> pa.Table:
    grouped = contents.group_by(list(layout.dataset.key), use_threads=False)
    return grouped.aggregate([(POSITION, "min"), (POSITION, "max")])
