"""What a generator is asked for by an event: the event alone decides it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.contract.load import pipelines
from lakehouse.contract.model import Generator, Pipeline
from lakehouse.errors import ContractError, EventError
from lakehouse.generate import Wanted, load_generator, seed_of, wanted

NOW = datetime(2026, 11, 21, 17, 1, 2, 345678, tzinfo=UTC)
TICK = datetime(2026, 11, 21, 0, 5, tzinfo=UTC)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline("made_up", "", tmp_path, "duckdb", (), (), generator=Generator(rows=5))


def scheduled() -> dict[str, Any]:
    event: dict[str, Any] = json.loads((Path(__file__).parents[1] / "events/eventbridge_scheduled.json").read_text())
    return event


def test_a_schedule_asks_for_the_contracts_rows_at_its_own_time(pipeline: Pipeline) -> None:
    assert wanted(scheduled(), pipeline, NOW) == Wanted(5, seed_of("made_up", TICK), 0.0, TICK)


def test_a_retry_of_a_scheduled_event_asks_for_the_same_whenever_it_comes(pipeline: Pipeline) -> None:
    assert wanted(scheduled(), pipeline, NOW) == wanted(scheduled(), pipeline, datetime(2027, 1, 1, tzinfo=UTC))


def test_pipelines_and_moments_have_seeds_of_their_own() -> None:
    other = datetime(2026, 11, 21, 0, 10, tzinfo=UTC)
    seeds = [seed_of("one", TICK), seed_of("two", TICK), seed_of("one", other)]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_whoever_asks_may_say_rows_seed_share_and_time(pipeline: Pipeline) -> None:
    event = {"rows": 9, "seed": 3, "dirty": 0.5, "time": "2026-11-21T01:05:00.9+01:00"}
    assert wanted(event, pipeline, NOW) == Wanted(9, 3, 0.5, TICK)


def test_whoever_says_nothing_gets_the_contracts_rows_now(pipeline: Pipeline) -> None:
    now = NOW.replace(microsecond=0)
    assert wanted({}, pipeline, NOW) == Wanted(5, seed_of("made_up", now), 0.0, now)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"row": 5}, "found 'row', expected one of rows, seed, dirty, time"),
        ({"rows": "5"}, "rows is '5'"),
        ({"rows": True}, "rows is True"),
        ({"dirty": None}, "dirty is None"),
        ({"time": 5}, "time is 5"),
        ({"time": "yesterday"}, "time is 'yesterday': expected a moment"),
        ({"time": "2026-11-21T00:05:00"}, "expected a moment with its zone"),
        ({"detail-type": "Scheduled Event"}, "time is None"),
        ({"detail-type": "Object Created", "time": "2026-11-21T00:05:00Z"}, "found 'detail-type'"),
    ],
)
def test_an_event_of_another_kind_is_an_error(event: dict[str, Any], message: str, pipeline: Pipeline) -> None:
    with pytest.raises(EventError, match=message):
        wanted(event, pipeline, NOW)


def test_a_pipeline_without_generator_is_an_error(pipeline: Pipeline) -> None:
    with pytest.raises(ContractError, match="generator is missing"):
        wanted({}, replace(pipeline, generator=None), NOW)
    with pytest.raises(ContractError, match=r"generate\.py: no such file"):
        load_generator(pipeline)


def test_every_contracts_generator_can_be_loaded() -> None:
    for one in pipelines().values():
        if one.generator:
            assert callable(load_generator(one))
