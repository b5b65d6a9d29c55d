"""Open a file for reading: its blocks of records and the reader for its format."""

from collections.abc import Iterator
from itertools import chain

from lakehouse.parse.arrays import array_blocks, document_blocks
from lakehouse.parse.blocks import Block
from lakehouse.parse.csv_records import csv_blocks
from lakehouse.parse.csv_rows import CsvRows, read_header
from lakehouse.parse.formats import open_content
from lakehouse.parse.json_rows import JsonRows
from lakehouse.parse.layout import Layout
from lakehouse.parse.lines import line_blocks
from lakehouse.parse.reasons import FileRefusedError, Reason
from lakehouse.parse.rows import Reader
from lakehouse.parse.source import Source


def open_records(source: Source, key: str, layout: Layout) -> tuple[Iterator[Block], Reader]:
    """Blocks of a file's rows, header left out, and what reads them.

    Raises:
        FileRefusedError: here or while the blocks are taken.
    """
    opened = open_content(source, key, layout.dataset)
    if opened.format == "csv":
        return _csv(csv_blocks(opened.window), layout)
    if opened.format == "ndjson":
        return line_blocks(opened.window), JsonRows(layout, separated_by_lines=True)
    reader = JsonRows(layout, separated_by_lines=False)
    if opened.format == "json_array":
        return array_blocks(opened.window), reader
    return document_blocks(opened.window, layout.dataset), reader


def _csv(blocks: Iterator[Block], layout: Layout) -> tuple[Iterator[Block], Reader]:
    first = next(blocks, None)
    if first is None or not len(first):
        raise FileRefusedError(Reason.NO_ROWS, found="no header")
    header = read_header(first.record(0), layout)
    return chain([first.slice(1, len(first))], blocks), CsvRows(layout, header)
