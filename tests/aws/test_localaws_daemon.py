"""The embedded AWS as a process: files, messages instead of stack traces, clean and unclean stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = [sys.executable, "-m", "localaws"]


class Daemon:
    """One process and its state folder."""

    def __init__(self, state: Path, prelude: str = "") -> None:
        command = SCRIPT
        if prelude:
            run = f"{prelude}\nimport sys\nfrom localaws.__main__ import main\nsys.exit(main(sys.argv[1:]))"
            command = [sys.executable, "-c", run]
        self.state = state
        self.process = subprocess.Popen(
            [*command, "--state", str(state), "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )

    def ready(self) -> dict[str, Any]:
        """Wait until it serves; its server.json."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            path = self.state / "server.json"
            if path.exists():
                found: dict[str, Any] = json.loads(path.read_text())
                if found["pid"] == self.process.pid:
                    return found
            time.sleep(0.05)
        raise AssertionError(f"not ready; exit code {self.process.poll()}")

    def end(self, sign: signal.Signals) -> tuple[int, str]:
        """Send a signal; exit code and what it said."""
        self.process.send_signal(sign)
        return self.said()

    def said(self) -> tuple[int, str]:
        """Wait for the end; exit code and standard error."""
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    def client(self, service: str) -> Any:
        """A client made from nothing but the files that the daemon wrote."""
        keys = dict(line.split(" = ") for line in self._profile("admin"))
        endpoint = json.loads((self.state / "server.json").read_text())["endpoint_url"]
        session: Any = boto3.Session(keys["aws_access_key_id"], keys["aws_secret_access_key"], region_name="us-east-1")
        return session.client(service, endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))

    def _profile(self, name: str) -> list[str]:
        lines = (self.state / "credentials").read_text().splitlines()
        start = lines.index(f"[{name}]")
        return lines[start + 1 : start + 3]


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    started: list[Daemon] = []
    yield started
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.said()
        if daemon.process.stderr:
            daemon.process.stderr.close()


def test_what_it_writes_points_any_client_to_it_and_its_users_survive(tmp_path: Path, daemons: list[Daemon]) -> None:
    daemon = Daemon(tmp_path / "state")
    daemons.append(daemon)
    daemon.ready()
    shell = f". {daemon.state}/env; AWS_PROFILE=admin exec {sys.executable} -c '{_CREATE}'"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.stdout.strip() == "arn:aws:iam::000000000000:user/admin a b+c%.txt"
    assert (daemon.state / "credentials").stat().st_mode & 0o077 == 0
    credentials = (daemon.state / "credentials").read_text()
    assert daemon.end(signal.SIGTERM) == (0, "")
    assert not (daemon.state / "server.json").exists()

    again = Daemon(daemon.state)
    daemons.append(again)
    assert again.ready()["unclean_stop"] is False
    assert (again.state / "credentials").read_text() == credentials
    assert again.client("s3").get_object(Bucket="from-shell", Key="a b+c%.txt")["Body"].read() == b"x"
    assert again.client("dynamodb").list_tables()["TableNames"] == ["kept"]
    assert again.end(signal.SIGTERM) == (0, "")


_CREATE = (
    'import boto3; s3 = boto3.client("s3"); s3.create_bucket(Bucket="from-shell"); '
    's3.put_object(Bucket="from-shell", Key="a b+c%.txt", Body=b"x"); '
    'boto3.client("dynamodb").create_table(TableName="kept", BillingMode="PAY_PER_REQUEST", '
    'KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}], '
    'AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}]); '
    'print(boto3.client("sts").get_caller_identity()["Arn"], '
    's3.list_objects_v2(Bucket="from-shell")["Contents"][0]["Key"])'
)


def test_after_a_kill_it_says_what_is_lost_and_a_stack_takes_its_bucket_over(
    tmp_path: Path, daemons: list[Daemon]
) -> None:
    bucket = {"BucketName": "outlives", "VersioningConfiguration": {"Status": "Enabled"}}
    template = json.dumps({"Resources": {"Lake": {"Type": "AWS::S3::Bucket", "Properties": bucket}}})
    daemon = Daemon(tmp_path / "state")
    daemons.append(daemon)
    daemon.ready()
    _create_stack(daemon, template)
    s3 = daemon.client("s3")
    for body in (b"old", b"new"):
        s3.put_object(Bucket="outlives", Key="k", Body=body)
    assert daemon.end(signal.SIGKILL)[0] == -signal.SIGKILL

    again = Daemon(daemon.state)
    daemons.append(again)
    assert again.ready()["unclean_stop"] is True
    assert again.client("cloudformation").describe_stacks()["Stacks"] == []
    _create_stack(again, template)
    s3 = again.client("s3")
    assert s3.get_object(Bucket="outlives", Key="k")["Body"].read() == b"new"
    assert len(s3.list_object_versions(Bucket="outlives")["Versions"]) == 2
    assert s3.get_bucket_versioning(Bucket="outlives")["Status"] == "Enabled"
    code, errors = again.end(signal.SIGTERM)
    assert code == 0
    assert "The last stop was not clean" in errors


def test_a_stop_leaves_no_job_and_no_worker(tmp_path: Path, daemons: list[Daemon]) -> None:
    daemon = Daemon(tmp_path / "state")
    daemons.append(daemon)
    daemon.ready()
    _start_job(daemon, "sleeps")
    _invoke_function(daemon, "warm")
    children = _children(daemon.process.pid)
    assert len(children) >= 2
    code, _ = daemon.end(signal.SIGTERM)
    assert code == 0
    assert [pid for pid in children if _alive(pid)] == []


def test_a_killed_server_takes_its_jobs_along(tmp_path: Path, daemons: list[Daemon]) -> None:
    daemon = Daemon(tmp_path / "state")
    daemons.append(daemon)
    daemon.ready()
    _start_job(daemon, "orphan")
    children = _children(daemon.process.pid)
    assert children
    daemon.end(signal.SIGKILL)
    deadline = time.monotonic() + 15
    while any(_alive(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [pid for pid in children if _alive(pid)] == []


def _refused(state: Path, daemons: list[Daemon], prelude: str = "", port: int = 0) -> str:
    """Start it where it cannot start; what it says."""
    daemon = Daemon(state, prelude)
    daemons.append(daemon)
    code, errors = daemon.said()
    assert code == 2, errors
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1
    return errors


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*SCRIPT, "--state", str(tmp_path), "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Port {port} on 127.0.0.1 cannot be used (Address already in use)")
    assert "Traceback" not in done.stderr


def test_a_state_folder_in_use_is_said_in_one_sentence(tmp_path: Path, daemons: list[Daemon]) -> None:
    daemon = Daemon(tmp_path)
    daemons.append(daemon)
    daemon.ready()
    assert "is in use by another embedded AWS" in _refused(tmp_path, daemons)
    assert daemon.end(signal.SIGTERM)[0] == 0


def test_a_state_folder_that_cannot_be_written_is_said_in_one_sentence(daemons: list[Daemon]) -> None:
    assert "cannot be written" in _refused(Path("/proc/lakegate"), daemons)


def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path, daemons: list[Daemon]) -> None:
    prelude = "from localaws import state; state.MINIMUM_FREE_BYTES = 10**18"
    assert "MB left, and the embedded AWS needs at least" in _refused(tmp_path, daemons, prelude)


def test_a_missing_java_is_said_in_one_sentence(tmp_path: Path, daemons: list[Daemon]) -> None:
    prelude = "from localaws import java; java._candidates = lambda: iter(())"
    assert "Spark needs Java 17, and none was found (found: none)" in _refused(tmp_path, daemons, prelude)


def test_a_wrong_java_is_named(tmp_path: Path, daemons: list[Daemon]) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'openjdk version \"25.0.1\" 2025-10-21' >&2\n")
    java.chmod(0o755)
    home = str(java.parent.parent)
    prelude = f"from pathlib import Path; from localaws import java; java._candidates = lambda: iter([Path({home!r})])"
    assert f"found: 25.0.1 in {home}" in _refused(tmp_path / "state", daemons, prelude)


def test_unreadable_state_is_said_and_not_written_over(tmp_path: Path, daemons: list[Daemon]) -> None:
    broken = tmp_path / "services" / "iam.json"
    broken.parent.mkdir()
    broken.write_text('{"half')
    assert f"The saved state {broken} cannot be read" in _refused(tmp_path, daemons)
    assert broken.read_text() == '{"half'


def test_a_save_that_fails_is_said_and_makes_the_next_start_unclean(tmp_path: Path, daemons: list[Daemon]) -> None:
    daemon = Daemon(tmp_path)
    daemons.append(daemon)
    daemon.ready()
    in_the_way = tmp_path / "services" / "iam.json"
    in_the_way.mkdir()
    (in_the_way / "file").touch()
    code, errors = daemon.end(signal.SIGTERM)
    assert code == 3
    assert errors.startswith("Not all state could be saved")
    assert (tmp_path / "running").exists()


def _create_stack(daemon: Daemon, template: str) -> None:
    client = daemon.client("cloudformation")
    client.create_stack(StackName="lake", TemplateBody=template)
    client.get_waiter("stack_create_complete").wait(StackName="lake", WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def _start_job(daemon: Daemon, name: str) -> None:
    """A Python shell job that runs for a long time."""
    iam, s3, glue = daemon.client("iam"), daemon.client("s3"), daemon.client("glue")
    _role(iam, name, "glue.amazonaws.com")
    s3.create_bucket(Bucket="scripts")
    s3.put_object(Bucket="scripts", Key="s.py", Body=b"import time; time.sleep(300)")
    command = {"Name": "pythonshell", "ScriptLocation": "s3://scripts/s.py"}
    glue.create_job(Name=name, Role=name, Command=command)
    run = glue.start_job_run(JobName=name)["JobRunId"]
    deadline = time.monotonic() + 30
    while not (
        glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"] == "RUNNING"
        and _children(daemon.process.pid)
    ):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)  # its Python is up


def _invoke_function(daemon: Daemon, name: str) -> None:
    from test_localaws_cloudformation import code

    arn = _role(daemon.client("iam"), name, "lambda.amazonaws.com")
    client = daemon.client("lambda")
    archive = {"ZipFile": code("def handler(event, context): return 1")}
    client.create_function(FunctionName=name, Role=arn, Runtime="python3.11", Handler="f.handler", Code=archive)
    assert client.invoke(FunctionName=name)["Payload"].read() == b"1"


def _role(iam: Any, name: str, service: str) -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "logs:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)
    return arn


def _children(pid: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_children(child)]
    return found


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
