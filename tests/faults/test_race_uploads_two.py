"""More of the races of sixteen uploads, beside those of the other file; and a weaker gate that they catch."""

from pathlib import Path
from uuid import uuid4

import pytest

from lakehouse.batches.decide import missing
from lakehouse.gate.settle import Settler
from lakehouse.ledger.items import BatchState
from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.race_suite import race
from tests.faults.race_uploads import Uploads


@pytest.mark.timeout(1800)
def test_sixteen_more_uploads_at_once_are_one_run(aws: EmbeddedAws, tmp_path: Path) -> None:
    in_turns, free = (450, 50) if tally.FULL else (4, 1)
    assert race(aws, tmp_path, "two", in_turns, free) == {}


def list_then_start(settler: Settler, state: BatchState) -> None:
    """What the gate must not do: see what is there by now, and start when all is."""
    there = settler.ledger.batch(state.pipeline, state.batch)
    if not missing(settler.pipelines[state.pipeline], there):
        settler.stepfunctions.start_execution(
            stateMachineArn=f"{settler.settings.state_machine_arn_prefix}{state.pipeline}",
            name=f"{state.pipeline}-{state.batch}-{uuid4().hex}",
            input="{}",
        )


def test_a_gate_that_lists_and_then_starts_is_caught(
    aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settler, "start", list_then_start)
    uploads = Uploads(aws, tmp_path)
    assert any(starts(uploads, f"weaker-{number}") > 1 for number in range(20))


def starts(uploads: Uploads, batch: str) -> int:
    """How often a batch is started when its files arrive at once."""
    uploads.arrive(batch)
    return len(uploads.world.executions(batch))
