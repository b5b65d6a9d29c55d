"""Two hundred files of three pipelines at once, on a deployed lake: its event source mapping, its Lambda workers."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from deploy import deploy_stack, load_config, settings_of
from lakehouse.batches.decide import run_needed
from lakehouse.ledger.store import Ledger
from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.race_crowd import (
    PIPELINES,
    Crowd,
    Workers,
    bring,
    executions,
    make_crowd,
    messages,
    wait_until_at_rest,
    watched,
)
from tests.faults.race_gold import Reader, expected, shown
from tests.lake import Lake

FILES = (60, 70, 70) if tally.FULL else (18, 3, 3)
"""Of activity, carts and transactions."""


@dataclass(frozen=True)
class Stormed:
    """A lake to which a crowd of files came."""

    lake: Lake
    crowd: Crowd
    workers: Workers

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.lake.client("dynamodb"), self.lake.settings.ledger_table)


@pytest.fixture(scope="module")
def stormed(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Stormed:
    """A stack with a prefix of its own, at rest again after the crowd."""
    config = replace(load_config("local"), prefix="crowd")
    outputs = deploy_stack(aws.session(), config, endpoint_url=aws.endpoint_url)
    lake = Lake(aws, config, outputs, settings_of(outputs))
    crowd = make_crowd(tmp_path_factory.mktemp("crowd"), *FILES)
    with watched() as workers:
        bring(lake, crowd)
        wait_until_at_rest(lake, seconds=240)
    print(f"{len(crowd.files)} files; workers at once: {workers.at_once}; peak MB: {workers.peak_mb}")
    return Stormed(lake, crowd, workers)


def test_every_file_is_processed_and_none_is_lost(stormed: Stormed) -> None:
    files = [file for name in PIPELINES for file in stormed.ledger.files(name)]
    assert Counter(file.key for file in files) == Counter(stormed.crowd.files.keys())
    assert {file.verdict for file in files} == {"accepted"}
    assert {file.key: file.rows_in for file in files} == stormed.crowd.rows
    assert all(file.rows_in == file.rows_accepted + file.rows_quarantined + file.rows_duplicate for file in files)


def test_every_batch_ends_with_one_effective_run(stormed: Stormed) -> None:
    for name, pipeline in PIPELINES.items():
        ended, states = executions(stormed.lake, name), list(stormed.ledger.batches(name))
        runs = {run.run_id: run for run in stormed.ledger.runs(name)}
        assert set(ended.values()) == {"SUCCEEDED"}
        assert set(ended) == set(runs), "one execution a run"
        assert {state.batch for state in states} == {
            place.batch for place in stormed.crowd.places().values() if place.pipeline == name
        }
        for state in states:
            needed = run_needed(pipeline, state)
            assert needed is not None
            assert state.run_id == needed.run_id
            assert runs[needed.run_id].status in ("published", "superseded")
        assert {run.status for run in runs.values()} <= {"published", "superseded"}


@pytest.mark.parametrize("name", PIPELINES)
def test_gold_is_what_a_recomputation_of_all_files_gives(stormed: Stormed, name: str, tmp_path: Path) -> None:
    recomputed, reader = expected(PIPELINES[name], stormed.crowd.of(name)), Reader(stormed.lake)
    for table in PIPELINES[name].gold:
        assert shown(reader, table, tmp_path) == recomputed[table.name]


def test_no_dead_letter_and_nothing_waits(stormed: Stormed) -> None:
    queues = ("gate", "gate-dlq", "events-dlq", "functions-dlq")
    assert {queue: messages(stormed.lake, queue) for queue in queues} == dict.fromkeys(queues, 0)


def test_no_worker_needs_more_memory_than_its_function_has(stormed: Stormed) -> None:
    workers = stormed.workers
    assert {name.removeprefix("crowd-") for name in workers.peak_mb} >= {"gate", "commit", "gold", "publish", "derive"}
    beyond = {name: peak for name, peak in workers.peak_mb.items() if not 0 < peak <= workers.allowed_mb[name]}
    assert beyond == {}
    assert workers.at_once["crowd-gate"] <= 2
