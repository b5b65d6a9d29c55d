"""The checks of `make security` that need no further tool, each with a fault planted; the others: security/tests/."""

import json
from pathlib import Path
from typing import Any

import pytest

from security import __main__ as command
from security.checks.licences import licences, permissive
from security.checks.policies import policies
from security.findings import (
    Accepted,
    Finding,
    NotAskedError,
    Outcome,
    SecurityError,
    read_accepted,
    stale,
    unexplained,
)
from security.pins import pins

BUCKET = "arn:${AWS::Partition}:s3:::${LakeBucket}/*"
GOOD: dict[str, Any] = {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": BUCKET}
A, B = Finding("R1", "T.A", "a"), Finding("R1", "T.B", "b")


def judged(folder: Path, statement: dict[str, Any], kind: str = "iam", reasons: str = "") -> set[str]:
    """The rules that one statement breaks."""
    (folder / "iam").mkdir(exist_ok=True)
    (folder / "kms").mkdir(exist_ok=True)
    document = {"Version": "2012-10-17", "Statement": [statement]}
    (folder / kind / "role.json").write_text(json.dumps(document))
    if reasons:
        (folder / "iam" / "reasons.toml").write_text(reasons)
    return {one.rule for one in policies(folder / "iam", folder / "kms").findings}


def test_a_narrow_statement_is_fine(tmp_path: Path) -> None:
    assert judged(tmp_path, GOOD) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"Action": ["s3:GetObjekt"]}, "W3037"),
        ({"Action": ["nosuchservice:GetObject"]}, "W3037"),
        ({"Effect": "Permit"}, "E3510"),
        ({"Sid": "not a sid"}, "E3510"),
        ({"Principal": "*"}, "E3510"),
        ({"Action": ["s3:*"]}, "whole-service"),
        ({"Action": "*"}, "whole-service"),
        ({"Resource": "*"}, "any-resource"),
        ({"NotResource": BUCKET}, "all-but"),
    ],
)
def test_a_bad_statement_is_found(tmp_path: Path, change: dict[str, Any], rule: str) -> None:
    assert rule in judged(tmp_path, {**GOOD, **change})


def test_any_resource_needs_a_written_reason(tmp_path: Path) -> None:
    wide = {**GOOD, "Resource": "*"}
    reason = '[[any_resource]]\ndocument = "role"\nsid = "Read"\nreason = "there is no ARN"\n'
    assert judged(tmp_path, wide, reasons=reason) == set()
    assert judged(tmp_path, {**wide, "Sid": "Other"}, reasons=reason) == {"any-resource"}


def test_a_key_that_anybody_may_use_is_found(tmp_path: Path) -> None:
    key = {"Sid": "Use", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    assert judged(tmp_path, key, "kms") == {"anybody"}
    assert judged(tmp_path, {**key, "Principal": {"AWS": ["*"]}}, "kms") == {"anybody"}
    assert judged(tmp_path, {**key, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, "kms") == set()


def package(folder: Path, name: str, *lines: str) -> None:
    """An installed package with some lines of metadata."""
    made = folder / f"{name}-1.0.dist-info"
    made.mkdir(parents=True)
    made.joinpath("METADATA").write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *lines]))


def test_copyleft_is_found_and_what_ships_has_a_rule_of_its_own(tmp_path: Path) -> None:
    site, lock, layer = tmp_path / "site", tmp_path / "lake.txt", tmp_path / "layer.txt"
    package(site, "free", "License-Expression: MIT OR GPL-3.0-only")
    package(site, "bound", "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)")
    package(site, "silent")
    lock.write_text("free==1.0\nbound==1.0\nsilent==1.0\ngone==1.0\nwindows==1.0 ; sys_platform == 'win32'\n")
    found = licences([lock], [], [str(site)])
    assert [(one.rule, one.where) for one in found.findings] == [
        ("licence", "bound"),
        ("unknown", "gone"),
        ("licence", "silent"),
    ]
    layer.write_text("bound==1.0\n")
    assert [(one.rule, one.where) for one in licences([], [layer], [str(site)]).findings] == [("shipped", "bound")]


@pytest.mark.parametrize(
    ("stated", "free"),
    [
        ("MIT", True),
        ("Apache License 2.0", True),
        ("MIT License AND Apache Software License", True),
        ("BSD-3-Clause AND GPL-2.0-only", False),
        ("EPL-2.0 OR GPL-2.0-or-later", False),
        ("GPL-3.0-only OR MIT", True),
        ("LGPL with exceptions", False),
        ("", False),
    ],
)
def test_what_is_permissive(stated: str, free: bool) -> None:
    assert permissive(stated) is free


def test_nothing_that_ships_is_accepted_against_its_licence() -> None:
    assert [one for one in read_accepted(command.ACCEPTED) if one.rule == "shipped"] == []


def test_a_line_that_is_no_pin_is_an_error(tmp_path: Path) -> None:
    lock = tmp_path / "lake.txt"
    lock.write_text("jinja2>=3\n")
    with pytest.raises(SecurityError, match=r"lake\.txt:1: 'jinja2>=3' is no pin"):
        pins(lock)


def test_a_reason_explains_its_rule_in_its_places_only() -> None:
    reason = Accepted("template", "R1", "T.*", "because it is so")
    assert unexplained("template", [A, B, Finding("R2", "T.A", "c")], [reason]) == [Finding("R2", "T.A", "c")]
    assert unexplained("policies", [A], [reason]) == [A]
    assert stale("template", [A], [reason]) == []
    assert stale("template", [Finding("R1", "U.A", "a")], [reason]) == [reason]


@pytest.mark.parametrize("entry", ["rule = 'R'", "rule = 'R'\nwhere = 'W'\ncheck = 'template'\nreason = 'is ok'"])
def test_an_entry_without_a_part_or_a_real_reason_is_an_error(tmp_path: Path, entry: str) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(f"[[accepted]]\n{entry}\n")
    with pytest.raises(SecurityError):
        read_accepted(file)


def test_every_entry_is_for_a_check_that_there_is() -> None:
    assert {one.check for one in read_accepted(command.ACCEPTED)} <= command.checks().keys()


def test_a_line_fails_for_what_has_no_reason_and_for_a_stale_reason() -> None:
    reason = Accepted("template", "R1", "T.A", "because it is so")
    assert command.judge("template", lambda: Outcome("2", (A,)), (reason,)).verdict == "ok"
    assert command.judge("template", lambda: Outcome("2", (A, B)), (reason,)).verdict == "FAILED"
    assert command.judge("template", lambda: Outcome("2"), (reason,)).verdict == "FAILED"


@pytest.mark.parametrize(("audit", "code"), [("required", 1), ("optional", 0)])
def test_a_service_that_was_not_asked_fails_unless_that_was_said_to_be_fine(
    audit: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody() -> Outcome:
        raise NotAskedError("no route")

    monkeypatch.setattr(command, "checks", lambda: {"vulnerabilities": nobody})
    monkeypatch.setattr("sys.argv", ["security", "--audit", audit])
    assert command.main() == code
    assert "NOT ASKED vulnerabilities" in capsys.readouterr().out


def test_a_tool_that_fails_is_a_failure_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Outcome:
        raise SecurityError("checkov is not in .venv-security")

    monkeypatch.setattr(command, "checks", lambda: {"template": broken})
    monkeypatch.setattr("sys.argv", ["security", "--audit", "optional"])
    assert command.main() == 1
