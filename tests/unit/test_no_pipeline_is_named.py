"""What the lake is made of names no pipeline: a pipeline is a folder, and adding one is adding a folder.

In Python, names and texts without blanks count (keys, paths, names of resources), not docstrings, comments and
sentences, in which a pipeline's name may be a plain word. In every other file all texts without blanks count.
"""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.config import ROOT
from deploy.template import TEMPLATE_FILE
from lakehouse.contract.load import pipelines

FOLDERS = ("lakehouse", "lambda", "glue", "deploy", "cli", "localaws", "iam", "kms", "config")
NAMES = frozenset(pipelines())
OTHERS_WORDS = frozenset({"app_transactions"})
"""Names of libraries that hold a pipeline's name by chance."""
PARTS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")


def named_in(text: str) -> set[str]:
    """Pipelines that are a part of a name, a key or a path: `bronze/carts/x`, `sales-gold`, `CartsTable`."""
    return set() if re.search(r"\s", text.strip()) else NAMES & {part.lower() for part in PARTS.split(text)}


def texts_of_python(source: str) -> Iterator[str]:
    """Identifiers and text constants, without docstrings and other texts that stand for themselves."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value
        for field in ("id", "attr", "arg", "name", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield value


def texts_of(value: Any) -> Iterator[str]:
    """Every text in a document, keys included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
    elif isinstance(value, str):
        yield value


def texts_in(path: Path) -> Iterator[str]:
    source = path.read_text()
    if path.suffix == ".py":
        return texts_of_python(source)
    if path.suffix == ".json":
        return texts_of(json.loads(source))
    if path.suffix == ".toml":
        return texts_of(tomllib.loads(source))
    return iter(re.findall(r"[^\s\"'`,;()]+", source))


def files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path != TEMPLATE_FILE:
            yield path


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_names_a_pipeline(folder: str) -> None:
    files = list(files_below(ROOT / folder))
    assert files
    found = {
        f"{path.relative_to(ROOT)}: {text!r}"
        for path in files
        for text in texts_in(path)
        if text not in OTHERS_WORDS and named_in(text.strip())
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        'if pipeline == "sales": pass',
        'key = f"bronze/carts/{name}"',
        "def load_shipping() -> None: ...",
        'ids = ["ActivityGoldJob"]',
        "from pipelines.transactions import generate",
        'x = {"sales-raw": 1}',
    ],
)
def test_this_check_sees_a_pipeline_that_is_named(code: str) -> None:
    assert any(named_in(text) for text in texts_of_python(code))


@pytest.mark.parametrize(
    "code", ['"""Sales of a day."""', "x = 1  # sales", 'print("No sales on that day")', 'x = "wholesales"']
)
def test_this_check_lets_prose_be(code: str) -> None:
    assert not any(named_in(text) for text in texts_of_python(code))
