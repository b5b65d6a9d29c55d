"""The contract of the gate's tests and a short way to judge bytes by it."""

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Pipeline
from lakehouse.gate.judge import judge
from tests.gate.judging import Judge, Judged

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def kinds() -> Pipeline:
    """The contract with every type and rule."""
    return load_pipeline(FOLDER / "pipelines" / "kinds")


@pytest.fixture
def judged(kinds: Pipeline, tmp_path: Path) -> Judge:
    """Judge bytes: `judged(data, key, dataset=…)`; the dataset is the key's first part unless named."""

    def run(data: bytes, key: str, dataset: str | None = None) -> Judged:
        name = dataset or key.partition(".")[0]
        judgement = judge(io.BytesIO(data), f"bronze/kinds/{key}", kinds.dataset(name), tmp_path)
        refused = judgement.quarantine_rows.read_text("utf-8").split("\n")[:-1] if judgement.quarantine_rows else []
        rows = pq.read_table(judgement.parquet).to_pylist() if judgement.parquet else []
        assert judgement.bytes == len(data)
        if judgement.verdict == "accepted":
            parts = judgement.rows_accepted + judgement.rows_quarantined + judgement.rows_duplicate
            assert judgement.rows_in == parts
            assert judgement.rows_accepted == len(rows)
            assert judgement.rows_quarantined == len(refused) == sum(judgement.by_reason.values())
        else:
            assert judgement.parquet is None
        return Judged(judgement, rows, [json.loads(line) for line in refused])

    return run
