"""What the ledger keeps, as values. `codec` says how each is written as a DynamoDB item.

Every item has `pk` = `<pipeline>#<batch>`, a sort key `sk`, `kind`, and for the index `by-kind` the hash key
`kind_pipeline` = `<kind>#<pipeline>` and the range key `at` (ISO-8601 UTC text, microseconds: sorts by time).

| value | sk | one per |
|---|---|---|
| `BatchState` | `BATCH` | batch |
| `SlotState` | `SLOT#<slot_id>` | place in a batch (bronze object key) |
| `FileRecord` | `FILE#<file_id>` | judged content of a slot under a contract |
| `RunRecord` | `RUN#<run_id>` | run |
| `GoldPointer` | `TABLE#<table>`, pk `_gold#<pipeline>` | gold table |
| `PartitionPointer` | `PART#<table>#<value>`, pk `_gold#<pipeline>` | partition of a gold table, empty ones included |
| `UnshownRun` | `UNSHOWN#<table>#<run_id>`, pk `_gold#<pipeline>` | run of a gold table that nobody is shown |
| `CrawlWait` | `WAIT#<run_id>`, pk `_crawl#<crawler>` | run that waits for a crawler |
| `Erasure` | `ERASURE#<erasure_id>`, pk `_erasure#<pipeline>` | person who was forgotten |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TypeVar

Verdict = Literal["accepted", "refused"]
RunStatus = Literal["started", "committed", "gold_written", "published", "superseded", "failed"]


@dataclass(frozen=True)
class SlotInForce:
    """The accepted version that a slot of a batch holds: all that a Delta add action and the manifest need."""

    dataset: str
    key: str
    """The whole bronze object key."""
    file_id: str
    """Silver file: `names.silver_data_path(file_id)` below `names.silver_prefix(pipeline, dataset)`."""
    rows: int
    """Rows in the silver file."""
    bytes: int
    """Size of the bronze object, bytes, as stored (compressed where it came compressed)."""
    parquet_bytes: int
    """Size of the silver file, bytes."""
    revision: int
    """`SlotState.revision` that put it here: an older one never replaces a newer one."""


@dataclass(frozen=True)
class BatchState:
    """The files of a batch that are in force, as one atomic item."""

    kind: ClassVar[str] = "batch"
    pipeline: str
    batch: str
    generation: int = 0
    """Counts the changes of the manifest, and the times a person asked for a run anew."""
    slots: Mapping[str, SlotInForce] = field(default_factory=dict)
    """By slot id."""
    markers: frozenset[str] = frozenset()
    """Datasets whose marker object has arrived."""
    run_id: str | None = None
    """The run started last."""
    engine: str | None = None
    """`spark`, `duckdb` or `auto` where a person chose for this batch; else the contract's. See `Ledger.renew`."""
    at: str = ""
    """The last change of the manifest, a new marker or a person's asking for a run."""
    told_overdue: Mapping[str, str] = field(default_factory=dict)
    """The last message that it waits for a dataset beyond its deadline. See `notices`."""


@dataclass(frozen=True)
class SlotState:
    """What was judged last in a slot, and what is in force there: the last accepted version."""

    kind: ClassVar[str] = "slot"
    pipeline: str
    dataset: str
    batch: str
    key: str
    slot_id: str
    revision: int
    """Counts the verdicts recorded for the slot, from 1. Each names a version that was current after the one before."""
    judged_version_id: str
    judged_etag: str
    contract_hash: str
    verdict: Verdict
    file_id: str
    at: str
    reason: str | None = None
    notified_revision: int = 0
    """The last revision whose outcome people were told of, or needed no telling."""
    teller: str = ""
    """Who is to tell it: id of the SQS message whose handling recorded the verdict."""
    takeover: Mapping[str, str] = field(default_factory=dict)
    """Who does it in the place of the teller, which has not done it in time. See `notices`."""
    in_force_file_id: str | None = None
    in_force_version_id: str | None = None
    in_force_at: str | None = None
    """When the version in force was stored in bronze."""
    in_force_rows: int = 0
    in_force_bytes: int = 0
    in_force_parquet_bytes: int = 0

    def in_force(self) -> SlotInForce | None:
        """The slot's entry in its batch; nothing before the first accepted version."""
        if self.in_force_file_id is None:
            return None
        return SlotInForce(
            dataset=self.dataset,
            key=self.key,
            file_id=self.in_force_file_id,
            rows=self.in_force_rows,
            bytes=self.in_force_bytes,
            parquet_bytes=self.in_force_parquet_bytes,
            revision=self.revision,
        )


@dataclass(frozen=True)
class FileRecord:
    """The verdict on one content of a slot under one contract, with its row counts."""

    kind: ClassVar[str] = "file"
    pipeline: str
    dataset: str
    batch: str
    key: str
    file_id: str
    version_id: str
    """The newest object version that held this content when it was judged."""
    content_sha256: str
    bytes: int
    verdict: Verdict
    at: str
    reason: str | None = None
    """Code of the refusal of the whole file."""
    message: str | None = None
    rows_in: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    by_reason: Mapping[str, int] = field(default_factory=dict)
    """Quarantined rows by reason code."""
    parquet_bytes: int = 0
    seconds: float = 0.0
    """Time from the first byte read to the last byte stored."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Type of each column of its silver file, as the contract had them; none for a refused file."""


@dataclass(frozen=True)
class DatasetBalance:
    """Rows of one dataset's files in force in a batch: `rows_in` = `silver` + `quarantined` + `duplicates`."""

    rows_in: int
    """Rows that the files hold, as the gate counted them."""
    silver: int
    """Rows that silver's Delta log holds of the batch at the run's version."""
    quarantined: int
    duplicates: int
    """Exact repetitions of a row inside a file."""


@dataclass(frozen=True)
class GoldPartition:
    """One attempt's files of one partition."""

    location: str
    """`s3://…/` of its folder, with its trailing slash. No file lies there when it has no row."""
    rows: int
    bytes: int


@dataclass(frozen=True)
class GoldResult:
    """One attempt's files of a gold table. Of a partitioned one rows and bytes are those of the partitions it made."""

    location: str
    """`s3://…/` of the run folder, with its trailing slash."""
    rows: int
    bytes: int
    attempt: str
    engine: str
    seconds: float = 0.0
    """From the start of its SELECT to the last byte stored; the rest of the engine's time is its start-up."""
    csv: str | None = None
    """`s3://…/<table>.csv`, where the contract asks for one."""
    partitions: Mapping[str, GoldPartition] = field(default_factory=dict)
    """Of a partitioned table: those that the run touched, by value."""
    totals: Mapping[str, str | None] = field(default_factory=dict)
    """The contract's totals by name, as text: of gold and silver alike. None: of no row."""


@dataclass(frozen=True)
class RunRecord:
    """One run and how far it got. Times are UTC texts."""

    kind: ClassVar[str] = "run"
    pipeline: str
    batch: str
    run_id: str
    status: RunStatus
    at: str
    """When the run was recorded first."""
    generation: int = 0
    manifest_hash: str = ""
    """These two are known once the start is recorded: the commit may be quicker."""
    engine: str | None = None
    manifest_bytes: int | None = None
    versions: Mapping[str, int] = field(default_factory=dict)
    """Silver table version by dataset, as committed."""
    balance: Mapping[str, DatasetBalance] = field(default_factory=dict)
    """By dataset, at these versions. Nothing where the batch had changed meanwhile: a newer run balances it."""
    gold: Mapping[str, GoldResult] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    """How the tables that follow others ended, by table: `published` or `superseded`."""
    warehouse: Mapping[str, Any] = field(default_factory=dict)
    """How its load into the warehouse ended: `outcome` and `tables` with counts, as lakehouse.warehouse.load says."""
    error: str | None = None
    told_stuck: Mapping[str, str] = field(default_factory=dict)
    """The last message of the sweeper that the run does not end, or ended without a word. See `notices`."""
    started_at: str | None = None
    committed_at: str | None = None
    gold_at: str | None = None
    published_at: str | None = None


@dataclass(frozen=True)
class GoldPointer:
    """Which run's files a gold table shows: the copy from which a reset catalog table is repaired."""

    kind: ClassVar[str] = "pointer"
    pipeline: str
    table: str
    location: str
    """Of a partitioned table its root, where no file lies."""
    run_id: str
    versions: Mapping[str, int]
    at: str
    csv: str | None = None


@dataclass(frozen=True)
class PartitionPointer:
    """Which run's files a partition of a gold table shows. Here it is decided; the catalog is made to agree."""

    kind: ClassVar[str] = "partition"
    pipeline: str
    table: str
    value: str
    location: str
    rows: int
    """Without rows the catalog has no such partition."""
    bytes: int
    run_id: str
    versions: Mapping[str, int]
    version_sum: int
    """Of the silver versions: grows with every commit, and so orders the runs."""
    at: str


@dataclass(frozen=True)
class UnshownRun:
    """A note that readers are not shown a run's files of a gold table. It goes with the files, or when they are."""

    kind: ClassVar[str] = "unshown"
    pipeline: str
    table: str
    run_id: str
    at: str
    """When it was found so first."""


@dataclass(frozen=True)
class CrawlWait:
    """A workflow's task that waits until a crawl has ended that began after it asked."""

    kind: ClassVar[str] = "wait"
    crawler: str
    """The crawler's name in Glue."""
    pipeline: str
    batch: str
    run_id: str
    token: str
    """Of the Step Functions task; the same run asking again puts its new one in the place of this."""
    asked_at: str


@dataclass(frozen=True)
class Erasure:
    """That a person was forgotten: when, by whom, how much. Not who it was, not even as a hash: ids are few enough to
    try them all."""

    kind: ClassVar[str] = "erasure"
    pipeline: str
    erasure_id: str
    at: str
    by: str
    """ARN of the caller."""
    status: Literal["started", "proven", "left_over"]
    """`left_over`: something remained to be done by hand. One that stays `started` was broken off and repeated."""
    records: Mapping[str, int] = field(default_factory=dict)
    """Records found in bronze, in all versions, by dataset."""
    removed: Mapping[str, int] = field(default_factory=dict)
    """Things removed for good, by place."""
    left: int = 0
    ended_at: str | None = None


AnyRecord = (
    BatchState | SlotState | FileRecord | RunRecord | GoldPointer | PartitionPointer | UnshownRun | CrawlWait | Erasure
)
Record = TypeVar(
    "Record",
    BatchState,
    SlotState,
    FileRecord,
    RunRecord,
    GoldPointer,
    PartitionPointer,
    UnshownRun,
    CrawlWait,
    Erasure,
)


def now() -> str:
    """The present as the ledger writes it: ISO-8601, UTC, microseconds, always of the same length."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
