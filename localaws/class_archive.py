"""A class-data archive of Spark, which takes seconds off every start of a driver.

Java maps the classes of a typical run from a file instead of loading and verifying 15,000 of them from jars. The file
is made once for a Java and a set of jars (localaws.train_archive, part of `make setup`), lies in the virtual
environment, and is only used for exactly those. Leave it out where Java records or instruments itself
(`-XX:StartFlightRecording`, `-javaagent`): Java 17 crashes on the combination.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from localaws.java import java_version


def flags(java_home: Path, jars: Sequence[str]) -> tuple[str, ...]:
    """The JVM flags that use the archive, none where it has not been made."""
    archive = archive_path(java_home, jars)
    if not archive.is_file():
        return ()
    return (f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr")


def archive_path(java_home: Path, jars: Sequence[str]) -> Path:
    """Where the archive for this Java and these jars lies, made or not."""
    parts = [java_version(java_home / "bin" / "java"), str(java_home)]
    parts += [f"{jar}:{Path(jar).stat().st_size}" for jar in jars]
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return Path(sys.prefix) / "cds" / f"spark-{name}.jsa"
