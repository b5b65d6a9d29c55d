"""The template of the checkout's pipelines, and of copies of them, as the template's tests look at it."""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.config import PIPELINES_DIR
from deploy.functions import needed_functions
from deploy.parts.roles import needed_roles
from deploy.template import build_template
from lakehouse.contract.load import pipelines

PIPELINES = tuple(pipelines().values())
FUNCTIONS = needed_functions(PIPELINES)
ROLES = {role.who: role for role in needed_roles(PIPELINES)}
BUILT = build_template()
TEMPLATE: dict[str, Any] = json.loads(BUILT)
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]


def of_type(kind: str, resources: dict[str, Any] = RESOURCES) -> dict[str, Any]:
    """The properties of every resource of a type, by logical id."""
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def copied(folder: Path, names: Iterable[str] | None = None) -> Path:
    """A copy of the checkout's pipelines, or of some of them, in `folder/pipelines`."""
    target = folder / "pipelines"
    for pipeline in PIPELINES:
        if names is None or pipeline.name in names:
            source = PIPELINES_DIR / pipeline.name
            shutil.copytree(source, target / pipeline.name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def resources_of(folder: Path) -> dict[str, Any]:
    """The resources of the template of a folder of pipelines."""
    found: dict[str, Any] = json.loads(build_template(pipelines_dir=folder))["Resources"]
    return found


def write_pipeline(folder: Path, name: str, more: str = "") -> Path:
    """The smallest pipeline: one dataset, one gold table, and further tables in its contract."""
    place = folder / name
    (place / "gold").mkdir(parents=True)
    (place / "gold" / f"{name}_rows.sql").write_text("-- All rows. Grain: id.\nselect id from things\n")
    if "[generator]" in more:
        (place / "generate.py").write_text("")
    column = '{ name = "id", type = "int", comment = "Identity" }'
    (place / "pipeline.toml").write_text(
        f'name = "{name}"\ntitle = "Things"\nengine = "duckdb"\n'
        f'[datasets.things]\ndescription = "Things"\npaths = ["things/{{file}}.{{ext}}"]\nformats = ["csv"]\n'
        f'batch = "{{file}}"\nkey = ["id"]\ncolumns = [{column}]\n'
        f'[gold.{name}_rows]\ndescription = "Things"\nkey = ["id"]\ncolumns = [{column}]\n'
        f"{more}\n"
    )
    return place


def references(value: Any) -> set[str]:
    """Every logical id that a value refers to, in Ref, GetAtt and Sub."""
    if isinstance(value, dict):
        found = {value["Ref"]} if "Ref" in value else set()
        if "Fn::GetAtt" in value:
            found.add(value["Fn::GetAtt"][0])
        if "Fn::Sub" in value and isinstance(value["Fn::Sub"], str):
            found |= {name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", value["Fn::Sub"])}
        return found.union(*(references(inner) for inner in value.values()))
    return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()
