"""One crawl from start to end: look at the targets, then change the catalog. All with the crawler's role."""

import threading
from typing import Any

from localaws.crawlers import delta, objects
from localaws.crawlers.catalog import Catalog, Table
from localaws.crawlers.changes import Counts
from localaws.crawlers.definitions import (
    Input,
    columns_of,
    delta_input,
    partition_input,
    statistics_parameters,
    table_input,
    table_name,
    unique_name,
)
from localaws.crawlers.layout import FoundTable, find_tables
from localaws.crawlers.logs import CrawlLog
from localaws.crawlers.schema import CrawledFile, merged, total
from localaws.crawlers.settings import CrawlerSettings, S3Target


class StoppedError(Exception):
    """StopCrawler was called; the catalog is as it was unless it was being changed already."""


class Crawl:
    """One crawl. `run` raises botocore's ClientError where the role may not or something does not exist."""

    def __init__(self, settings: CrawlerSettings, s3: Any, glue: Any, log: CrawlLog, stop: threading.Event) -> None:
        self.counts = Counts()
        self._settings, self._s3, self._glue = settings, s3, glue
        self._log, self._stop = log, stop
        self._catalog = self._database(settings.database)

    def run(self) -> None:
        """Crawl every target."""
        found = [(target, self._s3_tables(target)) for target in self._settings.s3]
        seen: set[str] = set()
        for target, tables in found:
            for bucket, table in tables:
                seen.add(self._put_s3_table(bucket, table, target))
        for url in self._settings.delta:
            self._put_delta_table(url)
        for listed in self._settings.catalog:
            for name in listed.tables:
                self._refresh(self._database(listed.database), name)
        if found and not self._settings.policy.new_folders_only:
            self._remove_gone(seen)

    def _database(self, name: str) -> Catalog:
        counts = self.counts
        return Catalog(self._glue, name, self._settings.policy, self._settings.name, self._log, counts)

    def _s3_tables(self, target: S3Target) -> list[tuple[str, FoundTable]]:
        bucket, key = objects.parse_url(target.path)
        include = objects.folder(key)
        items = list(objects.list_files(self._s3, bucket, include, target.exclusions))
        if self._settings.policy.new_folders_only:
            known = self._known_folders()
            items = [item for item in items if f"s3://{bucket}/{item.key.rpartition('/')[0]}/" not in known]
        files = [file for item in items if (file := self._read(item)) is not None]
        self._log.benchmark(f"Classification complete, writing results to database {self._settings.database}")
        return [(bucket, table) for table in find_tables(bucket, include, files, self._settings.grouping)]

    def _read(self, item: objects.S3Object) -> CrawledFile | None:
        if self._stop.is_set():
            raise StoppedError
        found = objects.read_file(self._s3, item)
        if found is None:
            self._log.warn(f"No classifier knows the format of s3://{item.bucket}/{item.key}; the file is left out")
        return found

    def _known_folders(self) -> set[str]:
        """Where the partitions and the unpartitioned tables of this crawler lie."""
        folders: set[str] = set()
        for table in self._catalog.own_tables():
            places = self._catalog.partitions(table["Name"]) if table.get("PartitionKeys") else [table]
            folders.update(place["StorageDescriptor"]["Location"] for place in places)
        return folders

    def _put_s3_table(self, bucket: str, found: FoundTable, target: S3Target) -> str:
        """Write one table; its name."""
        location = f"s3://{bucket}/{found.prefix}"
        name = self._free_name(table_name(found.prefix, bucket, self._settings.table_prefix), location)
        wanted = table_input(name, location, found, self._settings.name)
        self._catalog.put_table(wanted)
        if found.partition_keys:
            inherit = wanted if self._settings.policy.partitions_inherit else None
            partitions = [partition_input(one, bucket, self._settings.name, inherit) for one in found.partitions]
            self._catalog.put_partitions(name, partitions, location)
        return name

    def _free_name(self, name: str, location: str) -> str:
        """The name, unless it is a table of another place."""
        existing = self._catalog.table(name)
        if existing is None:
            return name
        held = existing.get("StorageDescriptor", {}).get("Location", "")
        return name if objects.folder(held) == objects.folder(location) else unique_name(name, location)

    def _put_delta_table(self, url: str) -> None:
        if self._stop.is_set():
            raise StoppedError
        bucket, key = objects.parse_url(url)
        location = f"s3://{bucket}/{objects.folder(key)}"
        columns, keys = delta.read_schema(self._s3, bucket, objects.folder(key))
        name = self._free_name(table_name(key, bucket, self._settings.table_prefix), location)
        wanted = delta_input(name, location, columns, keys, self._settings.name)
        self._catalog.put_table(wanted, keep_parameters=True)

    def _refresh(self, catalog: Catalog, name: str) -> None:
        """A table of the catalog, at its own and its partitions' places."""
        table = catalog.table(name)
        if table is None:
            self._log.error(f"Table {name} does not exist")
            raise KeyError(f"Table {name} of the catalog target does not exist")
        if table.get("Parameters", {}).get("classification") == "delta":
            self._refresh_delta(catalog, table)
            return
        partitions = catalog.partitions(name) if table.get("PartitionKeys") else []
        by_place = [(place, self._files_of(place)) for place in partitions or [table]]
        files = [file for _, found in by_place for file in found]
        if not files:
            self._log.info(f"Table {name} has no files")
            return
        schema = merged(file.schema for file in files)
        catalog.put_table(_refreshed(table, columns_of(schema.columns), files, self._settings.name), True)
        wanted = [_refreshed_partition(place, found) for place, found in by_place if found and partitions]
        if partitions:
            catalog.put_partitions(name, wanted, "nowhere")

    def _refresh_delta(self, catalog: Catalog, table: Table) -> None:
        location = table["StorageDescriptor"]["Location"]
        bucket, key = objects.parse_url(location)
        columns, keys = delta.read_schema(self._s3, bucket, objects.folder(key))
        catalog.put_table(delta_input(table["Name"], location, columns, keys, self._settings.name), True)

    def _files_of(self, place: Table) -> list[CrawledFile]:
        bucket, key = objects.parse_url(place["StorageDescriptor"]["Location"])
        items = objects.list_files(self._s3, bucket, objects.folder(key))
        return [file for item in items if (file := self._read(item)) is not None]

    def _remove_gone(self, seen: set[str]) -> None:
        """Tables of this crawler below its include paths that were not found again."""
        roots = tuple(objects.folder(target.path) for target in self._settings.s3)
        for table in list(self._catalog.own_tables()):
            location = table.get("StorageDescriptor", {}).get("Location", "")
            if table["Name"] not in seen and objects.folder(location).startswith(roots):
                self._catalog.remove_table(table)


def _refreshed(table: Table, columns: list[dict[str, str]], files: list[CrawledFile], crawler: str) -> Input:
    keys = {key["Name"] for key in table.get("PartitionKeys") or []}
    descriptor = dict(table["StorageDescriptor"])
    descriptor["Columns"] = [column for column in columns if column["Name"] not in keys]
    parameters = {"UPDATED_BY_CRAWLER": crawler, **statistics_parameters(total(files))}
    return {
        "Name": table["Name"],
        "StorageDescriptor": descriptor,
        "PartitionKeys": table.get("PartitionKeys") or [],
        "TableType": table.get("TableType") or "EXTERNAL_TABLE",
        "Parameters": parameters,
    }


def _refreshed_partition(partition: Table, files: list[CrawledFile]) -> Input:
    schema = merged(file.schema for file in files)
    return {
        "Values": partition["Values"],
        "StorageDescriptor": {**partition["StorageDescriptor"], "Columns": columns_of(schema.columns)},
        "Parameters": {**(partition.get("Parameters") or {}), **statistics_parameters(total(files))},
    }
