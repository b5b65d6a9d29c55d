"""Builds a Lambda layer: the wheels that its lock names, unpacked and trimmed, as one zip.

pip downloads the wheels from whatever index it is configured with and checks each against the lock's hash. They are
not installed but taken apart: what pip adds when it installs (compiled files, paths, dates) differs from machine to
machine. The same lock gives the same bytes everywhere.

What is left out, since no function reads it: packages' own tests, compiled and type-stub files, C headers and sources
of Cython, executables and data for other places (`*.data/scripts`), and the lists of files and SBOMs of `*.dist-info`
(its METADATA and licences stay).
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from deploy import archive
from deploy.config import ROOT
from deploy.layers import LAMBDA_PYTHON, LayerError

LOCKS = ROOT / "requirements" / "layers"
CACHE = ROOT / "build" / "layers"
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in (5, 12, 17, 24, 26, 27, 28)))
"""Wheels that run with the glibc of Lambda's runtime, on x86_64."""

_LAMBDA = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}
_ROOT_OF_LAYER = "python"
"""Lambda puts this folder of each layer on `sys.path`.
https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html"""

_UNWANTED_FOLDERS = frozenset({"tests", "__pycache__", "include", "sboms"})
_UNWANTED_SUFFIXES = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".hpp", ".c", ".cc", ".cpp", ".a"})
_UNWANTED_LISTS = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def build_layer(name: str, python: str = LAMBDA_PYTHON, *, locks: Path = LOCKS, cache: Path = CACHE) -> Path:
    """The zip of a layer, built from `<locks>/<name>.txt` unless `cache` has it already.

    Raises:
        LayerError: there is no such lock, pip cannot get what it names, or two of its wheels hold the same file.
    """
    lock = locks / f"{name}.txt"
    if not lock.is_file():
        raise LayerError(f"{lock} is missing: run `make lock`")
    pinned = pinned_for(lock.read_text(), python)
    rules = b"".join(Path(module).read_bytes() for module in (__file__, archive.__file__))
    key = hashlib.sha256(pinned.encode() + rules).hexdigest()[:16]
    built = cache / f"{name}-{python}-{key}.zip"
    if not built.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            wheels = _download(name, pinned, python, Path(folder))
            unfinished = Path(folder) / "layer.zip"
            with unfinished.open("wb") as file:
                archive.write_zip(file, _contents(name, wheels))
            unfinished.replace(built)
    return built


def pinned_for(lock: str, python: str) -> str:
    """The lines of a lock that hold for a Python version in Lambda, without their markers: pip would judge those by
    the Python that it runs on itself."""
    environment = _LAMBDA | {"python_version": python, "python_full_version": f"{python}.0"}
    lines = []
    for line in lock.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        if not hashes:  # a comment
            continue
        wanted = Requirement(requirement)
        if wanted.marker is None or wanted.marker.evaluate(environment):
            lines.append(" ".join([f"{wanted.name}{wanted.specifier}", *(f"--hash={one.strip()}" for one in hashes)]))
    return "\n".join(lines) + "\n"


def _download(name: str, pinned: str, python: str, folder: Path) -> list[Path]:
    requirements = folder / "requirements.txt"
    requirements.write_text(pinned)
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    command += [*platforms, "--dest", str(folder / "wheels"), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LayerError(
            f"pip cannot get the wheels of layer '{name}' (requirements/layers/{name}.txt) for Python {python}:\n"
            f"{done.stderr.strip()}"
        )
    return sorted((folder / "wheels").glob("*.whl"))


def _contents(name: str, wheels: list[Path]) -> dict[str, bytes | archive.Packed]:
    found: dict[str, bytes | archive.Packed] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            for entry in opened.infolist():
                place = _place(entry.filename)
                if place is None:
                    continue
                packed = archive.packed_entry(opened, entry)
                if found.setdefault(place, packed) != packed:
                    raise LayerError(f"Layer '{name}': {wheel.name} and another wheel both hold {place}")
    return found


def _place(name: str) -> str | None:
    """Where a wheel's file goes in the layer; None: it is left out."""
    *folders, file = name.split("/")
    if folders and folders[0].endswith(".data"):
        if len(folders) < 2 or folders[1] not in ("purelib", "platlib"):
            return None
        folders = folders[2:]
    listed = bool(folders) and folders[0].endswith(".dist-info") and file in _UNWANTED_LISTS
    if not file or listed or _UNWANTED_FOLDERS.intersection(folders) or Path(file).suffix in _UNWANTED_SUFFIXES:
        return None
    return "/".join([_ROOT_OF_LAYER, *folders, file])
