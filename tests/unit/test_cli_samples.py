"""Sample files: made by a pipeline's own generator, kept, and made again only when something differs."""

from pathlib import Path

import pytest

from cli.errors import CliError
from cli.samples import Sample, make
from cli.screen import Screen
from lakehouse.contract.model import Column, Dataset, Pipeline

GENERATOR = '''
"""Made up."""
def generate(folder, rows, seed, progress{dirty}):
    if seed == 13:
        raise ValueError("seed is 13: expected another")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "things.json"
    path.write_text("x" * rows)
    progress(rows)
    with (folder / "calls").open("a") as calls:
        calls.write("+")
    return {{"things": path}}
'''


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    folder = tmp_path / "made-up"
    folder.mkdir()
    (folder / "generate.py").write_text(GENERATOR.format(dirty=", dirty=0.0"))
    things = Dataset("made-up", "things", "", ("things.{ext}",), ("ndjson",), (Column("id", "string"),), ("id",))
    return Pipeline("made-up", "", folder, "duckdb", (things,), ())


def _made(pipeline: Pipeline, folder: Path, rows: int = 10, seed: int = 1, dirty: float = 0.0) -> bool:
    made = make(pipeline, Sample(pipeline.name, rows, seed, dirty), folder, Screen(as_json=True))
    assert made.files[0].path.read_text() == "x" * rows
    assert made.bytes == rows
    return not made.cached


def test_files_are_made_once_and_again_when_anything_differs(pipeline: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert _made(pipeline, folder)
    assert not _made(pipeline, folder)
    assert _made(pipeline, folder, rows=11)
    assert _made(pipeline, folder, rows=11, seed=2)
    assert _made(pipeline, folder, rows=11, seed=2, dirty=0.5)
    (folder / "things.json").write_text("cut")
    assert _made(pipeline, folder, rows=11, seed=2, dirty=0.5)
    script = Path(str(pipeline.folder)) / "generate.py"
    script.write_text(script.read_text() + "# changed\n")
    assert _made(pipeline, folder, rows=11, seed=2, dirty=0.5)
    assert (folder / "calls").read_text() == "+" * 6


def test_a_generator_that_refuses_or_cannot_is_a_message(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(CliError, match="refuses: seed is 13"):
        _made(pipeline, tmp_path / "out", seed=13)
    script = Path(str(pipeline.folder)) / "generate.py"
    script.write_text(GENERATOR.format(dirty=""))
    with pytest.raises(CliError, match="cannot make bad rows"):
        _made(pipeline, tmp_path / "out", dirty=0.1)
    script.unlink()
    with pytest.raises(CliError, match="has no generator"):
        _made(pipeline, tmp_path / "out")
