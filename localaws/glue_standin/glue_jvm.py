"""A stand-in for the JVM half of `awsglue`, so that an unmodified Glue script runs on a plain Spark.

`awsglue` is AWS's own package, but `GlueContext`, `Job` and `DynamicFrame` call classes of a Java library that only
AWS Glue and its image have. Where it is absent, these classes stand in its place on py4j's view of the JVM:
`GlueContext(sc).spark_session`, `get_logger()`, `Job.init/isInitialized/commit` and `DynamicFrame.fromDF/toDF/count`
work, everything else says that it needs AWS Glue. Where the Java library is present nothing is touched.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_HOOKED = ("awsglue.context", "awsglue.job")
_PROBE = "com.amazonaws.services.glue.GlueContext"


class GlueContext:
    """Scala's GlueContext: holds the Spark context."""

    def __init__(self, spark_context: Any, *_partitions: Any) -> None:
        self.spark_context = spark_context

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"GlueContext.{name} needs the Java library of AWS Glue; use DataFrames and SQL")


class GlueLogger:
    """Writes to standard error, as Glue's logger does."""

    def _write(self, level: str, message: object) -> None:
        print(f"{level} GlueLogger: {message}", file=sys.stderr, flush=True)

    def info(self, message: object) -> None:
        self._write("INFO", message)

    def warn(self, message: object) -> None:
        self._write("WARN", message)

    def error(self, message: object) -> None:
        self._write("ERROR", message)


class Job:
    """Glue's Job object without bookmarks. One a JVM, so used as an instance."""

    def __init__(self) -> None:
        self._name: str | None = None

    def init(self, name: str, _spark_session: Any, _args: dict[str, str]) -> None:
        self._name = name

    def isInitialized(self) -> bool:  # noqa: N802 (Glue's name)
        return self._name is not None

    def commit(self) -> None:
        if self._name is None:
            raise RuntimeError("Job.commit was called before Job.init")


class DynamicFrame:
    """A DataFrame in a DynamicFrame's clothes: it can be counted and turned back."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    @classmethod
    def apply(cls, frame: Any, _context: Any) -> "DynamicFrame":
        return cls(frame)

    def toDF(self, _options: Any) -> Any:  # noqa: N802 (Glue's name)
        return self._frame

    def count(self) -> int:
        return int(self._frame.count())

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"DynamicFrame.{name} needs the Java library of AWS Glue; use DataFrames and SQL")


def install(jvm: Any) -> None:
    """Put the stand-ins on py4j's view of the JVM, unless Glue's own classes are there. Idempotent."""
    from py4j.java_gateway import JavaClass

    if isinstance(jvm.GlueContext, type) or isinstance(_resolve(jvm, _PROBE), JavaClass):
        return
    jvm.GlueContext, jvm.GlueLogger, jvm.Job, jvm.DynamicFrame = GlueContext, GlueLogger, Job(), DynamicFrame


def hook_imports() -> None:
    """Install the stand-ins as soon as awsglue asks the JVM for Glue's classes."""
    sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the hooked modules as everyone does, and wraps how they are executed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in _HOOKED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        module.java_import = _importing(module.java_import)  # type: ignore[attr-defined]


def _importing(java_import: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    def java_import_and_install(jvm: Any, name: str) -> None:
        java_import(jvm, name)
        install(jvm)

    return java_import_and_install


def _resolve(jvm: Any, name: str) -> Any:
    for part in name.split("."):
        jvm = getattr(jvm, part)
    return jvm
