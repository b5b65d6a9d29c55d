"""The contract of the gate's tests and a short way to judge bytes by it."""

from pathlib import Path

import pytest

from lakehouse.contract.load import load_pipeline
from lakehouse.contract.model import Pipeline
from tests.gate.judging import Judge, Judged, judge_bytes

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def kinds() -> Pipeline:
    """The contract with every type and rule."""
    return load_pipeline(FOLDER / "pipelines" / "kinds")


@pytest.fixture
def judged(kinds: Pipeline, tmp_path: Path) -> Judge:
    """Judge bytes: `judged(data, key, dataset=…)`; the dataset is the key's first part unless named."""

    def run(data: bytes, key: str, dataset: str | None = None) -> Judged:
        return judge_bytes(data, key, kinds.dataset(dataset or key.partition(".")[0]), tmp_path)

    return run
