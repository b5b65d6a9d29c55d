"""Counts what small runs use on the embedded AWS: `python -m scripts.cost.count [PIPELINE…]` writes counted.toml.

Each pipeline runs twice on DuckDB and then once on Spark, in a lake of its own; the last run of each is counted, when
tables are there. Every HTTP request is seen on its way. What AWS does inside itself (starting functions, reading
queues, delivering events) is no request here, and is added where the quantities are scaled.
"""

import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy import deploy_stack, load_config, settings_of
from deploy.config import Config
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Pipeline, Place
from lakehouse.contract.route import place_of
from lakehouse.generate import load_generator
from lakehouse.ledger.store import Ledger
from lakehouse.names import BRONZE, DEFAULT_BATCH, GOLD, SILVER
from lakehouse.settings import Settings
from localaws import EmbeddedAws
from localaws.interception import PASS, Decision, Request
from scripts.cost.scale import ENGINES

COUNTED_FILE = Path(__file__).with_name("counted.toml")
ROWS = 2_000
_START = datetime(2026, 5, 1, 5, tzinfo=UTC)
_S3_PUTS = ("PUT", "POST")
_DYNAMODB_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
_OF_THE_CATALOG = re.compile(r"Table|Partition|Database")
_SECONDS = 1200.0
_QUIET_SECONDS = 5.0
_BY_TIME = ("sweep", "tidy", "compact")


class Tally:
    """Requests by the name of their price, those of the gate apart: they grow with the files. Left out are those of the
    person who counts, which come from no role, and of functions that go by time."""

    def __init__(self, prefix: str) -> None:
        self._gate, self._others = f"{prefix}-gate", {f"{prefix}-{who}" for who in _BY_TIME}
        self.counts: Counter[str] = Counter()

    def see(self, request: Request) -> Decision:
        """An interceptor that lets everything pass."""
        from localaws.roles import role_of  # imports the emulator, which has to be set up first

        role = role_of(request.access_key_id)
        if role and role not in self._others:
            who = "gate_" if role == self._gate else ""
            self.counts.update(f"{who}{name}" for name in _billed(request))
        return PASS


def _billed(request: Request) -> Iterator[str]:
    if request.service == "s3" and request.method != "DELETE":
        listing = "list-type" in request.query or "prefix" in request.query
        yield "s3_put" if request.method in _S3_PUTS or listing else "s3_get"
    elif request.service == "dynamodb":
        of_batch = b'"BATCH"' in request.body_start
        kind = "write" if request.operation in _DYNAMODB_WRITES else "read"
        yield f"dynamodb_{kind}{'_of_batch' if of_batch else ''}"
    elif request.service == "sns":
        yield "sns_publish"
    elif request.service == "events":
        yield "eventbridge_event"
    elif request.service == "glue" and _OF_THE_CATALOG.search(request.operation):
        yield "catalog_request"


def main() -> None:
    """Count every pipeline, or those that are named, and write the file after each."""
    wanted = sys.argv[1:] or list(pipelines())
    found = tomllib.loads(COUNTED_FILE.read_text()) if COUNTED_FILE.is_file() and sys.argv[1:] else {}
    with tempfile.TemporaryDirectory(prefix="count-") as name, EmbeddedAws(Path(name) / "state") as aws:
        config = load_config("local")
        outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
        for engine in ENGINES:
            for pipeline in (pipelines()[one] for one in wanted):
                counted = count_run(aws, config, settings_of(outputs), pipeline, engine, Path(name) / "files")
                found.setdefault(pipeline.name, {})[engine] = counted
                _write(found)


def _write(found: dict[str, Any]) -> None:
    tables = [
        _as_toml(name, engine, found[name][engine])
        for name in pipelines()
        for engine in ENGINES
        if engine in found.get(name, {})
    ]
    head = "# Counted by `python -m scripts.cost.count` on the embedded AWS. Do not edit.\n"
    COUNTED_FILE.write_text("\n".join([f"{head}rows = {ROWS}\n", *tables]))


def count_run(
    aws: EmbeddedAws, config: Config, settings: Settings, pipeline: Pipeline, engine: str, folder: Path
) -> dict[str, int]:
    """What a run of a pipeline on an engine uses, once there are tables."""
    for day in (0, 1) if engine == ENGINES[0] else (1,):
        before, invoked = _stored(aws, settings.bucket, pipeline), _invocations(aws, config)
        with _counting(aws, config) as counts:
            known = len(_executions(aws, settings, pipeline))
            files, size = _put(aws, settings, pipeline, engine, folder / f"{pipeline.name}-{engine}-{day}", day)
            transitions = _wait(aws, settings, pipeline, known)
            _settle(counts)
        stored = _stored(aws, settings.bucket, pipeline)
    grown = {f"{layer}_bytes": stored[layer] - before[layer] for layer in stored}
    crawls = len({crawler.name for crawler in pipeline.crawlers if not crawler.schedule})
    own = {"files": files, "bronze_bytes": size, "states_transition": transitions, "crawls": crawls}
    now = _invocations(aws, config) - invoked
    calls = {f"invocations_{who}": times for who, times in sorted(now.items()) if who not in _BY_TIME}
    return {**own, **grown, **calls, **{name: counts[name] for name in sorted(counts)}}


def _invocations(aws: EmbeddedAws, config: Config) -> Counter[str]:
    """How often each function has been invoked."""
    found: Counter[str] = Counter()
    cloudwatch = aws.client("cloudwatch")
    for page in aws.client("lambda").get_paginator("list_functions").paginate():
        for name in (one["FunctionName"] for one in page["Functions"]):
            points = cloudwatch.get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName="Invocations",
                Dimensions=[{"Name": "FunctionName", "Value": name}],
                StartTime=datetime.now(UTC) - timedelta(hours=3),
                EndTime=datetime.now(UTC) + timedelta(minutes=1),
                Period=3600 * 24,
                Statistics=["Sum"],
            )["Datapoints"]
            found[name.removeprefix(f"{config.prefix}-")] = int(sum(point["Sum"] for point in points))
    return found


@contextmanager
def _counting(aws: EmbeddedAws, config: Config) -> Iterator[Counter[str]]:
    tally = Tally(config.prefix)
    with aws.intercept(tally.see):
        yield tally.counts


def _put(
    aws: EmbeddedAws, settings: Settings, pipeline: Pipeline, engine: str, folder: Path, day: int
) -> tuple[int, int]:
    """Put a day's files; how many, and their bytes."""
    at = _START + timedelta(days=day + (30 if engine == "spark" else 0))
    made = load_generator(pipeline)(folder, rows=ROWS, seed=day + 1, at=at)
    ledger, size = Ledger(aws.client("dynamodb"), settings.ledger_table), 0
    for dataset, path in made.items():
        place = _place(pipeline, f"{path.relative_to(folder).as_posix()}")
        if place.batch == DEFAULT_BATCH:  # a new batch, not a correction of the one before
            place = _place(pipeline, f"{dataset}/{engine}-{day}/{path.name}")
        if ledger.batch(pipeline.name, place.batch).engine != engine:
            ledger.renew(pipeline.name, place.batch, engine)
        size += path.stat().st_size
        aws.client("s3").put_object(Bucket=settings.bucket, Key=place.key, Body=path.read_bytes())
    return len(made), size


def _place(pipeline: Pipeline, path: str) -> Place:
    found = place_of(f"{BRONZE}/{pipeline.name}/{path}", pipelines())
    if not isinstance(found, Place):
        raise ValueError(f"{pipeline.name}: {path} fits no contract: {found}")
    return found


def _executions(aws: EmbeddedAws, settings: Settings, pipeline: Pipeline) -> list[Any]:
    """A pipeline's executions, the newest first."""
    arn = settings.state_machine_arn_prefix + pipeline.name
    return list(aws.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])


def _wait(aws: EmbeddedAws, settings: Settings, pipeline: Pipeline, known: int) -> int:
    """Wait until a run has ended that is none of the known ones; its transitions."""
    states, deadline = aws.client("stepfunctions"), time.monotonic() + _SECONDS
    while True:
        found = _executions(aws, settings, pipeline)
        if len(found) > known and found[0]["status"] == "SUCCEEDED":
            history = states.get_execution_history(executionArn=found[0]["executionArn"], maxResults=1000)["events"]
            return 1 + len([event for event in history if str(event["type"]).endswith("StateEntered")])
        if time.monotonic() > deadline:
            raise TimeoutError(f"No run of {pipeline.name} ended well in {_SECONDS:g} s: {found[:1]}")
        time.sleep(1)


def _settle(counts: Counter[str]) -> None:
    """Wait until nothing more follows from a run: tables that follow a published one, mails."""
    seen = -1
    while seen != counts.total():
        seen = counts.total()
        time.sleep(_QUIET_SECONDS)


def _stored(aws: EmbeddedAws, bucket: str, pipeline: Pipeline) -> dict[str, int]:
    """Bytes of a pipeline's silver data and gold."""
    pages = aws.client("s3").get_paginator("list_objects_v2")
    found = {}
    for layer in (SILVER, GOLD):
        prefix = f"{layer}/{pipeline.name}/"
        listed = (one for page in pages.paginate(Bucket=bucket, Prefix=prefix) for one in page.get("Contents", []))
        found[layer] = sum(one["Size"] for one in listed if one["Key"].endswith(".parquet"))
    return found


def _as_toml(pipeline: str, engine: str, found: dict[str, int]) -> str:
    lines = [f"{name} = {amount}" for name, amount in found.items()]
    return "\n".join([f"[{pipeline}.{engine}]", *lines, ""])


if __name__ == "__main__":
    main()
