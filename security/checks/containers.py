"""Dockerfiles by hadolint, compose files by the compose specification's schema."""

from pathlib import Path

from security import tools
from security.checks.workflows import by_schema
from security.findings import Finding, Outcome


def containers(folder: Path) -> Outcome:
    """What is wrong with a folder's Dockerfiles and compose files. Places are `<file>:<line>` or `<file>`."""
    dockerfiles = sorted([*folder.glob("Dockerfile"), *folder.glob("*.Dockerfile")])
    composed = sorted(folder.glob("compose*.yml"))
    if not dockerfiles or not composed:
        return Outcome("nothing", (Finding("missing", str(folder), "there is no Dockerfile or no compose file"),))
    linted = tools.run_json("hadolint", ["--no-fail", "--format", "json", *dockerfiles])
    found = [Finding(one["code"], f"{Path(one['file']).name}:{one['line']}", one["message"]) for one in linted]
    found += by_schema("vendor.compose-spec", composed)
    return Outcome(f"{len(dockerfiles)} Dockerfiles, {len(composed)} compose file", tuple(found))
