"""The sweeper as deployed: its rule comes by the clock, its function works under its own role, its mails arrive."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy import deploy_stack, load_config, settings_of
from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Place
from lakehouse.contract.route import place_of
from lakehouse.events import ObjectCreated
from lakehouse.gate.handle import Gate
from lakehouse.gate.judge import judge
from lakehouse.generate import load_generator
from lakehouse.ledger.items import BatchState, SlotInForce
from lakehouse.ledger.store import Ledger
from lakehouse.names import BRONZE
from localaws import EmbeddedAws
from tests.lake import Lake
from tests.quiet import schedules_at_rest

QUARTER = timedelta(minutes=15)
PIPELINE = "transactions"


@pytest.fixture(scope="module")
def swept(aws: EmbeddedAws) -> Iterator[Lake]:
    """A stack of its own prefix, in which nothing but the sweeper goes by the clock."""
    config = replace(load_config("local"), prefix="swept")
    outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
    lake = Lake(aws, config, outputs, settings_of(outputs))
    events = lake.client("events")
    with schedules_at_rest(aws):
        events.enable_rule(Name=lake.named("sweep"))
        yield lake
        events.disable_rule(Name=lake.named("sweep"))


def eventually(look: Callable[[], object], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"{what} did not come in {seconds:g} s"
        time.sleep(0.1)


def pass_time(lake: Lake, by: timedelta) -> list[str]:
    """What the clock set off meanwhile."""
    start = datetime.fromtimestamp(lake.aws.clock.now(), UTC)
    return [one.name for one in lake.aws.clock.run_until(start + by)]


def mails(lake: Lake, kind: str) -> list[str]:
    """The text of the mails of a kind."""
    texts = [path.read_text() for path in (lake.aws.state.path / "mail").glob("*.eml")]
    return [text for text in texts if f"kind: {kind}" in text and lake.settings.topic_arn in text]


def test_a_file_whose_gate_died_and_whose_message_is_gone_becomes_gold_within_two_sweeps(
    swept: Lake, tmp_path: Path
) -> None:
    """The gate recorded its verdict, and nothing after it."""
    ledger = Ledger(swept.client("dynamodb"), swept.settings.ledger_table)

    class DiedError(Exception):
        pass

    class DyingLedger(Ledger):
        def put_in_force(self, pipeline: str, batch: str, slot_id: str, entry: SlotInForce) -> BatchState:
            raise DiedError

    clients = [swept.client(name) for name in ("s3", "stepfunctions", "sns")]
    dying = DyingLedger(swept.client("dynamodb"), swept.settings.ledger_table)
    gate = Gate(clients[0], dying, clients[1], clients[2], swept.settings, pipelines(), judge)
    (path,) = load_generator(pipelines()[PIPELINE])(
        tmp_path, rows=5, seed=1, at=datetime(2026, 2, 1, tzinfo=UTC)
    ).values()
    key = f"{BRONZE}/{PIPELINE}/{path.relative_to(tmp_path).as_posix()}"
    swept.client("events").disable_rule(Name=swept.named("arrivals"))
    swept.client("s3").put_object(Bucket=swept.bucket, Key=key, Body=path.read_bytes())
    with pytest.raises(DiedError):
        gate.handle(ObjectCreated(swept.bucket, key), "m1")
    swept.client("events").enable_rule(Name=swept.named("arrivals"))
    place = place_of(key, pipelines())
    assert isinstance(place, Place)
    assert not ledger.batch(PIPELINE, place.batch).slots
    assert pass_time(swept, 2 * QUARTER) == [f"rule {swept.named('sweep')}"] * 2
    eventually(lambda: ledger.batch(PIPELINE, place.batch).run_id, "the run")
    run_id = str(ledger.batch(PIPELINE, place.batch).run_id)
    eventually(lambda: (run := ledger.run(PIPELINE, place.batch, run_id)) and run.status == "published", "gold")
    pass_time(swept, 2 * QUARTER)
    assert [run.run_id for run in ledger.runs(PIPELINE)] == [run_id]


def test_a_batch_that_waits_too_long_is_told_of_by_mail_once(swept: Lake) -> None:
    ledger = Ledger(swept.client("dynamodb"), swept.settings.ledger_table)
    several = next(one for one in pipelines().values() if len(one.datasets) > 1)
    there, *missing = several.datasets
    entry = SlotInForce(there.name, "bronze/k", "f", 7, 10, 10, 1)
    ledger.put_in_force(several.name, "late", "slot", entry)
    state = ledger.batch(several.name, "late")
    early = datetime.fromtimestamp(swept.aws.clock.now(), UTC) - timedelta(minutes=several.deadlines.batch_minutes)
    ledger.table.put(replace(state, at=early.isoformat(timespec="microseconds")))
    pass_time(swept, QUARTER)
    eventually(lambda: mails(swept, "batch_overdue"), "the mail")
    pass_time(swept, 4 * QUARTER)
    (text,) = mails(swept, "batch_overdue")
    for dataset in missing:
        assert f"{dataset.name}: 0 of 1 file" in text
    assert f"{there.name}: 1 file, 7 rows" in text
