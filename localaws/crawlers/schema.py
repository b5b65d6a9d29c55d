"""What a crawler learns of files: their schema and their size. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from localaws.crawlers.types import Type, merge_fields

Format = Literal["parquet", "json", "csv"]
SIMILAR = 0.7
"""Share of the columns of the smaller schema that the larger must have, by name. AWS speaks of 70 %."""


@dataclass(frozen=True)
class CsvShape:
    """How a CSV file is written. Files that differ in it are no one table."""

    delimiter: str
    header: bool
    quoted: bool


@dataclass(frozen=True)
class Schema:
    """Format and columns of one or several files."""

    format: Format
    compression: Literal["none", "gzip"]
    columns: tuple[tuple[str, Type], ...]
    csv: CsvShape | None = None

    def compatible(self, other: "Schema") -> bool:
        """Whether both could be read by one table definition."""
        shapes = (self.csv and (self.csv.delimiter, self.csv.header)) == (
            other.csv and (other.csv.delimiter, other.csv.header)
        )
        return (self.format, self.compression) == (other.format, other.compression) and shapes

    def similar(self, other: "Schema") -> bool:
        """Whether the columns are alike by name."""
        own, others = {name for name, _ in self.columns}, {name for name, _ in other.columns}
        smaller = min(len(own), len(others))
        return len(own & others) >= SIMILAR * smaller

    def merged(self, other: "Schema") -> "Schema":
        """Columns of both. CSV columns are found by their place, so names of the longer line count."""
        quoted = bool(self.csv and other.csv and (self.csv.quoted or other.csv.quoted))
        shape = replace(self.csv, quoted=quoted) if self.csv else None
        return replace(self, columns=merge_fields(self.columns, other.columns), csv=shape)


@dataclass(frozen=True)
class Statistics:
    """Of one or several files. `records` is an estimate where a file was read in part."""

    objects: int = 0
    bytes: int = 0
    """As stored, compressed where it is."""
    records: int = 0

    def plus(self, other: "Statistics") -> "Statistics":
        return Statistics(self.objects + other.objects, self.bytes + other.bytes, self.records + other.records)


@dataclass(frozen=True)
class CrawledFile:
    """One object: where it lies below the include path, and what is in it."""

    key: str
    schema: Schema
    statistics: Statistics


def merged(schemas: Iterable[Schema]) -> Schema:
    """The schema of several compatible files."""
    return reduce(Schema.merged, schemas)


def total(files: Iterable[CrawledFile]) -> Statistics:
    """Their statistics together."""
    return reduce(Statistics.plus, (file.statistics for file in files), Statistics())
