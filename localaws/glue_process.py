"""One attempt of a Glue job as a process of this machine: fetched, run, watched, its output shipped to CloudWatch."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws import glue_arguments, spark_env
from localaws.glue_logs import JobLogs
from localaws.roles import RoleSession

SECONDS_A_MINUTE = 60
"""Glue counts a timeout in minutes."""
_POLL_SECONDS = 0.2
_TERMINATE_SECONDS = 3


class LaunchError(Exception):
    """The script or one of its files could not be fetched, or an argument is wrong. The message is Glue's."""


@dataclass(frozen=True)
class JobSpec:
    """What one attempt runs."""

    run_id: str
    kind: str
    """`glueetl`, `gluestreaming` or `pythonshell`."""
    script: str
    """S3 address."""
    arguments: glue_arguments.JobArguments
    timeout_seconds: float
    glue_version: str


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: Glue's JobRunState and ErrorMessage."""

    state: str
    message: str = ""


@dataclass
class JobProcess:
    """Runs one attempt in the calling thread; `stop` may be set from another."""

    spec: JobSpec
    session: RoleSession
    region: str
    endpoint_url: str
    work_dir: Path
    stop: threading.Event = field(default_factory=threading.Event)
    process_id: int | None = None
    """Of the driver and of its process group, JVM and all, once it was started."""

    def run(self) -> Outcome:
        """Fetch, start, watch, ship logs, clean up."""
        shutil.rmtree(self.work_dir, ignore_errors=True)
        (self.work_dir / "tmp").mkdir(parents=True)
        logs = JobLogs(self._client("logs"), self.spec.run_id)
        try:
            command = self._command(logs)
        except LaunchError as error:
            logs.write_error(str(error))
            return Outcome("FAILED", str(error))
        try:
            return self._watch(command, logs)
        finally:
            shutil.rmtree(self.work_dir, ignore_errors=True)

    def _command(self, logs: JobLogs) -> list[str]:
        arguments = self.spec.arguments
        script = self._fetch(self.spec.script)
        py_files = [self._fetch(address) for address in arguments.py_files]
        for note in _notes(arguments.modules):
            logs.write_output(note)
        if self.spec.kind == "pythonshell":
            return [sys.executable, str(script), *arguments.argv]
        access = self._access()
        conf = glue_arguments.spark_conf(
            spark_env.local_conf(access, delta=arguments.delta) | self._folders(), arguments.conf
        )
        return spark_env.spark_submit_command(script, arguments.argv, conf, py_files)

    def _watch(self, command: Sequence[str], logs: JobLogs) -> Outcome:
        streams = {name: self.work_dir / name for name in ("stdout", "stderr")}
        with streams["stdout"].open("wb") as out, streams["stderr"].open("wb") as err:
            process = subprocess.Popen(
                command,
                cwd=self.work_dir,
                env=self._environment(streams["stderr"]),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.process_id = process.pid
        deadline = time.monotonic() + self.spec.timeout_seconds
        ended = None
        while ended is None:
            ended = self._ended(process, deadline)
            logs.ship(streams["stdout"], streams["stderr"])
        logs.ship(streams["stdout"], streams["stderr"], last=True)
        if ended.state == "FAILED":
            return Outcome("FAILED", glue_arguments.error_message(logs.tail, process.returncode))
        return ended

    def _ended(self, process: subprocess.Popen[bytes], deadline: float) -> Outcome | None:
        try:
            code = process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if self.stop.is_set():
                _end_group(process)
                return Outcome("STOPPED")
            if time.monotonic() > deadline:
                _end_group(process)
                return Outcome("TIMEOUT", "Job timed out")
            return None
        _end_group(process)  # what the job left running
        return Outcome("SUCCEEDED" if code == 0 else "FAILED")

    def _fetch(self, address: str) -> Path:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        target = self.work_dir / "files" / Path(key).name
        target.parent.mkdir(exist_ok=True)
        try:
            self._client("s3").download_file(bucket, key, str(target))
        except ClientError as error:
            raise LaunchError(
                f"LAUNCH ERROR | Error downloading from S3 for bucket: {bucket}, key: {key}. "
                f"{error.response['Error'].get('Message', '')} (Error Code: {error.response['Error'].get('Code')}). "
                "Please refer logs for details."
            ) from error
        return target

    def _client(self, service: str) -> Any:
        session: Any = boto3.Session(
            self.session.access_key_id,
            self.session.secret_access_key,
            self.session.session_token,
            region_name=self.region,
        )
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3, "mode": "standard"})
        return session.client(service, endpoint_url=self.endpoint_url, config=config)

    def _access(self) -> spark_env.AwsAccess:
        keys = self.session
        return spark_env.AwsAccess(
            self.region, keys.access_key_id, keys.secret_access_key, keys.session_token, self.endpoint_url
        )

    def _folders(self) -> dict[str, str]:
        return {
            "spark.local.dir": str(self.work_dir / "tmp"),
            "spark.sql.warehouse.dir": str(self.work_dir / "warehouse"),
            "spark.hadoop.hadoop.tmp.dir": str(self.work_dir / "tmp"),
        }

    def _environment(self, stderr: Path) -> dict[str, str]:
        """What Glue would give, and nothing of this process's own environment but the system's paths."""
        env = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        env |= spark_env.spark_environment(self._access())
        env |= {
            "HOME": str(self.work_dir),
            "TMPDIR": str(self.work_dir / "tmp"),
            "GLUE_VERSION": self.spec.glue_version,
            "GLUE_STANDIN_STDERR": str(stderr),
            "GLUE_STANDIN_PARENT": str(os.getpid()),
        }
        if self.spec.kind == "pythonshell":
            files = [str(self.work_dir / "files" / Path(address).name) for address in self.spec.arguments.py_files]
            env["PYTHONPATH"] = os.pathsep.join([env["PYTHONPATH"], *files])
        return env


def _notes(modules: Sequence[str]) -> list[str]:
    """What to say of `--additional-python-modules`: they are taken from the virtual environment, not installed."""
    notes = []
    for requirement in modules:
        name = requirement.split("=")[0].split("<")[0].split(">")[0].strip()
        try:
            notes.append(f"Module {requirement}: version {metadata.version(name)} of this machine is used")
        except metadata.PackageNotFoundError:
            notes.append(f"Module {requirement}: not installed on this machine, and not fetched")
    return notes


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all its children: politely, then not."""
    for sign, seconds in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, _TERMINATE_SECONDS)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def limits(job: Mapping[str, Any], given: Mapping[str, Any]) -> float:
    """The timeout of a run in seconds."""
    return float(given.get("Timeout") or job.get("Timeout") or 2880) * SECONDS_A_MINUTE
