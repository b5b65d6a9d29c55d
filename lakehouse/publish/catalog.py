"""Gold tables in the Glue Data Catalog: read the pointer, swap it only if nobody else has since."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.publish.pointer import Pointer, pointer_of

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
        changed["Parameters"] = {**changed.get("Parameters", {}), **pointer.parameters()}
        try:
            self.client.update_table(DatabaseName=self.database, TableInput=changed, VersionId=table.version_id)
        except self.client.exceptions.ConcurrentModificationException:
            return False
        return True
