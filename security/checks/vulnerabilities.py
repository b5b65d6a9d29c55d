"""Known vulnerabilities of every pin, by pip-audit in strict mode: a pin that nobody knows is a failure too.

The service may not be reachable, or a package index may stand in for it that knows nothing. So it is first asked about
a pin that is known to be vulnerable: only if it says so is its silence about the others worth anything.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from security import tools
from security.findings import Finding, NotAskedError, Outcome, SecurityError

PYPI = ("--vulnerability-service", "pypi")
"""The package index's own record, as pip-audit asks by default. https://docs.pypi.org/api/json/"""

KNOWN_VULNERABLE = "jinja2==2.10"
"""CVE-2019-10906, https://osv.dev/vulnerability/PYSEC-2019-217"""
_ITS_HASH = "f84be1bb0040caca4cea721fcbbbbd61f9be9464ca236387158b0feea01914a4"


def vulnerabilities(locks: Sequence[Path], service: Sequence[str] = PYPI) -> Outcome:
    """What is known about the pins of the lock files. Places are `<package>==<version>`.

    Raises:
        NotAskedError: the service is not there, or does not know the pin that it must know.
    """
    _make_sure_that_it_knows(service)
    found, pins = set(), set()
    for lock in locks:
        report = _audit(lock, service)
        pins |= {(one["name"], one["version"]) for one in report}
        found |= {finding for one in report for finding in _findings(one)}
    return Outcome(f"{len(pins)} pins of {len(locks)} locks", tuple(sorted(found)))


def _findings(package: dict[str, Any]) -> list[Finding]:
    place = f"{package['name']}=={package['version']}"
    return [
        Finding(one["id"], place, f"mended in {', '.join(one['fix_versions']) or 'no version'}")
        for one in package["vulns"]
    ]


def _make_sure_that_it_knows(service: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "known.txt"
        lock.write_text(f"{KNOWN_VULNERABLE} --hash=sha256:{_ITS_HASH}\n")
        try:
            report = _audit(lock, service)
        except SecurityError as error:
            raise NotAskedError(f"the service did not answer: {str(error).splitlines()[-1][:200]}") from error
    if not any(one["vulns"] for one in report):
        raise NotAskedError(f"the service knows nothing of {KNOWN_VULNERABLE}, so its silence says nothing")


def _audit(lock: Path, service: Sequence[str]) -> list[dict[str, Any]]:
    arguments: list[str | Path] = ["--requirement", lock, "--strict", "--require-hashes", "--disable-pip", *service]
    arguments += ["--format", "json", "--progress-spinner", "off", "--timeout", "20"]
    printed = tools.run("pip-audit", arguments, may_end_with=(0, 1))
    if not printed.strip():
        raise SecurityError(tools.run("pip-audit", arguments))  # the same again, for its words
    dependencies: list[dict[str, Any]] = json.loads(printed)["dependencies"]
    return dependencies
