"""What a job's Python process does first when the embedded AWS has started it; nothing otherwise.

- `GLUE_STANDIN_STDERR`: standard error goes to this file. Spark's launcher mixes a script's standard error into its
  standard output, and Glue has a log group for each.
- `GLUE_STANDIN_PARENT`: the process that owns the job. When it is gone without having ended the job (kill -9), the
  job ends itself, its JVM included.

And for everyone: `spark-submit` puts pyspark on the path as a zip, which Python compiles anew at every start; where the
same pyspark is installed as plain files, those are used.
"""

import os
import signal
import sys
import threading
import time
from importlib import machinery
from pathlib import Path

_LOOK_SECONDS = 2.0


def settle() -> None:
    """Read the two variables, act on them, and take them away from the script and its children."""
    _prefer_installed_pyspark()
    stderr = os.environ.pop("GLUE_STANDIN_STDERR", "")
    parent = os.environ.pop("GLUE_STANDIN_PARENT", "")
    if stderr:
        descriptor = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 2)
        os.close(descriptor)
    if parent:
        threading.Thread(target=_end_with, args=(int(parent),), name="job-owner", daemon=True).start()


def _prefer_installed_pyspark() -> None:
    home = Path(os.environ.get("SPARK_HOME") or "/nonexistent")
    others = [entry for entry in sys.path if home / "python" / "lib" not in Path(entry).parents]
    spec = machinery.PathFinder.find_spec("pyspark", others)
    if spec and spec.origin and Path(spec.origin).parent == home:
        sys.path[:] = others


def _end_with(owner: int) -> None:
    while _alive(owner):
        time.sleep(_LOOK_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
