"""Is the base what the job was built for? Prints the paths of its Delta jars, joined by commas.

Runs on the base's own Python, with nothing but the standard library.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PYTHON = (3, 11)
JAVA = "17"
SPARK = "3.5.6"
DELTA = "3.3.2"
"""AWS Glue 5.1. https://docs.aws.amazon.com/glue/latest/dg/release-notes.html"""

DELTA_ARTIFACTS = ("delta-spark_2.12", "delta-storage")
PLACES = (Path("/usr/share/aws"), Path("/usr/lib/spark/jars"), Path("/opt"))
"""Where AWS's images keep connectors; the first has Delta's, as on EMR."""


def delta_jars(places: Iterable[Path]) -> list[Path]:
    """One file for each of Delta's artifacts, links followed.

    Raises:
        LookupError: one is nowhere, or only in another version.
    """
    jars = [jar.resolve() for place in places for jar in sorted(place.rglob("*delta-*.jar"))]
    found = []
    for artifact in DELTA_ARTIFACTS:
        named = [jar for jar in jars if re.search(rf"(^|_){re.escape(artifact)}-{re.escape(DELTA)}", jar.name)]
        if not named:
            seen = ", ".join(sorted({jar.name for jar in jars})) or "none"
            raise LookupError(f"{artifact} {DELTA} is nowhere below {', '.join(map(str, places))}. Delta jars: {seen}")
        found.append(named[0])
    return found


def wrong_versions(python: tuple[int, int], java: str, spark: str) -> Iterator[str]:
    """A line for each part that is not Glue 5.1's. `java` and `spark` are what they print of their version."""
    if python != PYTHON:
        yield f"Python is {python[0]}.{python[1]}, expected {PYTHON[0]}.{PYTHON[1]}"
    if f'version "{JAVA}.' not in java:
        yield f"Java is {java.splitlines()[:1]}, expected {JAVA}"
    if f"version {SPARK}" not in spark:
        yield f"Spark is {re.findall('version .*', spark)[:1]}, expected {SPARK}"


def _printed(command: str, argument: str) -> str:
    binary = shutil.which(command) or str(Path(os.environ.get("SPARK_HOME", "/usr/lib/spark"), "bin", command))
    done = subprocess.run([binary, argument], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def main() -> int:
    wrong = list(
        wrong_versions(sys.version_info[:2], _printed("java", "-version"), _printed("spark-submit", "--version"))
    )
    if wrong:
        print("This base is not AWS Glue 5.1: " + "; ".join(wrong), file=sys.stderr)
        return 1
    print(",".join(map(str, delta_jars([place for place in PLACES if place.is_dir()]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
