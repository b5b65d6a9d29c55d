"""The bill of materials of what the lake runs on: a CycloneDX document for each lock, in build/sbom/.

cyclonedx-py makes it and holds it against CycloneDX's schema; that every pin is in it with its version and a hash of
each file is checked here. https://cyclonedx.org/docs/1.6/json/
"""

import json
from collections.abc import Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from security import tools
from security.findings import Finding, Outcome
from security.pins import pins


def bill(locks: Sequence[Path], folder: Path) -> Outcome:
    """Write `<folder>/<lock>.cdx.json` for each lock. Places are `<package>==<version>`."""
    folder.mkdir(parents=True, exist_ok=True)
    found, counted = [], 0
    for lock in locks:
        written = folder / f"{lock.stem}.cdx.json"
        arguments: list[str | Path] = ["requirements", lock, "--schema-version", "1.6", "--output-format", "JSON"]
        tools.run("cyclonedx-py", [*arguments, "--output-reproducible", "--validate", "--outfile", written])
        found += _missing(lock, written)
        counted += len(json.loads(written.read_text())["components"])
    return Outcome(f"{counted} components of {len(locks)} locks", tuple(sorted(found)))


def _missing(lock: Path, written: Path) -> list[Finding]:
    listed: dict[tuple[str, str | None], list[dict[str, object]]] = {
        (canonicalize_name(one["name"]), one.get("version")): one.get("externalReferences", [])
        for one in json.loads(written.read_text())["components"]
    }
    found = []
    for pin in pins(lock):
        place, files = f"{pin.name}=={pin.version}", listed.get((pin.name, pin.version))
        if files is None:
            found.append(Finding("missing", place, f"is in {lock.name} and not in its bill"))
        elif not any(file.get("hashes") for file in files):
            found.append(Finding("no-hash", place, f"has no hash in {lock.name}"))
    return found
