"""What tests/e2e/test_nothing_fails_silently.py breaks, and what must be seen of it."""

import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import breaking

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Place
from lakehouse.contract.route import place_of
from lakehouse.generate import load_generator
from lakehouse.ledger.store import Ledger
from lakehouse.names import BRONZE
from tests.lake import Lake

PREFIX = "silent"
DEFAULT, SHIPPING, SALES, FOLLOWED = "transactions", "shipping", "sales", "carts"
"""A pipeline of the default workflow, the two that bring their own, and one with gold that follows gold."""
_DAYS = itertools.count()
_START = datetime(2026, 2, 1, 5, tzinfo=UTC)

Break = Callable[[Lake], AbstractContextManager[None]]


@dataclass(frozen=True)
class Case:
    """What is broken and what must be seen of it."""

    name: str
    broken: tuple[Break, ...]
    workflows: tuple[str, ...] = ()
    """Pipelines that get a file and whose execution must fail."""
    alarms: tuple[str, ...] = ()
    kept_in: str = ""
    """Queue of dead letters that must hold what could not be handled."""
    engine: str = "duckdb"
    cause: Callable[[Lake], None] | None = None
    """Causes the work, where it is not a file for `workflows`."""
    recorded: bool = True
    """The lake itself tells of the failure, too."""


def function(kind: str, who: str = "", condition: str = "True") -> Break:
    return partial(breaking.function, kind=kind, who=who, condition=condition)


def put_file(lake: Lake, pipeline: str, engine: str, folder: Path) -> None:
    """A new file of a pipeline in bronze, of a day of its own, in a batch that asks for an engine."""
    contract, day = pipelines()[pipeline], next(_DAYS)
    made = load_generator(contract)(folder / f"{pipeline}-{day}", rows=5, seed=day, at=_START + timedelta(days=day))
    ledger = Ledger(lake.client("dynamodb"), lake.settings.ledger_table)
    for path in made.values():
        key = f"{BRONZE}/{pipeline}/{path.relative_to(folder / f'{pipeline}-{day}').as_posix()}"
        place = place_of(key, pipelines())
        assert isinstance(place, Place)
        if ledger.batch(pipeline, place.batch).engine != engine:
            ledger.renew(pipeline, place.batch, engine)
        lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=path.read_bytes())


def invoke_later(who: str, event: Mapping[str, object]) -> Callable[[Lake], None]:
    """Invoke a function as EventBridge does."""

    def cause(lake: Lake) -> None:
        lake.client("lambda").invoke(
            FunctionName=lake.named(who), InvocationType="Event", Payload=json.dumps(event).encode()
        )

    return cause


def put_something(lake: Lake) -> None:
    """A file that the gate has to judge."""
    lake.client("s3").put_object(Bucket=lake.bucket, Key=f"{BRONZE}/x/y.csv", Body=b"1")


def publish_something(lake: Lake) -> None:
    """The event of a published table that another follows."""
    (table,) = {table.after for table in pipelines()[FOLLOWED].gold if table.after}
    detail = {"pipeline": FOLLOWED, "batch": "b", "run_id": "r", "table": table, "versions": {}, "slots": {}}
    entry = {"Source": PREFIX, "DetailType": "Gold Published", "Detail": json.dumps(detail)}
    lake.client("events").put_events(Entries=[entry])


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-03-01T03:00:00Z", "detail": {}}
EVERY = (DEFAULT, SHIPPING, SALES)
"""Each workflow definition once."""
GENERATORS = tuple(name for name, pipeline in pipelines().items() if pipeline.generator)
SELDOM = partial(breaking.patience, pipeline=SHIPPING, state="CrawlRaw", seconds=4)


def failed(*workflows: str) -> tuple[str, ...]:
    return tuple(f"{name}-failed" for name in workflows)


CASES = (
    Case("commit", (function("commit"),), EVERY, ("commit-errors", *failed(*EVERY))),
    Case("gold", (function("gold"),), EVERY, ("gold-errors", *failed(*EVERY))),
    Case("publish", (function("publish"),), EVERY, ("publish-errors", *failed(*EVERY))),
    Case("crawl", (function("crawl"),), (SHIPPING, SALES), ("crawl-errors", *failed(SHIPPING, SALES))),
    Case(
        "crawl of the published",
        (function("crawl", condition="event['crawler'].endswith('processed')"),),
        (SHIPPING,),
        ("crawl-errors", *failed(SHIPPING)),
    ),
    Case("crawled", (function("crawled"), SELDOM), (SHIPPING,), ("crawled-errors", *failed(SHIPPING)), "functions-dlq"),
    Case(
        "a crawler",
        (partial(breaking.grant, who=f"{SHIPPING}-raw-crawler", action="s3:*"),),
        (SHIPPING,),
        failed(SHIPPING),
    ),
    Case("load", (function("load"),), (SALES,), ("load-errors", *failed(SALES))),
    *(
        Case(
            f"{action} of the workflow",
            (partial(breaking.grant, who=f"{SHIPPING}-workflow", action=action),),
            (SHIPPING,),
            failed(SHIPPING),
        )
        for action in ("athena:StartQueryExecution", "athena:GetQueryResults", "sns:Publish")
    ),
    *(
        Case(
            f"the job of {pipeline}",
            (partial(breaking.job, name=f"{pipeline}-gold"),),
            (pipeline,),
            (f"{pipeline}-gold-job", *failed(pipeline)),
            engine="spark",
        )
        for pipeline in pipelines()
    ),
    Case(
        "failed",
        (function("failed"), function("commit")),
        EVERY,
        ("failed-errors", *failed(*EVERY)),
        recorded=False,
    ),
    Case(
        "gate",
        (function("gate"), partial(breaking.queue_patience, who="gate", seconds=1)),
        alarms=("gate-errors", "gate-dlq"),
        kept_in="gate-dlq",
        cause=put_something,
    ),
    Case(
        "derive",
        (function("derive"),),
        alarms=("derive-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=publish_something,
    ),
    Case(
        "compact",
        (function("compact"),),
        alarms=("compact-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=invoke_later("compact", SCHEDULED),
    ),
    Case(
        "sweep",
        (function("sweep"),),
        alarms=("sweep-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=invoke_later("sweep", SCHEDULED),
    ),
    Case(
        "tidy",
        (function("tidy"),),
        alarms=("tidy-errors", "functions-dlq"),
        kept_in="functions-dlq",
        cause=invoke_later("tidy", SCHEDULED),
    ),
    *(
        Case(
            f"{pipeline}-generate",
            (function("generate", f"{pipeline}-generate"),),
            alarms=(f"{pipeline}-generate-errors", "functions-dlq"),
            kept_in="functions-dlq",
            cause=invoke_later(f"{pipeline}-generate", SCHEDULED),
        )
        for pipeline in GENERATORS
    ),
)
