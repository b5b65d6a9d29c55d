"""`python -m security`: every check, a line each with its figure. Ends with 1 if one fails.

python -m security                    all of them
python -m security template policies  these
python -m security --audit optional   passes where nobody could be asked about vulnerabilities, and says so
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from security.checks.bill import bill
from security.checks.containers import containers
from security.checks.licences import licences
from security.checks.policies import policies
from security.checks.secret_scan import secret_scan, tracked
from security.checks.template import template
from security.checks.vulnerabilities import vulnerabilities
from security.checks.workflows import workflows
from security.findings import Accepted, NotAskedError, Outcome, SecurityError, read_accepted, stale, unexplained
from security.tools import ROOT

LOCKS = ROOT / "requirements"
ACCEPTED = ROOT / "security" / "accepted.toml"
AT_ONCE = 2


@dataclass(frozen=True)
class Line:
    """What is printed of a check: its verdict and figure, and what speaks against it."""

    verdict: str
    """`ok`, `FAILED` or `NOT ASKED`."""
    figure: str
    against: tuple[str, ...] = ()


def checks() -> Mapping[str, Callable[[], Outcome]]:
    """Every check by its name."""
    layers = sorted((LOCKS / "layers").glob("*.txt"))
    pinned = sorted([*LOCKS.glob("*.txt"), *layers])
    return {
        "template": lambda: template(ROOT / "deploy" / "template.json"),
        "policies": lambda: policies(ROOT / "iam", ROOT / "kms"),
        "secrets": lambda: secret_scan(ROOT, tracked(ROOT)),
        "vulnerabilities": lambda: vulnerabilities([lock for lock in pinned if lock.name != "jars.txt"]),
        "sbom": lambda: bill([LOCKS / "lake.txt", *layers], ROOT / "build" / "sbom"),
        "licences": lambda: licences([LOCKS / "lake.txt"], layers),
        "containers": lambda: containers(ROOT / "docker"),
        "workflows": lambda: workflows(ROOT / ".github" / "workflows"),
    }


def judge(name: str, check: Callable[[], Outcome], accepted: tuple[Accepted, ...]) -> Line:
    """The line of one check."""
    began = time.monotonic()
    try:
        outcome = check()
    except NotAskedError as error:
        return Line("NOT ASKED", f"nobody knows of vulnerabilities: {error}")
    except SecurityError as error:
        return Line("FAILED", "could not be made", (str(error),))
    wrong = [str(one) for one in unexplained(name, outcome.findings, accepted)]
    wrong += [
        f"security/accepted.toml: {one.rule} at {one.where} explains nothing any more: take it out"
        for one in stale(name, outcome.findings, accepted)
    ]
    reasons = sum(entry.check == name for entry in accepted)
    explained = len(outcome.findings) - len(unexplained(name, outcome.findings, accepted))
    figure = f"{outcome.looked_at}; {explained} findings explained by {reasons} reasons, {len(wrong)} unexplained"
    return Line("FAILED" if wrong else "ok", f"{figure} ({time.monotonic() - began:.0f} s)", tuple(wrong))


def main() -> int:
    known = checks()
    parser = argparse.ArgumentParser(prog="python -m security", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="CHECK", help=f"of {', '.join(known)}; none: all")
    parser.add_argument("--audit", choices=("required", "optional"), default="required")
    given = parser.parse_args()
    if unknown := set(given.names) - known.keys():
        parser.error(f"Unknown check {sorted(unknown)}. Expected some of {sorted(known)}")
    accepted = read_accepted(ACCEPTED)
    failed = False
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wanted = [name for name in known if not given.names or name in given.names]
        lines = zip(wanted, pool.map(lambda name: judge(name, known[name], accepted), wanted), strict=True)
        for name, line in lines:
            print(f"{line.verdict:<9} {name:<16} {line.figure}", flush=True)
            for one in line.against:
                print(f"          - {one}", flush=True)
            failed = failed or line.verdict == "FAILED" or (line.verdict, given.audit) == ("NOT ASKED", "required")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
