"""The crawlers, which keep what the catalog says of the tables that contracts name for them."""

import json
from collections.abc import Sequence
from typing import Any

from troposphere import Ref, Sub, Template, glue

from deploy.parts.glue_security import glue_security
from deploy.parts.names import BRONZE_DATABASE, GOLD_DATABASE, SILVER_DATABASE, logical_id, named
from deploy.parts.roles import crawler_role, role_arn
from lakehouse.contract.model import Crawler, Pipeline
from lakehouse.names import BRONZE, silver_prefix

_CONFIGURATION = {
    "Version": 1.0,
    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
}
"""One table a folder, whose partitions have its columns.
https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html"""


def add(template: Template, pipelines: Sequence[Pipeline]) -> None:
    for pipeline in pipelines:
        for crawler in pipeline.crawlers:
            template.add_resource(_crawler(pipeline, crawler))


def crawler_id(pipeline: Pipeline, crawler: Crawler) -> str:
    return logical_id(pipeline.name, crawler.name, "crawler")


def _crawler(pipeline: Pipeline, crawler: Crawler) -> glue.Crawler:
    schedule = {"Schedule": glue.Schedule(ScheduleExpression=crawler.schedule)} if crawler.schedule else {}
    return glue.Crawler(
        crawler_id(pipeline, crawler),
        Name=named(f"{pipeline.name}-{crawler.name}"),
        Description=f"{pipeline.title}: {crawler.layer} of {crawler.target}",
        Role=role_arn(crawler_role(pipeline, crawler)),
        CrawlerSecurityConfiguration=glue_security(),
        Configuration=json.dumps(_configuration(crawler), separators=(",", ":")),
        **_place(pipeline, crawler),
        **schedule,
    )


def _configuration(crawler: Crawler) -> dict[str, Any]:
    """A Delta table's columns and partitions stand in its log: nothing is to be grouped."""
    return {"Version": 1.0} if crawler.layer == "silver" else _CONFIGURATION


def _place(pipeline: Pipeline, crawler: Crawler) -> dict[str, Any]:
    """Where it looks and what it may change. Nothing that it does not find again is ever deleted from the catalog.

    Gold's columns and place are the contract's and the publishing's business: what a crawler finds otherwise there is
    only logged. It must not write the table: it could bring back a location that a run has replaced meanwhile.
    """
    if crawler.layer == "gold":
        target = glue.CatalogTarget(DatabaseName=Ref(GOLD_DATABASE), Tables=[crawler.target])
        return {
            "Targets": glue.Targets(CatalogTargets=[target]),
            "SchemaChangePolicy": glue.SchemaChangePolicy(UpdateBehavior="LOG", DeleteBehavior="LOG"),
        }
    names = {"TablePrefix": f"{pipeline.name}_"}
    policy = glue.SchemaChangePolicy(UpdateBehavior="UPDATE_IN_DATABASE", DeleteBehavior="LOG")
    if crawler.layer == "silver":
        location = Sub(f"s3://${{LakeBucket}}/{silver_prefix(pipeline.name, crawler.target)}")
        delta = glue.DeltaTarget(DeltaTables=[location], CreateNativeDeltaTable=True, WriteManifest=False)
        database, targets = SILVER_DATABASE, glue.Targets(DeltaTargets=[delta])
    else:
        path = Sub(f"s3://${{LakeBucket}}/{BRONZE}/{pipeline.name}/{crawler.target}/")
        database, targets = BRONZE_DATABASE, glue.Targets(S3Targets=[glue.S3Target(Path=path)])
    return {"DatabaseName": Ref(database), "Targets": targets, "SchemaChangePolicy": policy, **names}
