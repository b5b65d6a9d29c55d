"""`lake notifications` reads the mails of this machine."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.commands.notifications import draw_list
from cli.home import Home
from cli.main import app
from cli.notifications import read_mails
from lakehouse.contract.load import pipelines
from localaws.mail.letters import Letter, as_eml

START = datetime(2026, 11, 21, 23, 59, 58, tzinfo=UTC)
SENT = [
    ("AWS Notification - Subscription Confirmation", "You have chosen …", {}),
    (
        "[here] File refused (empty_file): users.json",
        "users.json was refused",
        {"kind": "file_refused", "pipeline": "P"},
    ),
    ('ALARM: "lakegate-P-failed" in US East (N. Virginia)', "You are receiving …", {}),
    ('OK: "lakegate-gate-errors" in US East (N. Virginia)', "You are receiving …", {}),
    ("AWS Notification Message", "Glue job lakegate-P-gold ended as \x1b[31mFAILED", {}),
]


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home with five mails; the pipeline that they tell of."""
    name = next(iter(pipelines()))
    monkeypatch.setenv("LAKE_HOME", str(tmp_path))
    (tmp_path / "stack.json").write_text(json.dumps({"region": "x", "outputs": {"AthenaWorkgroup": "lakegate"}}))
    (tmp_path / "mail").mkdir()
    for index, (subject, text, attributes) in enumerate(SENT):
        at = START + timedelta(seconds=index)
        named = {key: value.replace("P", name) if key == "pipeline" else value for key, value in attributes.items()}
        letter = Letter(
            f"{index}abcdefg",
            "arn:t",
            "arn:s",
            "you@example.com",
            subject.replace("-P-", f"-{name}-"),
            text.replace("-P-", f"-{name}-"),
            named,
        )
        (tmp_path / "mail" / f"{at:%Y%m%dT%H%M%S.%fZ}-{index + 1:06}-{index}abcdefg.eml").write_bytes(
            as_eml(letter, at)
        )
    return name


def lake(*arguments: str, columns: int = 80) -> str:
    result = CliRunner().invoke(app, ["notifications", *arguments], env={"COLUMNS": str(columns), "NO_COLOR": "1"})
    assert result.exit_code == 0, result.output
    return result.output


def test_the_newest_comes_first_with_its_kind_and_pipeline(pipeline: str) -> None:
    found = json.loads(lake("--json"))
    assert [(mail["kind"], mail["pipeline"]) for mail in found] == [
        ("message", pipeline),
        ("alarm_over", None),
        ("alarm", pipeline),
        ("file_refused", pipeline),
        ("subscription", None),
    ]
    assert found[0]["at"] == "2026-11-22T00:00:02+00:00"


def test_a_pipeline_and_a_limit_choose(pipeline: str) -> None:
    found = json.loads(lake("--pipeline", pipeline, "--limit", "2", "--json"))
    assert [mail["kind"] for mail in found] == ["message", "alarm"]


def test_one_is_shown_by_the_beginning_of_its_id(pipeline: str) -> None:
    shown = lake("show", "1abc")
    assert "users.json was refused" in shown
    assert "you@example.com" in shown
    assert json.loads(lake("show", "1abc", "--json"))["text"].startswith("users.json was refused")


def test_what_a_terminal_would_obey_is_written_out(pipeline: str) -> None:
    assert "\\x1b[31mFAILED" in lake("show", "4abc")


def test_the_list_fits_80_columns(pipeline: str) -> None:
    page = io.StringIO()
    draw_list(Console(file=page, width=80), read_mails(Home.find()))
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "failed" in page.getvalue()
    assert lines[1].startswith("4abcdefg-000005  11-22 00:00:02  message")


def test_an_id_of_none_is_an_error(pipeline: str) -> None:
    result = CliRunner().invoke(app, ["notifications", "show", "zzz"])
    assert result.exit_code == 1
    assert "No notification begins with 'zzz'" in str(result.exception)
