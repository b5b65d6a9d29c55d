"""A Lambda as AWS puts it together: the function's zip and its layers unpacked side by side, run by a bare Python."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from deploy.artifacts import Artifacts, build_artifacts
from deploy.layers import LAMBDA_PYTHON, LAYERS, LAYERS_OF
from tests.lake import Lake

RUNTIMES_OWN = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
"""What Lambda's Python brings: copied into a folder of its own, which comes last on the path.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included"""

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

_RUN = """
import json, sys, sysconfig
paths = json.loads(sys.argv[1])
sys.path[:0] = paths
asked = json.load(sys.stdin)
class Context:
    aws_request_id = "11111111-2222-3333-4444-555555555555"
    function_name = asked["function"]
    def get_remaining_time_in_millis(self):
        return 60000
said, sys.stdout = sys.stdout, sys.stderr
result = __import__(asked["kind"]).handler(asked["event"], Context()) if asked["event"] is not None else None
files = sorted({str(getattr(module, "__file__", None)) for module in list(sys.modules.values())} - {"None"})
own = [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib")]
json.dump({"result": result, "files": files, "path": sys.path, "stdlib": own, "version": sys.version}, said)
"""


@dataclass(frozen=True)
class Ran:
    """One run of a handler."""

    result: Any
    files: list[str]
    """`__file__` of every module that it loaded, the standard library's excepted."""


@dataclass(frozen=True)
class Unpacked:
    """Artefacts for one version of Python, unpacked."""

    python: str
    """Path of the interpreter."""
    version: str
    artifacts: Artifacts
    folder: Path

    def paths(self, kind: str) -> list[str]:
        """What a function of this kind has on its path: its code, its layers, the runtime's own."""
        layers = [str(self.folder / "opt" / layer / "python") for layer in LAYERS_OF.get(kind, ())]
        return [str(self.folder / "task"), *layers, str(self.folder / "runtime")]

    def run(self, kind: str, event: Any, env: dict[str, str], function: str = "") -> Ran:
        """Run a handler in a fresh process whose only packages are these."""
        asked = {"kind": kind, "event": event, "function": function}
        command = [self.python, "-I", "-S", "-c", _RUN, json.dumps(self.paths(kind))]
        done = subprocess.run(
            command, input=json.dumps(asked), env=env, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        own = tuple(f"{path}/" for path in answer["stdlib"])
        files = [file for file in answer["files"] if not (file.startswith(own) and "site-packages" not in file)]
        return Ran(answer["result"], files)

    def outside(self, ran: Ran) -> list[str]:
        """Modules that came from neither the artefacts nor the runtime nor the standard library."""
        return [file for file in ran.files if not file.startswith(f"{self.folder}/")]


def unpack(folder: Path, python: str, version: str) -> Unpacked:
    """Build the artefacts for a version of Python, layers included, and unpack them."""
    artifacts = build_artifacts(layers=tuple(LAYERS), python=version)
    _extract(artifacts.functions.data, folder / "task")
    for name, layer in artifacts.layers.items():
        _extract(layer.data, folder / "opt" / name)
    for name in RUNTIMES_OWN:
        found = util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        origin = Path(found.origin)
        (folder / "runtime").mkdir(exist_ok=True)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / "runtime" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(origin, folder / "runtime" / origin.name)
    return Unpacked(python, version, artifacts, folder)


def environment_of(lake: Lake, function: str, folder: Path) -> dict[str, str]:
    """What a deployed function's process has: its variables, its role's credentials, a folder for what it writes."""
    from localaws import roles

    config = lake.client("lambda").get_function_configuration(FunctionName=function)
    keys = roles.assume(config["Role"].rsplit("/", 1)[1], "lambda.amazonaws.com", "built")
    return {
        **config["Environment"]["Variables"],
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": keys.session_token,
        "AWS_REGION": lake.aws.region,
        "AWS_DEFAULT_REGION": lake.aws.region,
        "AWS_ENDPOINT_URL": lake.aws.endpoint_url,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_EC2_METADATA_DISABLED": "true",
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "TZ": ":UTC",
        "PATH": "/usr/bin:/bin",
    }


def interpreters() -> dict[str, str]:
    """This Python without its virtual environment, and Lambda's version where this machine has one."""
    found = {HERE: os.path.realpath(sys.executable)}
    if HERE != LAMBDA_PYTHON and (other := _lambda_python()):
        found[LAMBDA_PYTHON] = other
    return found


def _lambda_python() -> str | None:
    """Lambda's Python on the path, or among pyenv's; None: this machine has none."""
    candidates = [shutil.which(f"python{LAMBDA_PYTHON}")]
    if pyenv := shutil.which("pyenv"):
        prefix = subprocess.run([pyenv, "prefix", LAMBDA_PYTHON], capture_output=True, text=True, check=False)
        candidates.append(f"{prefix.stdout.strip()}/bin/python{LAMBDA_PYTHON}" if prefix.returncode == 0 else None)
    for candidate in filter(None, candidates):
        asked = subprocess.run(
            [candidate, "-I", "-S", "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return None


def _extract(data: bytes, folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
