"""The Glue catalog as a crawl changes it: with the crawler's role and its policies."""

from collections.abc import Iterator, Sequence
from typing import Any

from localaws.crawlers.changes import (
    Counts,
    Policy,
    counts_as_update,
    deprecated,
    partition_changes,
    updated_table,
)
from localaws.crawlers.definitions import BY, Input
from localaws.crawlers.logs import CrawlLog

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
_BATCH = 100
_TRIES = 10

Table = dict[str, Any]


class Catalog:
    """One database behind the role's Glue client. Raises botocore's ClientError where Glue refuses."""

    def __init__(self, glue: Any, database: str, policy: Policy, crawler: str, log: CrawlLog, counts: Counts) -> None:
        self.counts = counts
        self._glue, self._database, self._policy = glue, database, policy
        self._crawler, self._log = crawler, log

    def table(self, name: str) -> Table | None:
        """A table by name."""
        try:
            found: Table = self._glue.get_table(DatabaseName=self._database, Name=name)["Table"]
        except self._glue.exceptions.EntityNotFoundException:
            self._glue.get_database(Name=self._database)
            return None
        return found

    def own_tables(self) -> Iterator[Table]:
        """The tables that this crawler made or updated."""
        for page in self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database):
            yield from (table for table in page["TableList"] if table.get("Parameters", {}).get(BY) == self._crawler)

    def partitions(self, table: str) -> list[Table]:
        """All partitions of a table."""
        pages = self._glue.get_paginator("get_partitions").paginate(DatabaseName=self._database, TableName=table)
        return [partition for page in pages for partition in page["Partitions"]]

    def put_table(self, wanted: Input, keep_parameters: bool = False) -> None:
        """Make the table what was found: create it, update it, or log how it differs."""
        for _ in range(_TRIES):
            existing = self.table(wanted["Name"])
            if existing is None:
                self._glue.create_table(DatabaseName=self._database, TableInput=wanted)
                self.counts.tables_created += 1
                self._log.info(f"Created table {wanted['Name']} in database {self._database}")
                return
            made = updated_table(existing, wanted, self._policy, keep_parameters)
            if made is None or self._only_new(f"Table {wanted['Name']} in database {self._database}"):
                return
            if self._update(existing, made):
                self.counts.tables_updated += counts_as_update(existing, made)
                return
        raise RuntimeError(f"Table {wanted['Name']} was changed by others {_TRIES} times in a row")

    def put_partitions(self, table: str, wanted: Sequence[Input], inside: str) -> None:
        """Create, update and remove partitions of a table. `inside`: the address below which files were looked for."""
        only_new = self._policy.new_folders_only or self._policy.update == "LOG"
        changes = partition_changes(self.partitions(table), wanted, inside, only_new)
        target = {"DatabaseName": self._database, "TableName": table}
        for start in range(0, len(changes.create), _BATCH):
            batch = changes.create[start : start + _BATCH]
            _check(self._glue.batch_create_partition(**target, PartitionInputList=batch))
        self.counts.partitions_created += len(changes.create)
        for partition in changes.update:
            entry = {"PartitionValueList": partition["Values"], "PartitionInput": partition}
            _check(self._glue.batch_update_partition(**target, Entries=[entry]))
        self.counts.partitions_updated += len(changes.update)
        for partition in changes.gone:
            self._remove_partition(target, partition)
        self._log.info(
            f"Partitions of {table}: {len(changes.create)} created, {len(changes.update)} updated, "
            f"{len(changes.gone)} gone"
        )

    def remove_table(self, table: Table) -> None:
        """Do with a table whose files are gone what the policy says."""
        name = table["Name"]
        if self._policy.delete == "DELETE_FROM_DATABASE":
            self._glue.delete_table(DatabaseName=self._database, Name=name)
            self.counts.tables_deleted += 1
            self._log.info(f"Deleted table {name} from database {self._database}: its files are gone")
        elif self._policy.delete == "LOG":
            self._log.warn(f"The files of table {name} in database {self._database} are gone; it is left as it is")
        elif (parameters := deprecated(table)) is not None and self._update(table, {"Parameters": parameters}):
            self.counts.tables_updated += 1
            self._log.warn(f"Deprecated table {name} in database {self._database}: its files are gone")

    def _remove_partition(self, target: dict[str, str], partition: Table) -> None:
        values = partition["Values"]
        if self._policy.delete == "DELETE_FROM_DATABASE":
            self._glue.delete_partition(**target, PartitionValues=values)
            self.counts.partitions_deleted += 1
        elif self._policy.delete == "LOG":
            self._log.warn(f"The files of partition {values} of {target['TableName']} are gone; it is left as it is")
        elif (parameters := deprecated(partition)) is not None:
            kept = {"Values": values, "StorageDescriptor": partition["StorageDescriptor"], "Parameters": parameters}
            entry = {"PartitionValueList": values, "PartitionInput": kept}
            _check(self._glue.batch_update_partition(**target, Entries=[entry]))
            self.counts.partitions_updated += 1

    def _only_new(self, what: str) -> bool:
        """Whether what exists is left alone."""
        if self._policy.update == "LOG" or self._policy.new_folders_only:
            self._log.warn(f"{what} differs from what was found; it is left as it is")
            return True
        return False

    def _update(self, existing: Table, changed: Input) -> bool:
        """UpdateTable on top of what was read; False when somebody else changed it since."""
        kept = {name: existing[name] for name in _TABLE_INPUT if existing.get(name) not in (None, "")}
        version = {"VersionId": existing["VersionId"]} if existing.get("VersionId") else {}
        try:
            self._glue.update_table(DatabaseName=self._database, TableInput={**kept, **changed}, **version)
        except self._glue.exceptions.ConcurrentModificationException:
            return False
        return True


def _check(answer: dict[str, Any]) -> None:
    if answer.get("Errors"):
        raise RuntimeError(f"The catalog refused partitions: {answer['Errors'][:3]}")
