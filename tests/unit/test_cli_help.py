"""The command line explains itself, and knows no pipeline by name."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from lakehouse.contract.load import pipelines

PARTS = (
    ("quarantine", "list"),
    ("quarantine", "show"),
    ("quarantine", "release"),
    ("notifications",),
    ("notifications", "show"),
    ("replay",),
    ("backfill",),
    ("dlq", "list"),
    ("dlq", "redrive"),
)
COMMANDS = ("up", "down", "demo", "generate", "put", "status", "runs", "files", "query", "template")
SHOWING = ("up", "down", "demo", "generate", "put", "status", "runs", "files", "query")


def _help(*command: str) -> str:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert result.exit_code == 0
    return result.output


def test_the_first_page_names_every_command() -> None:
    page = _help()
    named = (*COMMANDS, "quarantine", "notifications", "replay", "backfill", "dlq")
    assert [name for name in named if not re.search(rf"^\W*{name} ", page, re.MULTILINE)] == []


@pytest.mark.parametrize("command", [*((name,) for name in COMMANDS), *PARTS])
def test_every_command_has_an_example(command: tuple[str, ...]) -> None:
    assert f"lake {' '.join(command)}" in _help(*command).split("Example")[1]


@pytest.mark.parametrize("command", [*((name,) for name in SHOWING), *PARTS])
def test_every_command_that_shows_something_speaks_json(command: tuple[str, ...]) -> None:
    assert "--json" in _help(*command)


def test_no_source_of_the_command_line_names_a_pipeline() -> None:
    sources = list((Path(__file__).parents[2] / "cli").rglob("*.py"))
    assert len(sources) > 20
    words = "|".join(pipelines())
    assert [str(path) for path in sources if re.search(rf"\b({words})\b", path.read_text())] == []
