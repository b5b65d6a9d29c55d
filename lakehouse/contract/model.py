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
    """The input writes the number as text after a dollar sign: `$1,234.56`, `-$5`. The commas between thousands may be
    left out altogether (`$1234.56`), but not set wrong; nothing else stands beside the number."""
    references: str | None = None
    """`<seed>.<column>`: only values that this column of a seed holds are accepted. Strings only."""
    pii: Literal["drop", "token"] | None = None
    """Personal: the value is judged as any other, then dropped, or stored as a token (lakehouse.tokens). On a column of
    gold: it holds tokens, which silver or a seed brought."""


@dataclass(frozen=True)
class Seed:
    """A small table that comes with the project: `seeds/<name>.csv`, judged by its columns as strictly as any input.

    Gold's SQL reads it by its name, and columns of datasets may refer to it.
    """

    pipeline: str
    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    file: Traversable = field(compare=False)
    """`seeds/<name>.csv`. Read by lakehouse.contract.seeds, whenever it is needed."""
    token_key: bytes | None = field(default=None, compare=False, repr=False)
    """What token columns are made with: see lakehouse.tokens.with_keys."""


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
    """Columns that identify a row. Empty: rows have no identity, so every line counts, repeated ones too."""
    batch: str = "{batch}"
    """How the batch is named from a path's placeholders; a path without them belongs to batch `default`."""
    max_bad_share: Decimal = Decimal("0.10")
    """More than this share of refused rows refuses the whole file."""
    unknown_columns: Literal["refuse", "ignore"] = "refuse"
    checks: tuple[str, ...] = ()
    """Equations that every row must keep, exactly: `total_amount = quantity * price`. Columns are numbers that are
    required; `=`, `+`, `-`, `*` and parentheses."""
    compact: bool = False
    """A daily job puts the small silver files of a closed batch into one."""
    person: str | None = None
    """The column that says whose row it is: what `lake forget` goes by. Without it the rows are nobody's."""
    parts: int = 1
    marker: str | None = None
    max_bytes: int = 20 * 1024**3
    """Limit of the expanded content."""
    seeds: tuple[Seed, ...] = field(default=(), compare=False)
    """Those that its columns refer to."""
    contract_hash: str = field(default="", compare=False)
    """Hash of all that decides how a file of this dataset is judged, the values that its columns may refer to included,
    and of nothing else: neither comments nor paths, nor another dataset, nor gold. Files judged under another hash are
    judged again."""
    token_key: bytes | None = field(default=None, compare=False, repr=False)
    """What token columns are made with: see lakehouse.tokens.with_keys."""


@dataclass(frozen=True)
class Total:
    """A figure that a gold table must share with silver, exactly: a run whose two values differ fails. Spark SQL."""

    name: str
    gold: str
    """An aggregate over the rows that were written: `sum(amount)`."""
    silver: str
    """A SELECT of one value over datasets and seeds, which goes another way than the table's own SELECT. It sees what
    that one sees: of a partitioned table the batches that the run touches."""


@dataclass(frozen=True)
class GoldTable:
    """One result: `gold/<name>.sql` and the columns and key it must have."""

    pipeline: str
    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    after: str | None = None
    """Another gold table of the pipeline: this one is made once that one is published, of the same silver versions."""
    partition_by: str | None = None
    """The last column: a table of its own for every batch, whose value in it is the batch's name (`cast(_batch as
    date)`). A run makes only the partitions that it touches. The files do not hold the column, their folder does."""
    csv: bool = False
    """Also written as one CSV file with a header, for spreadsheets, below `exports/`."""
    totals: tuple[Total, ...] = ()


@dataclass(frozen=True)
class Generator:
    """How the pipeline's `generate.py` is invoked as a Lambda function."""

    rows: int
    """Rows a file, unless asked for otherwise."""
    schedule: str | None = None
    """EventBridge's `rate(…)` or `cron(…)`, UTC; without it only on demand."""


@dataclass(frozen=True)
class Demo:
    """What `lake demo` shows of the pipeline."""

    rows: int
    """Rows a file."""
    files: int = 1
    """Files of each dataset, one schedule's period apart."""
    dirty: Decimal = Decimal(0)
    """Share of rows that break the contract."""
    query: str | None = None
    """The named query whose answer is shown; without it rows of the first gold table."""


@dataclass(frozen=True)
class Crawler:
    """A Glue crawler: keeps what the catalog says of one table. It is named `<prefix>-<pipeline>-<name>`."""

    name: str
    layer: Literal["bronze", "silver", "gold"]
    """`bronze`: files as they came, table `<pipeline>_<dataset>` of the bronze database. `silver`: a Delta table.
    `gold`: an existing table of the catalog, at its own locations."""
    target: str
    """The dataset (bronze, silver) or the gold table."""
    schedule: str | None = None
    """EventBridge's `cron(…)`, UTC; without it only on demand or when the workflow asks."""


@dataclass(frozen=True)
class Warehouse:
    """What the workflow loads into Redshift. `warehouse/<table>.sql` is the table's DDL, in Redshift's dialect."""

    facts: tuple[str, ...]
    """Gold tables, merged by their key."""
    dimensions: tuple[str, ...]
    """Seeds."""


@dataclass(frozen=True)
class Deadlines:
    """After how long people are told of what has not ended. Minutes, at most `MAX_DEADLINE_MINUTES`."""

    batch_minutes: int = 1440
    """A batch that lacks a dataset: since the last change in it."""
    run_minutes: int = 120
    """A run without an end: since its start."""


MAX_DEADLINE_MINUTES = 7 * 24 * 60
"""The sweeper looks back twice as far, so what is past its deadline is seen for a week."""


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
    seeds: tuple[Seed, ...] = ()
    generator: Generator | None = None
    demo: Demo | None = None
    crawlers: tuple[Crawler, ...] = ()
    warehouse: Warehouse | None = None
    deadlines: Deadlines = Deadlines()
    job_mail: bool = False
    """People are told by mail how each of the pipeline's Glue jobs ended, well or not."""
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
