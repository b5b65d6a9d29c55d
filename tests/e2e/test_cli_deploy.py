"""`lake deploy`, `lake destroy` and `lake template` as a person runs them."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands.package import commands
from deploy.config import ROOT
from deploy.template import TEMPLATE_FILE
from tests.e2e.lake_command import LakeCommand, free_port


@pytest.fixture(scope="module")
def lake_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeCommand]:
    command = LakeCommand(tmp_path_factory.mktemp("cli") / "home", free_port(), columns=80)
    yield command
    command("down")


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that knows no account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_a_dry_run_for_an_account_needs_none_and_tells_all(lake_command: LakeCommand, no_credentials: None) -> None:
    plan = lake_command.ok("deploy", "--env", "aws", "--dry-run")
    names = [one["name"] for one in plan["artifacts"]]
    assert names[:3] == ["functions.zip", "gold.py", "modules.zip"]
    assert names[-1] == "template.json"
    assert {"arrow.zip", "delta.zip", "duckdb.zip", "faker.zip"} <= set(names)
    assert all(re.fullmatch("[0-9a-f]{64}", one["sha256"]) for one in plan["artifacts"])
    assert {one["kind"] for one in plan["functions"]} >= {"gate", "gold", "commit", "generate"}
    assert all(0 < one["unpacked_bytes"] <= 262_144_000 for one in plan["functions"])
    template = json.loads(TEMPLATE_FILE.read_text())
    assert plan["parameters"].keys() <= template["Parameters"].keys()
    needed = {name for name, one in template["Parameters"].items() if "Default" not in one}
    assert needed <= plan["parameters"].keys()
    email = 0 if plan["parameters"]["NotificationEmail"] else 1
    assert sum(plan["resources"].values()) == len(template["Resources"]) - email
    text = lake_command("deploy", "--env", "aws", "--dry-run")
    assert text.code == 0
    assert "Nothing was uploaded or changed" in text.out
    assert "3. ask: Apply" in text.out


def test_a_package_holds_all_that_the_template_asks_for(
    lake_command: LakeCommand, no_credentials: None, tmp_path: Path
) -> None:
    told = lake_command.ok("package", "--env", "aws", "--bucket", "mine", "--out", str(tmp_path))
    parameters = dict(one.split("=", 1) for one in json.loads((tmp_path / "parameters.json").read_text()))
    assert parameters == told["parameters"]
    assert parameters["ArtifactsBucket"] == "mine"
    template = json.loads((tmp_path / "template.json").read_text())
    assert template == json.loads(TEMPLATE_FILE.read_text())
    assert {name for name, one in template["Parameters"].items() if "Default" not in one} <= parameters.keys()
    keys = {value for name, value in parameters.items() if name.endswith("Key")}
    below = tmp_path / "objects"
    assert {path.relative_to(below).as_posix() for path in below.rglob("*") if path.is_file()} == keys
    for key in keys:
        assert hashlib.sha256((below / key).read_bytes()).hexdigest() == key.partition("/")[0]


def test_without_credentials_it_says_what_to_do(lake_command: LakeCommand, no_credentials: None) -> None:
    for command in (("deploy", "--env", "aws", "--yes"), ("destroy", "--env", "aws")):
        result = lake_command(*command)
        assert result.code == 1
        assert "No AWS credentials for environment 'aws' (us-east-1)" in result.err
        assert "aws sso login" in result.err
        assert "Traceback" not in result.err


def test_deploy_and_destroy_on_this_machine(lake_command: LakeCommand) -> None:
    assert "The lake does not run" in lake_command("deploy", "--env", "local", "--yes").err
    assert lake_command("up").code == 0
    same = lake_command("deploy", "--env", "local")
    assert same.code == 0
    assert "Nothing to change: stack 'lakegate'" in same.out
    unasked = lake_command("destroy", "--env", "local")
    assert unasked.code == 1
    assert "there is nobody to ask" in unasked.err
    looked = lake_command.ok("destroy", "--env", "local", "--dry-run")
    assert looked["found"]["resources"] > 200
    assert {one["type"] for one in looked["found"]["kept"]} >= {"AWS::S3::Bucket", "AWS::DynamoDB::Table"}
    gone = lake_command.ok("destroy", "--env", "local", "--yes")
    assert (gone["left"]["stack"], gone["left"]["kept"]) == (None, [])
    assert "nothing is deployed in it" in lake_command("status").err
    assert "Nothing of 'lakegate' is there" in lake_command("destroy", "--env", "local", "--yes").out
    first = lake_command("deploy", "--env", "local")
    assert first.code == 1
    assert "This would apply:" in first.err
    assert re.search(r"\+ add +AWS::Lambda::Function +\d+", first.out)
    made = lake_command.ok("deploy", "--env", "local", "--yes")
    assert made["outputs"]["LakeBucket"] == "lakegate-lake-000000000000"
    assert {change["action"] for change in made["changes"]} == {"Add"}
    assert lake_command("status").code == 0


def test_a_parameter_is_name_and_value(lake_command: LakeCommand) -> None:
    assert "expected NAME=VALUE" in lake_command("deploy", "--env", "aws", "--dry-run", "-p", "x").err


def test_the_printed_template_is_the_committed_one_and_cfn_lint_finds_nothing(lake_command: LakeCommand) -> None:
    printed = lake_command("template", "--env", "aws")
    assert printed.code == 0
    assert printed.out == TEMPLATE_FILE.read_text()
    lint = [str(Path(sys.executable).with_name("cfn-lint")), "-"]
    done = subprocess.run(lint, input=printed.out, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("page", ["README.md", "docs/deploying.md"])
def test_the_plain_line_in_the_docs_is_what_a_package_tells(page: str) -> None:
    text = " ".join((ROOT / page).read_text().replace("\\\n", " ").replace('"', "").split())
    for command in commands(Path("build/package"), "lakegate", "$ARTIFACTS"):
        assert command in text
