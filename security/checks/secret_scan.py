"""Credentials in the files that git tracks, by detect-secrets (bc-detect-secrets, its kept-up fork)."""

import subprocess
from pathlib import Path

from security import tools
from security.findings import Finding, Outcome

_HASH_OF_A_LOCK = r"^\s*([\w.-]+ = \")?--hash=sha256:[0-9a-f]{64}( \\)?\"?$"
"""A line of a lock, and the form that the scanner gives it when it reads the file as one of settings."""


def tracked(root: Path) -> list[str]:
    """The files that git knows, and those new ones that it does not ignore, as far as they are there."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True)
    return sorted(name for name in set(done.stdout.split("\0")) if name and (root / name).is_file())


def secret_scan(root: Path, files: list[str]) -> Outcome:
    """Every text that looks like a credential. Places are `<file>@<hash>`: of the text, as lines move."""
    scan = Path(__file__).parents[1] / "scan_for_secrets.py"
    report = tools.run_json("python", ["-P", scan, _HASH_OF_A_LOCK], cwd=root, given="\n".join(files))
    found = [
        Finding(one["type"], f"{name}@{one['hashed_secret'][:12]}", f"line {one['line_number']}")
        for name, several in report.items()
        for one in several
    ]
    return Outcome(f"{len(files)} files", tuple(sorted(found)))
