"""The pins of a lock file, as uv writes it: `name==version ; marker` and a hash for each of the package's files."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from security.findings import SecurityError

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?:;\s*(?P<marker>[^\\]+?))?\s*\\?$")


@dataclass(frozen=True, order=True)
class Pin:
    """One package of a lock."""

    name: str
    version: str
    marker: str = ""

    @property
    def is_for_here(self) -> bool:
        """Whether this Python on this machine installs it."""
        return not self.marker or Marker(self.marker).evaluate()


def pins(lock: Path) -> tuple[Pin, ...]:
    """The packages of a lock, in its order.

    Raises:
        SecurityError: a line is neither a pin nor one of its hashes nor a comment.
    """
    found = []
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", "--hash=sha256:")):
            continue
        match = _PIN.match(line)
        if match is None:
            raise SecurityError(f"{lock}:{number}: '{line}' is no pin. Expected name==version and its hashes")
        found.append(Pin(canonicalize_name(match["name"]), match["version"], match["marker"] or ""))
    return tuple(found)
