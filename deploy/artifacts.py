"""What is uploaded before the stack is made: the functions' zip, the Glue script, its modules' zip, and the layers.

The same files give the same bytes on every machine, and so the same SHA-256 and object key (see `deploy.archive`).
Nothing of the development environment is in them. A Glue job needs no package beyond its own: Glue 5.1 brings Spark,
Delta's jars, boto3 and awsglue, and the job's script and `lakehouse` import no other on its path (a test holds it).
"""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from deploy.archive import unpacked_bytes, zip_bytes
from deploy.config import ROOT
from deploy.layers import LAMBDA_PYTHON, LAYERS, check_sizes, layer_parameter
from deploy.wheels import CACHE, build_layer
from lakehouse.errors import ContractError


@dataclass(frozen=True)
class Artifact:
    """One object of the artifacts bucket. Its key is `<sha256>/<name>`: same bytes, same key."""

    name: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, 64 hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        return f"{self.sha256}/{self.name}"

    @property
    def unpacked_bytes(self) -> int:
        """What it takes unpacked; its own size where it is no zip."""
        return unpacked_bytes(io.BytesIO(self.data)) if self.name.endswith(".zip") else len(self.data)


@dataclass(frozen=True)
class Artifacts:
    """Everything that a stack's functions and jobs run."""

    functions: Artifact
    """`lambda/*.py` at the root, `lakehouse/`, `pipelines/`."""
    glue_script: Artifact
    glue_modules: Artifact
    """`lakehouse/`, `pipelines/`: for `--extra-py-files`."""
    layers: Mapping[str, Artifact] = field(default_factory=lambda: MappingProxyType({}))
    """Of `deploy.layers.LAYERS`: all, or none where functions find their packages without."""

    def __iter__(self) -> Iterator[Artifact]:
        return iter((self.functions, self.glue_script, self.glue_modules, *self.layers.values()))

    def function_bytes(self) -> dict[str, int]:
        """Unpacked bytes of each kind of function with its layers; LayerError where Lambda would not take it."""
        return check_sizes(
            self.functions.unpacked_bytes, {name: layer.unpacked_bytes for name, layer in self.layers.items()}
        )

    def parameters(self) -> dict[str, str]:
        """The template's parameters that say where they lie in the artifacts bucket."""
        places = {
            "FunctionsKey": self.functions.key,
            "GlueScriptKey": self.glue_script.key,
            "GlueModulesKey": self.glue_modules.key,
        }
        return places | {layer_parameter(name): self.layers[name].key if self.layers else "" for name in LAYERS}


def build_artifacts(
    pipelines_dir: Path | None = None,
    root: Path = ROOT,
    *,
    layers: Sequence[str] = (),
    python: str = LAMBDA_PYTHON,
    cache: Path = CACHE,
) -> Artifacts:
    """Build them from the checkout at `root`; `pipelines_dir` takes the place of its `pipelines/`.

    Layers are taken from `cache` where it has them, else their wheels are fetched for Lambda's `python`.

    Raises:
        ContractError: a handler or the Glue script is not there.
        LayerError: a layer cannot be built, or a function would be larger than Lambda takes.
    """
    modules = _below(root / "lakehouse", "lakehouse") | _below(pipelines_dir or root / "pipelines", "pipelines")
    handlers = {path.name: path.read_bytes() for path in (root / "lambda").glob("*.py")}
    script = root / "glue" / "gold.py"
    if not handlers or not script.is_file():
        raise ContractError(f"{root} lacks {'lambda/*.py' if not handlers else 'glue/gold.py'}: nothing to deploy")
    built = Artifacts(
        functions=Artifact("functions.zip", zip_bytes(handlers | modules)),
        glue_script=Artifact("gold.py", script.read_bytes()),
        glue_modules=Artifact("modules.zip", zip_bytes(modules)),
        layers=MappingProxyType(
            {name: Artifact(f"{name}.zip", build_layer(name, python, cache=cache).read_bytes()) for name in layers}
        ),
    )
    if layers:
        built.function_bytes()
    return built


def _below(folder: Path, prefix: str) -> dict[str, bytes]:
    """Files below a folder by their name in the zip, without hidden and compiled ones."""
    return {
        f"{prefix}/{relative.as_posix()}": (folder / relative).read_bytes()
        for relative in (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        if not any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        and relative.suffix != ".pyc"
    }
