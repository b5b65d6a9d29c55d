"""What is uploaded before the stack is made: the functions' zip, the Glue script and its modules' zip.

The same files give the same bytes on every machine, and so the same SHA-256 and object key: entries are sorted, stored
without compression (zlib's output differs between versions) and dated 1980. Nothing of the development environment is
in them, and no third-party package: on AWS those come as layers and as Glue's own, on one machine from `.venv`.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.config import ROOT
from lakehouse.errors import ContractError

_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True)
class Artifact:
    """One object of the artifacts bucket. Its key is `<sha256>/<name>`: same bytes, same key."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        return f"{self.sha256}/{self.name}"


@dataclass(frozen=True)
class Artifacts:
    """Everything that a stack's functions and jobs run."""

    functions: Artifact
    """`lambda/*.py` at the root, `lakehouse/`, `pipelines/`."""
    glue_script: Artifact
    glue_modules: Artifact
    """`lakehouse/`, `pipelines/`: for `--extra-py-files`."""

    def __iter__(self) -> Iterator[Artifact]:
        return iter((self.functions, self.glue_script, self.glue_modules))


def build_artifacts(pipelines_dir: Path | None = None, root: Path = ROOT) -> Artifacts:
    """Build them in memory from the checkout at `root`; `pipelines_dir` takes the place of its `pipelines/`.

    Raises:
        ContractError: a handler or the Glue script is not there.
    """
    modules = _below(root / "lakehouse", "lakehouse") | _below(pipelines_dir or root / "pipelines", "pipelines")
    handlers = {path.name: path for path in (root / "lambda").glob("*.py")}
    script = root / "glue" / "gold.py"
    if not handlers or not script.is_file():
        raise ContractError(f"{root} lacks {'lambda/*.py' if not handlers else 'glue/gold.py'}: nothing to deploy")
    return Artifacts(
        functions=Artifact("functions.zip", _zip(handlers | modules)),
        glue_script=Artifact("gold.py", script.read_bytes()),
        glue_modules=Artifact("modules.zip", _zip(modules)),
    )


def _below(folder: Path, prefix: str) -> dict[str, Path]:
    """Files below a folder by their name in the zip, without hidden and compiled ones."""
    return {
        f"{prefix}/{relative.as_posix()}": folder / relative
        for relative in (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        if not any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        and relative.suffix != ".pyc"
    }


def _zip(files: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIRST_ZIP_DATE)
            entry.external_attr = _REGULAR_FILE
            entry.create_system = 3
            archive.writestr(entry, files[name].read_bytes())
    return buffer.getvalue()
