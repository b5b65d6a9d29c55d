"""The typed Parquet file that is a silver data file. The same rows in the same order give the same bytes."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.parse.layout import Layout

ROW_GROUP_ROWS = 256 * 1024


class SilverFile:
    """Writes rows in groups of ROW_GROUP_ROWS, each on a worker while the next is gathered."""

    def __init__(self, path: Path, layout: Layout, workers: ThreadPoolExecutor) -> None:
        self.path = path
        self.rows = 0
        self.seconds = 0.0
        self._schema = layout.silver_schema
        self._workers = workers
        self._gathered: list[pa.RecordBatch] = []
        self._gathered_rows = 0
        self._writing: Future[None] | None = None
        # Few different values compress best as a dictionary; others would only build one in vain.
        few = [field.name for field in layout.stored if field.column.values]
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            version="2.6",
            compression="zstd",
            compression_level=1,
            use_dictionary=few or False,
            store_schema=False,
        )

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows of the layout's silver schema."""
        while batch.num_rows:
            room = ROW_GROUP_ROWS - self._gathered_rows
            part = batch.slice(0, room)
            self._gathered.append(part)
            self._gathered_rows += part.num_rows
            self.rows += part.num_rows
            batch = batch.slice(part.num_rows)
            if self._gathered_rows == ROW_GROUP_ROWS:
                self._flush()

    def close(self) -> None:
        """Write what is left and finish the file; once more does nothing."""
        if self._gathered:
            self._flush()
        self._wait()
        self._writer.close()

    def _flush(self) -> None:
        self._wait()
        table = pa.Table.from_batches(self._gathered, self._schema)
        self._gathered, self._gathered_rows = [], 0
        self._writing = self._workers.submit(self._write, table)

    def _write(self, table: pa.Table) -> None:
        start = perf_counter()
        self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        self.seconds += perf_counter() - start

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None
