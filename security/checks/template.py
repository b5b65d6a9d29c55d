"""The CloudFormation template by checkov: encryption, public access, logs, wildcards in roles."""

from pathlib import Path

from security import tools
from security.findings import Finding, Outcome


def template(path: Path) -> Outcome:
    """Every failed check of every resource. Places are `<type>.<logical id>`."""
    arguments: list[str | Path] = [
        "--file",
        path,
        "--framework",
        "cloudformation",
        "--output",
        "json",
        "--skip-download",
        "--quiet",
    ]
    report = tools.run_json("checkov", arguments, may_end_with=(0, 1), cwd=path.parent)
    summary = report.get("summary", report)  # it has no further part where it could read nothing
    if summary["parsing_errors"] or not summary["resource_count"]:
        found = Finding("parsing", path.name, "checkov finds no resource that it can read in it")
        return Outcome("nothing", (found,))
    failed = [
        Finding(one["check_id"], one["resource"], one["check_name"]) for one in report["results"]["failed_checks"]
    ]
    judged = summary["passed"] + summary["failed"]
    return Outcome(f"{judged} checks of {summary['resource_count']} resources", tuple(sorted(failed)))
