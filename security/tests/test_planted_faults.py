"""Each check sees the fault that it is there for, by the real tool, and is content with the same thing without it."""

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from security.checks.bill import bill
from security.checks.containers import containers
from security.checks.secret_scan import secret_scan, tracked
from security.checks.template import template
from security.checks.vulnerabilities import KNOWN_VULNERABLE, vulnerabilities
from security.checks.workflows import workflows
from security.findings import NotAskedError, Outcome

HASH = "0" * 64


def rules(outcome: Outcome) -> set[str]:
    return {one.rule for one in outcome.findings}


def bucket(**properties: Any) -> str:
    return json.dumps({"Resources": {"Lake": {"Type": "AWS::S3::Bucket", "Properties": properties}}})


def test_a_public_bucket(tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text(bucket(AccessControl="PublicRead"))
    found = template(file)
    assert {"CKV_AWS_20", "CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"} <= rules(found)
    assert {one.where for one in found.findings} == {"AWS::S3::Bucket.Lake"}


def test_a_template_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "template.json"
    file.write_text("{}")
    assert rules(template(file)) == {"parsing"}


def test_a_credential_in_a_tracked_file(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    clean = tmp_path / "clean.py"
    clean.write_text("REGION = 'eu-west-1'\n")
    assert secret_scan(tmp_path, tracked(tmp_path)).findings == ()
    key = "AKIA" + "QYLPMN5HHHFPZAM2"
    (tmp_path / "settings.py").write_text(f"aws_access_key_id = '{key}'\n")
    found = secret_scan(tmp_path, tracked(tmp_path))
    assert rules(found) == {"AWS Access Key"}
    assert [one.where.partition("@")[0] for one in found.findings] == ["settings.py"]
    (tmp_path / ".gitignore").write_text("settings.py\n")
    assert secret_scan(tmp_path, tracked(tmp_path)).findings == ()


def test_a_bad_line_of_a_dockerfile_and_of_a_compose_file(tmp_path: Path) -> None:
    dockerfile, composed = tmp_path / "Dockerfile", tmp_path / "compose.yml"
    dockerfile.write_text("FROM python:3.11-slim\nUSER nobody:65534\n")
    composed.write_text("services:\n  aws:\n    image: a\n")
    assert rules(containers(tmp_path)) <= {"DL3066"}
    dockerfile.write_text("FROM python\nRUN cd /tmp && sudo ls\nRUN pip install boto3\n")
    composed.write_text("services:\n  aws:\n    imge: a\n")
    assert {"DL3006", "DL3003", "DL3004", "DL3013", "vendor.compose-spec"} <= rules(containers(tmp_path))


GOOD = """\
on: push
permissions: {}
jobs:
  check:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - run: make check
"""


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (("runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04"), "vendor.github-workflows"),
        (("    timeout-minutes: 5\n", ""), "custom.github-workflows-require-timeout"),
        (("    timeout", "    permissions: write-all\n    timeout"), "excessive-permissions"),
        (("run: make check", "uses: actions/checkout@v4"), "unpinned-uses"),
        (("run: make check", "run: echo ${{ github.event.pull_request.title }}"), "template-injection"),
        (("on: push", "on: pull_request_target"), "dangerous-triggers"),
    ],
)
def test_a_broken_workflow(tmp_path: Path, broken: tuple[str, str], rule: str) -> None:
    (tmp_path / "ci.yml").write_text(GOOD.replace(*broken))
    assert rule in rules(workflows(tmp_path))


def test_a_good_workflow_and_none(tmp_path: Path) -> None:
    assert rules(workflows(tmp_path)) == {"missing"}
    (tmp_path / "ci.yml").write_text(GOOD)
    assert rules(workflows(tmp_path)) <= {"anonymous-definition"}


def test_a_pin_without_a_hash_in_the_bill(tmp_path: Path) -> None:
    lock = tmp_path / "lake.txt"
    lock.write_text(f"jinja2==3.1.6 \\\n    --hash=sha256:{HASH}\n")
    assert bill([lock], tmp_path / "sbom").findings == ()
    made = json.loads((tmp_path / "sbom" / "lake.cdx.json").read_text())
    assert (made["bomFormat"], [one["version"] for one in made["components"]]) == ("CycloneDX", ["3.1.6"])
    lock.write_text("jinja2==3.1.6\n")
    assert rules(bill([lock], tmp_path / "sbom")) == {"no-hash"}


class Osv(http.server.BaseHTTPRequestHandler):
    """An OSV service that knows of some pins: https://google.github.io/osv.dev/post-v1-query/"""

    known: tuple[str, ...] = ()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        pin = f"{asked['package']['name']}=={asked['version']}"
        package = {"name": asked["package"]["name"], "ecosystem": "PyPI"}
        affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "2.10.1"}]}]}]
        found = [{"id": "PYSEC-2019-217", "details": "escape", "affected": affected}] if pin in self.known else []
        body = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def osv() -> Iterator[list[str]]:
    """pip-audit's arguments that name the service."""
    Osv.known = (KNOWN_VULNERABLE,)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield ["--vulnerability-service", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}/v1/query"]
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "lake.txt"
    file.write_text(f"markupsafe==2.1.5 \\\n    --hash=sha256:{HASH}\n")
    return file


def test_a_vulnerable_pin(lock: Path, osv: list[str]) -> None:
    assert vulnerabilities([lock], osv).findings == ()
    lock.write_text(lock.read_text() + f"{KNOWN_VULNERABLE} \\\n    --hash=sha256:{HASH}\n")
    found = vulnerabilities([lock], osv)
    assert [(one.rule, one.where) for one in found.findings] == [("PYSEC-2019-217", KNOWN_VULNERABLE)]


def test_a_service_that_knows_nothing_has_not_been_asked(lock: Path, osv: list[str]) -> None:
    Osv.known = ()
    with pytest.raises(NotAskedError, match="its silence says nothing"):
        vulnerabilities([lock], osv)


def test_a_service_that_does_not_answer_has_not_been_asked(lock: Path) -> None:
    nobody = ["--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:9/v1/query"]
    with pytest.raises(NotAskedError, match="did not answer"):
        vulnerabilities([lock], nobody)
