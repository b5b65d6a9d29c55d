"""Silver tables on S3 (or in a folder) through delta-rs: read which files are active, commit which should be."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deltalake import DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import (
    AddAction,
    CommitProperties,
    PostCommitHookProperties,
    RemoveAction,
    create_table_with_add_actions,
)

from lakehouse import names
from lakehouse.contract.model import Dataset
from lakehouse.errors import SilverError
from lakehouse.silver.columns import BATCH, PARTITION_BY, SLOT
from lakehouse.silver.schema import delta_schema, missing_fields
from lakehouse.silver.slots import SlotFile, SlotSwap, slot_count

if TYPE_CHECKING:
    import boto3

CHECKPOINT_COMMITS = 10
"""After so many commits the log is summed up in one file: whoever opens a table reads that and what came after it.
Spark's default; delta-rs has 100, and each file more costs every run a request."""
# A commit that finds its version taken must fail, not be rebased: it was decided on the table as it was.
_EXACTLY_NEXT = CommitProperties(max_commit_retries=0)
# The log is kept: a run reads the version that it pinned. Data and log are cleaned up by the vacuum alone.
_KEEP_LOG = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


@dataclass(frozen=True)
class SilverStore:
    """Where the silver tables lie and how delta-rs reaches them."""

    root: str
    """`s3://<lake bucket>` or a folder, without a slash at the end."""
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    """delta-rs storage options; they hold credentials."""

    def uri(self, pipeline: str, dataset: str) -> str:
        """A table's location, without a slash at the end."""
        return f"{self.root}/{names.silver_prefix(pipeline, dataset)}".rstrip("/")

    @classmethod
    def on_s3(cls, bucket: str, session: "boto3.Session", env: Mapping[str, str]) -> "SilverStore":
        """The store in a bucket, reached as the session's role; `env` may name an endpoint as the AWS SDKs do.

        Raises:
            SilverError: the session has no credentials.
        """
        credentials = session.get_credentials()
        if credentials is None:
            raise SilverError("No AWS credentials for the silver tables: set AWS_PROFILE or run under a role")
        keys = credentials.get_frozen_credentials()
        options: dict[str, str] = {
            "aws_region": session.region_name or "",
            "aws_access_key_id": keys.access_key or "",
            "aws_secret_access_key": keys.secret_key or "",
            "aws_conditional_put": "etag",
        }
        if keys.token:
            options["aws_session_token"] = keys.token
        endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
        if endpoint:
            options |= {"aws_endpoint": endpoint, "aws_allow_http": str(endpoint.startswith("http:")).lower()}
        return cls(f"s3://{bucket}", options)


class SilverConflictError(SilverError):
    """Another commit took the version: decide again on the table as it is now."""


def open_table(store: SilverStore, dataset: Dataset, version: int | None = None) -> DeltaTable:
    """One version of a table, the newest by default.

    Raises:
        SilverError: the table does not exist.
    """
    uri = store.uri(dataset.pipeline, dataset.name)
    try:
        return DeltaTable(uri, version=version, storage_options=dict(store.options))
    except TableNotFoundError as error:
        raise SilverError(f"{uri} is no Delta table yet: no run has committed {dataset.name}") from error


def open_or_create(store: SilverStore, dataset: Dataset) -> DeltaTable:
    """The newest version of a table with all columns of the contract; makes or widens it where needed.

    Raises:
        SilverConflictError: another process was doing so at this moment.
        ContractError: the contract changes a column's type.
    """
    uri, want = store.uri(dataset.pipeline, dataset.name), delta_schema(dataset)
    try:
        table = _existing(store, uri) or _create(store, dataset, uri)
        new = missing_fields(table.schema(), want, uri)
        if new:
            table.alter.add_columns(new, commit_properties=_EXACTLY_NEXT)
            table = open_table(store, dataset)
    except CommitFailedError as error:
        raise SilverConflictError(f"{uri}: another commit came first") from error
    return table


def _existing(store: SilverStore, uri: str) -> DeltaTable | None:
    try:
        return DeltaTable(uri, storage_options=dict(store.options))
    except TableNotFoundError:
        return None


def _create(store: SilverStore, dataset: Dataset, uri: str) -> DeltaTable:
    """An empty table; one that another process makes at the same moment is as good."""
    create_table_with_add_actions(
        uri,
        delta_schema(dataset),
        [],
        mode="ignore",
        partition_by=list(PARTITION_BY),
        name=names.silver_table(dataset.pipeline, dataset.name),
        description=dataset.description,
        configuration={"delta.checkpointInterval": str(CHECKPOINT_COMMITS)},
        storage_options=dict(store.options),
        commit_properties=_EXACTLY_NEXT,
    )
    return open_table(store, dataset)


def active_files(table: DeltaTable, batch: str | None = None) -> list[SlotFile]:
    """The data files of the table's version, of one batch or of all, sorted."""
    actions = table.get_add_actions(flatten=True)
    columns = ("partition." + BATCH, "partition." + SLOT, "path", "num_records", "size_bytes")
    files = (SlotFile(*values) for values in zip(*(actions[column].to_pylist() for column in columns), strict=True))
    return sorted(file for file in files if batch is None or file.batch == batch)


@dataclass(frozen=True)
class Mark:
    """What a commit leaves in the table about a batch: the newest generation of it that is accounted for.

    A Delta transaction identifier. https://github.com/delta-io/delta/blob/master/PROTOCOL.md#transaction-identifiers
    """

    batch: str
    generation: int

    @property
    def app_id(self) -> str:
        return f"batch:{self.batch}"


def marked(table: DeltaTable, batch: str) -> int:
    """The generation of a batch that the table's version accounts for; 0 without a mark."""
    return table.transaction_version(Mark(batch, 0).app_id) or 0


def commit_swap(table: DeltaTable, swap: SlotSwap, data_change: bool = True, mark: Mark | None = None) -> int:
    """One transaction on exactly this version of the table; the new version's number. The swap may be empty.

    Statistics hold the number of rows alone: they stay in the log for good, so no value of a row may be in them.
    Without `data_change` the same rows lie in other files: whoever follows the table's changes passes over it.

    Raises:
        SilverConflictError: the table has a newer version; nothing was changed.
    """
    at_ms = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [_add(file, at_ms, data_change) for file in swap.add]
    actions += [_remove(file, at_ms, data_change) for file in swap.remove]
    marks = [Transaction(mark.app_id, mark.generation)] if mark else None
    try:
        table.create_write_transaction(
            actions,
            mode="append",
            schema=table.schema(),
            partition_by=list(PARTITION_BY),
            commit_properties=CommitProperties(max_commit_retries=0, app_transactions=marks),
            post_commithook_properties=_KEEP_LOG,
        )
    except CommitFailedError as error:
        raise SilverConflictError(f"{table.table_uri}: version {table.version() + 1} was taken") from error
    return table.version() + 1


@dataclass(frozen=True)
class PinnedTable:
    """A silver table as a run reads it."""

    version: int
    files: tuple[SlotFile, ...]
    """All its data files at that version."""

    @property
    def slots(self) -> int:
        """As `slot_count` counts them."""
        return slot_count(self.files)

    @property
    def rows(self) -> int:
        """As its Delta log counts them."""
        return sum(file.rows for file in self.files)


def pinned_tables(store: SilverStore, datasets: Sequence[Dataset]) -> dict[str, PinnedTable]:
    """The newest version of each dataset's table.

    Raises:
        SilverError: one of the tables does not exist.
    """
    tables = {dataset.name: open_table(store, dataset) for dataset in datasets}
    return {name: PinnedTable(table.version(), tuple(active_files(table))) for name, table in tables.items()}


def pinned(store: SilverStore, datasets: Sequence[Dataset]) -> tuple[dict[str, int], dict[str, int]]:
    """The newest version of each dataset's table, and the number of slots in it.

    Raises:
        SilverError: one of the tables does not exist.
    """
    tables = pinned_tables(store, datasets)
    return {name: one.version for name, one in tables.items()}, {name: one.slots for name, one in tables.items()}


def _add(file: SlotFile, at_ms: int, data_change: bool) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.bytes,
        partition_values={BATCH: file.batch, SLOT: file.slot},
        modification_time=at_ms,
        data_change=data_change,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _remove(file: SlotFile, at_ms: int, data_change: bool) -> RemoveAction:
    return RemoveAction(
        path=file.path,
        data_change=data_change,
        deletion_timestamp=at_ms,
        size=file.bytes,
        partition_values={BATCH: file.batch, SLOT: file.slot},
    )
