"""Loads a pipeline's `recompute.py`, which is no module of any package."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb

Recompute = Callable[[Mapping[str, Sequence[Path]]], Mapping[str, duckdb.DuckDBPyRelation]]
PIPELINES = Path(__file__).parents[2] / "pipelines"


def recomputation(pipeline: str, folder: Path = PIPELINES) -> Recompute:
    """The function `recompute` of `<folder>/<pipeline>/recompute.py`."""
    spec = importlib.util.spec_from_file_location(f"recompute_{pipeline}", folder / pipeline / "recompute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Recompute = module.recompute
    return found
