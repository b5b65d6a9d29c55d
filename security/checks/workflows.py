"""The workflows of GitHub Actions: the schema, a time limit for each job, and zizmor's security audits."""

from pathlib import Path
from typing import Any

from security import tools
from security.findings import Finding, Outcome

SCHEMAS = ("vendor.github-workflows", "custom.github-workflows-require-timeout")


def workflows(folder: Path) -> Outcome:
    """What is wrong with each workflow. Places are `<file>` (schema) or `<file>:<line>`."""
    files = sorted(folder.glob("*.yml"))
    if not files:
        return Outcome("no workflow", (Finding("missing", str(folder), "there is no workflow"),))
    wrong = [one for schema in SCHEMAS for one in by_schema(schema, files)]
    if any(one.rule == "vendor.github-workflows" for one in wrong):
        return Outcome(f"{len(files)} files", tuple(wrong))  # zizmor does not read what is no workflow
    return Outcome(f"{len(files)} files", (*wrong, *_audited(files)))


def by_schema(schema: str, files: list[Path]) -> list[Finding]:
    """What files have that a schema, which comes with check-jsonschema, does not allow. The rule is the schema."""
    arguments: list[str | Path] = ["--builtin-schema", schema, "--output-format", "json", *files]
    report = tools.run_json("check-jsonschema", arguments, may_end_with=(0, 1))
    unread = [Finding(schema, Path(one["path"]).name, one["message"]) for one in report.get("parse_errors", [])]
    broken = [
        Finding(schema, Path(one["filename"]).name, f"{one['path']}: {one['message']}")
        for one in report.get("errors", [])
    ]
    return [*unread, *broken]


def _audited(files: list[Path]) -> list[Finding]:
    arguments: list[str | Path] = [
        "--offline",
        "--no-config",
        "--no-exit-codes",
        "--strict-collection",
        "--format",
        "json-v1",
        *files,
    ]
    return [_finding(one) for one in tools.run_json("zizmor", arguments)]


def _finding(one: dict[str, Any]) -> Finding:
    place = next(where for where in one["locations"] if where["symbolic"]["kind"] == "Primary")
    file = Path(place["symbolic"]["key"]["Local"]["verbatim_path"]).name
    line = place["concrete"]["location"]["start_point"]["row"] + 1
    return Finding(one["ident"], f"{file}:{line}", one["desc"])
