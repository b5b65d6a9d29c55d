"""A pipeline's contract as values. Loaded from `pipelines/<name>/pipeline.toml` by lakehouse.contract.load."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Literal

Engine = Literal["spark", "duckdb", "auto"]
Format = Literal["ndjson", "json_array", "json_document", "csv"]


@dataclass(frozen=True)
class Column:
    """One column of a dataset or a gold table.

    `type` is one of `string, int (32 bit), long (64 bit), double, boolean, date, timestamp, decimal(p,s)`, as in
    Spark SQL. Timestamps are UTC, microseconds. `format` is how a date or timestamp is written in the input:
    `yyyy-MM-dd`, `yyyy/MM/dd` or `iso_timestamp` (`2026-01-31T23:59:59[.ffffff][Z|+hh:mm]`, without zone UTC; for a
    `date` column the time of day is dropped after the zone is applied). For a decimal `format = "text"` says that JSON
    files write it as text (`"12.50"`); without it a JSON number is expected and text is refused.
    """

    name: str
    type: str
    required: bool = True
    comment: str = ""
    values: tuple[str, ...] = ()
    pattern: str | None = None
    min: Decimal | date | None = None
    max: Decimal | date | None = None
    """Inclusive limits; a timestamp's limits are dates: from midnight UTC of `min` to before midnight UTC of `max`."""
    max_length: int = 1024
    format: str | None = None
    currency_text: bool = False
    """The input writes the number as `$1,234.56` (text): parse it strictly."""


@dataclass(frozen=True)
class Dataset:
    """One kind of file: where it lands, how it is written, what each row must hold."""

    pipeline: str
    name: str
    description: str
    paths: tuple[str, ...]
    """Patterns below `bronze/<pipeline>/`: `users.{ext}`, `users/{batch}/{file}.{ext}`. A placeholder is one or more
    characters without `/`; `{ext}` is `json|ndjson|jsonl|csv` with optional `.gz`."""
    formats: tuple[Format, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    batch: str = "{batch}"
    """How the batch is named from a path's placeholders; a path without them belongs to batch `default`."""
    max_bad_share: Decimal = Decimal("0.10")
    """More than this share of refused rows refuses the whole file."""
    unknown_columns: Literal["refuse", "ignore"] = "refuse"
    parts: int = 1
    marker: str | None = None
    max_bytes: int = 20 * 1024**3
    """Limit of the expanded content."""
    contract_hash: str = field(default="", compare=False)
    """Hash of all that decides how a file of this dataset is judged, and of nothing else: neither comments nor paths,
    nor another dataset, nor gold. Files judged under another hash are judged again."""


@dataclass(frozen=True)
class GoldTable:
    """One result: `gold/<name>.sql` and the columns and key it must have."""

    pipeline: str
    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


@dataclass(frozen=True)
class Pipeline:
    """One folder below `pipelines/`."""

    name: str
    title: str
    folder: Traversable
    """A `pathlib.Path`, or a `zipfile.Path` where the project is imported from a zip, as on Glue."""
    engine: Engine
    datasets: tuple[Dataset, ...]
    gold: tuple[GoldTable, ...]
    auto_spark_from_bytes: int = 512 * 1024**2
    """With `engine = "auto"`: manifests of at least this many bronze bytes go to Spark."""
    contract_hash: str = field(default="", compare=False)
    """Hash of the whole `pipeline.toml`."""

    def dataset(self, name: str) -> Dataset:
        """The dataset of that name. Raises KeyError without one."""
        for dataset in self.datasets:
            if dataset.name == name:
                return dataset
        raise KeyError(name)


@dataclass(frozen=True)
class Place:
    """Where a bronze object key belongs: one slot."""

    pipeline: str
    dataset: str
    batch: str
    key: str
    """The whole bronze object key, not URL-encoded."""
    slot_id: str
    marker: bool = False
    """The object is the dataset's marker (`_SUCCESS`), not a file of rows."""


@dataclass(frozen=True)
class RefusedPlace:
    """A bronze object key that fits no dataset."""

    key: str
    reason: str
    """`not_bronze`, `folder_placeholder`, `unknown_pipeline` or `unknown_place`."""
    message: str
