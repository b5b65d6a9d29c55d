"""A day of the schedule, driven by the clock: 288 documents in, 288 Parquet files, one table that answers every query,
and the same rows when the day is closed and its small files have become one."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy import deploy_stack, settings_of
from lakehouse.contract.load import pipelines
from lakehouse.engines.checksum import checksum
from lakehouse.silver.slots import SlotFile
from lakehouse.silver.table import SilverStore, active_files, open_table
from tests.aws.athena_client import Athena
from tests.lake import Lake
from tests.quiet import schedules_at_rest
from tests.sql.test_queries import EXPECTED, shown

PIPELINE = pipelines()["transactions"]
DOCUMENTS = 288
DAY = timedelta(days=1)
HOURS = 24
pytestmark = pytest.mark.timeout(900)
QUERIES = [name for name in EXPECTED if name.startswith("transactions/")]


@dataclass(frozen=True)
class Driven:
    """A lake that has lived through a day."""

    lake: Lake
    athena: Athena
    date: str
    documents: dict[str, list[dict[str, Any]]]
    """Rows of every bronze document by its key, as plain Python reads them."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for rows in self.documents.values() for row in rows]

    def silver(self) -> list[SlotFile]:
        """The data files that readers of silver open."""
        store = SilverStore.on_s3(
            self.lake.bucket, self.lake.aws.session(), {"AWS_ENDPOINT_URL": self.lake.aws.endpoint_url}
        )
        return active_files(open_table(store, PIPELINE.datasets[0]))

    def gold(self, folder: Path) -> str:
        """Checksum of all gold rows, as the catalog's partitions show them."""
        glue, s3 = self.lake.client("glue"), self.lake.client("s3")
        where = {"DatabaseName": self.lake.settings.gold_database, "TableName": "transactions"}
        files = []
        for partition in glue.get_partitions(**where)["Partitions"]:
            bucket, _, prefix = partition["StorageDescriptor"]["Location"].removeprefix("s3://").partition("/")
            for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
                files.append(folder / f"{len(files)}.parquet")
                s3.download_file(bucket, entry["Key"], str(files[-1]))
        return checksum(files)


@pytest.fixture(scope="module")
def driven(lake: Lake) -> Iterator[Driven]:
    """The stack once more, with a prefix of its own, through 24 hours at the default rate."""
    config = replace(lake.config, prefix="day")
    outputs = deploy_stack(lake.aws.session(), config, endpoint_url=lake.aws.endpoint_url)
    day = Lake(lake.aws, config, outputs, settings_of(outputs))
    stepfunctions = day.client("stepfunctions")
    with schedules_at_rest(day.aws):
        start = tomorrow(day.aws.clock.now()) - timedelta(minutes=2)
        day.aws.clock.run_until(start)
        day.client("events").enable_rule(Name=day.named("transactions-generate"))
        for hour in range(1, HOURS + 1):
            day.aws.clock.run_until(start + hour * DAY / HOURS)
            eventually(lambda ended=hour * DOCUMENTS // HOURS: at_rest(stepfunctions, day, ended))
        day.client("events").disable_rule(Name=day.named("transactions-generate"))
        documents = read_documents(day)
        athena = Athena(day.aws, day.bucket, day.settings.gold_database)
        yield Driven(day, athena, f"{start + DAY:%Y-%m-%d}", documents)


def tomorrow(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0) + DAY


def read_documents(day: Lake) -> dict[str, list[dict[str, Any]]]:
    s3 = day.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=day.bucket, Prefix="bronze/transactions/")
    found = {}
    for key in (entry["Key"] for page in pages for entry in page.get("Contents", [])):
        text = s3.get_object(Bucket=day.bucket, Key=key)["Body"].read().decode()
        document = json.loads(text, parse_float=Decimal)
        found[key] = document if isinstance(document, list) else [document]
    return found


def at_rest(stepfunctions: Any, day: Lake, executions: int) -> bool:
    """So many executions have ended and none runs."""
    found = statuses(stepfunctions, day)
    return len(found) == executions and "RUNNING" not in found


def executions(stepfunctions: Any, day: Lake) -> list[dict[str, Any]]:
    arn = f"{day.settings.state_machine_arn_prefix}transactions"
    pages = stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=arn)
    return [one for page in pages for one in page["executions"]]


def statuses(stepfunctions: Any, day: Lake) -> list[str]:
    """How each execution stands."""
    return [one["status"] for one in executions(stepfunctions, day)]


def causes(stepfunctions: Any, day: Lake) -> list[str]:
    """Why executions failed."""
    failed = [one for one in executions(stepfunctions, day) if one["status"] != "SUCCEEDED"]
    told = [stepfunctions.describe_execution(executionArn=one["executionArn"]) for one in failed]
    return [f"{one['name']}: {one.get('error')}: {one.get('cause')}" for one in told]


def eventually(look: Callable[[], object], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.3)


def test_every_five_minutes_a_document_and_each_becomes_one_parquet_file(driven: Driven) -> None:
    assert len(driven.documents) == DOCUMENTS
    assert {key.split("/")[3] for key in driven.documents} == {f"date={driven.date}"}
    files = driven.silver()
    assert {file.slot for file in files} == set(driven.documents)
    assert len(files) == DOCUMENTS
    assert sum(file.rows for file in files) == len(driven.rows) == DOCUMENTS * 5


def test_no_execution_failed_and_gold_has_every_row_once(driven: Driven) -> None:
    stepfunctions = driven.lake.client("stepfunctions")
    ended = statuses(stepfunctions, driven.lake)
    assert set(ended) == {"SUCCEEDED"}, causes(stepfunctions, driven.lake)
    assert len(ended) == DOCUMENTS
    figures = "count(*), count(distinct transaction_id), sum(total_amount), min(transaction_id), max(transaction_id)"
    identities = sorted(row["transaction_id"] for row in driven.rows)
    total = sum(row["total_amount"] for row in driven.rows)
    expected = [len(identities), len(set(identities)), total, identities[0], identities[-1]]
    assert driven.athena.rows(f"select {figures} from transactions") == [[str(value) for value in expected]]
    assert driven.athena.rows('select distinct cast("date" as varchar) from transactions') == [[driven.date]]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_answers_what_python_computes_from_the_documents(query: str, driven: Driven) -> None:
    expected = [[shown(value) for value in row] for row in EXPECTED[query]({"transactions": driven.rows})]
    assert expected
    assert driven.athena.rows(text_of(query)) == expected


def test_the_next_night_the_catalog_is_crawled_small_files_become_one_and_no_row_changes(
    driven: Driven, tmp_path: Path
) -> None:
    day, crawler = driven.lake, driven.lake.named("transactions-daily")
    glue, events = day.client("glue"), day.client("events")
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    before = driven.gold(tmp_path / "before")
    answers = {query: driven.athena.rows(text_of(query)) for query in QUERIES}
    (contract,) = PIPELINE.crawlers
    glue.update_crawler(Name=crawler, Schedule=contract.schedule)  # it rested, as every schedule did
    events.enable_rule(Name=day.named("compact"))
    fired = day.aws.clock.run_until(datetime.fromisoformat(f"{driven.date}T03:00:30+00:00") + DAY)
    events.disable_rule(Name=day.named("compact"))
    glue.update_crawler(Name=crawler, Schedule="")
    assert [f"{one.at:%H:%M}" for one in fired] == ["02:00", "03:00"]
    eventually(lambda: glue.get_crawler(Name=crawler)["Crawler"]["State"] == "READY")
    assert glue.get_crawler(Name=crawler)["Crawler"]["LastCrawl"]["Status"] == "SUCCEEDED"
    (file,) = driven.silver()
    assert (file.batch, file.slot, file.rows) == (driven.date, "*", len(driven.rows))
    assert driven.gold(tmp_path / "after") == before
    assert {query: driven.athena.rows(text_of(query)) for query in QUERIES} == answers


def text_of(query: str) -> str:
    return (Path(str(PIPELINE.folder)) / "queries" / f"{query.split('/')[1]}.sql").read_text()
