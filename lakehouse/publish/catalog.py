"""Gold tables and partitions in the Glue Data Catalog: read the pointer, swap it only if nobody else has since."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.errors import PublishError
from lakehouse.publish.pointer import PARAMETERS, RUN_ID, Pointer, pointer_of

if TYPE_CHECKING:
    from mypy_boto3_glue.client import GlueClient

# What GetTable answers and UpdateTable takes. https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
_TABLE_INPUT = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
)


@dataclass(frozen=True)
class CatalogTable:
    """A gold table as it was read."""

    name: str
    pointer: Pointer | None
    version_id: str
    """Changes with every update of the table: the optimistic lock."""
    definition: Any
    """The table as GetTable gave it."""


@dataclass(frozen=True)
class CatalogPartition:
    """A partition of a gold table, as it is or as it should be."""

    value: str
    location: str
    run_id: str


class Catalog:
    """The gold database behind a Glue client. Methods raise botocore's ClientError where Glue refuses."""

    def __init__(self, client: "GlueClient", database: str) -> None:
        self.client = client
        self.database = database

    def read(self, table: str) -> CatalogTable:
        """A table as it is now."""
        found: Any = self.client.get_table(DatabaseName=self.database, Name=table)["Table"]
        pointer = pointer_of(found["StorageDescriptor"]["Location"], found.get("Parameters", {}))
        return CatalogTable(table, pointer, found["VersionId"], found)

    def swap(self, table: CatalogTable, pointer: Pointer) -> bool:
        """Point the table at other files, in one step; False when it was changed since it was read."""
        given = table.definition
        changed: Any = {name: given[name] for name in _TABLE_INPUT if given.get(name) not in (None, "")}
        changed["StorageDescriptor"] = {**changed["StorageDescriptor"], "Location": pointer.location}
        own = {name: value for name, value in changed.get("Parameters", {}).items() if name not in PARAMETERS}
        changed["Parameters"] = {**own, **pointer.parameters()}
        try:
            self.client.update_table(DatabaseName=self.database, TableInput=changed, VersionId=table.version_id)
        except self.client.exceptions.ConcurrentModificationException:
            return False
        return True

    def partition(self, table: str, value: str) -> CatalogPartition | None:
        """A partition as it is now; None where there is none."""
        try:
            found: Any = self.client.get_partition(DatabaseName=self.database, TableName=table, PartitionValues=[value])
        except self.client.exceptions.EntityNotFoundException:
            return None
        return _partition(found["Partition"])

    def partitions(self, table: str) -> Iterator[CatalogPartition]:
        """All partitions of a table, page by page."""
        pages: Any = self.client.get_paginator("get_partitions").paginate(DatabaseName=self.database, TableName=table)
        for page in pages:
            yield from (_partition(found) for found in page["Partitions"])

    def create_partition(self, table: CatalogTable, wanted: CatalogPartition) -> None:
        """Make a partition. Somebody else may have been quicker: look again."""
        given = _partition_input(table, wanted)
        try:
            self.client.create_partition(DatabaseName=self.database, TableName=table.name, PartitionInput=given)
        except self.client.exceptions.AlreadyExistsException:
            return

    def update_partition(self, table: CatalogTable, wanted: CatalogPartition) -> None:
        """Point a partition at other files, whatever it shows. Somebody else may have deleted it: look again.

        Raises:
            PublishError: Glue refuses.
        """
        answer = self.client.batch_update_partition(
            DatabaseName=self.database,
            TableName=table.name,
            Entries=[{"PartitionValueList": [wanted.value], "PartitionInput": _partition_input(table, wanted)}],
        )
        for error in answer.get("Errors", []):
            detail = error.get("ErrorDetail", {})
            if detail.get("ErrorCode") != "EntityNotFoundException":
                raise PublishError(f"Partition {wanted.value} of gold table {table.name} was not updated: {detail}")

    def delete_partition(self, table: str, value: str) -> None:
        """Remove a partition; one that is gone is as good."""
        try:
            self.client.delete_partition(DatabaseName=self.database, TableName=table, PartitionValues=[value])
        except self.client.exceptions.EntityNotFoundException:
            return


def _partition(found: Any) -> CatalogPartition:
    return CatalogPartition(
        found["Values"][0], found["StorageDescriptor"]["Location"], found.get("Parameters", {}).get(RUN_ID, "")
    )


def _partition_input(table: CatalogTable, wanted: CatalogPartition) -> Any:
    """https://docs.aws.amazon.com/glue/latest/webapi/API_PartitionInput.html"""
    return {
        "Values": [wanted.value],
        "StorageDescriptor": {**table.definition["StorageDescriptor"], "Location": wanted.location},
        "Parameters": {"classification": "parquet", RUN_ID: wanted.run_id},
    }
