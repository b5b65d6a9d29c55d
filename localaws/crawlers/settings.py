"""A crawler's definition as CreateCrawler takes it, checked. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.crawlers.changes import Policy
from localaws.crawlers.layout import Grouping

UPDATES = ("UPDATE_IN_DATABASE", "LOG")
DELETES = ("DEPRECATE_IN_DATABASE", "DELETE_FROM_DATABASE", "LOG")
RECRAWLS = ("CRAWL_EVERYTHING", "CRAWL_NEW_FOLDERS_ONLY")
_TARGETS = ("S3Targets", "DeltaTargets", "CatalogTargets")


class SettingsError(Exception):
    """CreateCrawler or UpdateCrawler would answer InvalidInputException."""


@dataclass(frozen=True)
class S3Target:
    """An include path and its exclude patterns."""

    path: str
    exclusions: tuple[str, ...]


@dataclass(frozen=True)
class CatalogTarget:
    """Tables of a database."""

    database: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class CrawlerSettings:
    """What a crawl does."""

    name: str
    role: str
    database: str
    table_prefix: str
    s3: tuple[S3Target, ...]
    delta: tuple[str, ...]
    """Addresses of Delta tables."""
    catalog: tuple[CatalogTarget, ...]
    policy: Policy
    grouping: Grouping


def read(record: Mapping[str, Any]) -> CrawlerSettings:
    """The settings of a crawler as GetCrawler shows it.

    Raises:
        SettingsError: what AWS refuses, and what is not supported here (JDBC and the other targets).
    """
    targets = {name: value for name, value in (record.get("Targets") or {}).items() if value}
    unknown = sorted(set(targets) - set(_TARGETS))
    if unknown or not targets:
        raise SettingsError(f"Targets {unknown or 'none'}: the embedded AWS crawls {', '.join(_TARGETS)}")
    configuration = _configuration(record.get("Configuration") or "{}")
    policy = _policy(record, configuration)
    if targets.get("CatalogTargets") and policy.delete != "LOG":
        raise SettingsError("The DeleteBehavior of a crawler with catalog targets must be LOG")
    if policy.new_folders_only and (policy.update, policy.delete) != ("LOG", "LOG"):
        raise SettingsError("The SchemaChangePolicy of an incremental crawl (CRAWL_NEW_FOLDERS_ONLY) must be LOG, LOG")
    grouping = configuration.get("Grouping") or {}
    level = grouping.get("TableLevelConfiguration")
    return CrawlerSettings(
        name=str(record["Name"]),
        role=str(record.get("Role") or ""),
        database=str(record.get("DatabaseName") or ""),
        table_prefix=str(record.get("TablePrefix") or ""),
        s3=tuple(S3Target(item["Path"], tuple(item.get("Exclusions") or ())) for item in targets.get("S3Targets", [])),
        delta=tuple(_delta(targets.get("DeltaTargets", []))),
        catalog=tuple(
            CatalogTarget(item["DatabaseName"], tuple(item["Tables"])) for item in targets.get("CatalogTargets", [])
        ),
        policy=policy,
        grouping=Grouping(
            grouping.get("TableGroupingPolicy") == "CombineCompatibleSchemas", None if level is None else int(level)
        ),
    )


def _policy(record: Mapping[str, Any], configuration: Mapping[str, Any]) -> Policy:
    changes, recrawl = record.get("SchemaChangePolicy") or {}, record.get("RecrawlPolicy") or {}
    output = configuration.get("CrawlerOutput") or {}
    behaviour = {name: (output.get(name) or {}).get("AddOrUpdateBehavior") for name in ("Tables", "Partitions")}
    return Policy(
        _one_of("UpdateBehavior", changes.get("UpdateBehavior"), UPDATES),
        _one_of("DeleteBehavior", changes.get("DeleteBehavior"), DELETES),
        _one_of("RecrawlBehavior", recrawl.get("RecrawlBehavior"), RECRAWLS) == "CRAWL_NEW_FOLDERS_ONLY",
        behaviour["Tables"] == "MergeNewColumns",
        behaviour["Partitions"] == "InheritFromTable",
    )


def _delta(targets: list[dict[str, Any]]) -> list[str]:
    for target in targets:
        if str(target.get("CreateNativeDeltaTable")).lower() != "true":
            raise SettingsError("DeltaTargets: the embedded AWS knows native Delta tables only: CreateNativeDeltaTable")
    return [path for target in targets for path in target.get("DeltaTables", [])]


def _one_of(name: str, value: str | None, choices: tuple[str, ...]) -> str:
    """The value, by default the first choice."""
    if value is not None and value not in choices:
        raise SettingsError(f"{name} is {value!r}. Expected one of {', '.join(choices)}")
    return value or choices[0]


def _configuration(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SettingsError(f"Configuration is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError("Configuration is no JSON object")
    return found
