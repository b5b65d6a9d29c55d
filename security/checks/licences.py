"""The licences of what the lake runs on, from the packages' own metadata: permissive, or with a written reason.

What ships in a Lambda layer must be permissive without any exception.
"""

import re
import sys
from collections.abc import Iterable
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import cast

from packaging.utils import canonicalize_name

from security.findings import Finding, Outcome
from security.pins import pins

PERMISSIVE = frozenset(
    {
        *("0bsd", "apache", "apache 2.0", "apache software", "apache-2.0", "apache2", "bsd", "bsd 3-clause"),
        *("bsd-2-clause", "bsd-3-clause", "cc0-1.0", "isc", "mit", "mit-0", "psf-2.0", "psfl"),
        *("python software foundation", "zlib"),
    }
)
"""Licences as packages write them, in small letters and without the words around the name."""

_AROUND_THE_NAME = re.compile(r"^the |\blicen[cs]e\b|\([^)]*\)?|,? version|https?://www\.apache\.org/licenses/license-")


def licences(locks: Iterable[Path], shipped: Iterable[Path], path: list[str] | None = None) -> Outcome:
    """What is not permissive among the pins of `locks`, and of `shipped`, for which the rule is `shipped`.

    Packages are looked for in `path`, by default where this Python looks. Places are package names.
    """
    known: dict[str, metadata.Distribution] = {
        canonicalize_name(one.metadata["Name"]): one for one in metadata.distributions(path=path or sys.path)
    }
    ours = {pin.name: pin for lock in locks for pin in pins(lock) if pin.is_for_here}
    ships = {pin.name: pin for lock in shipped for pin in pins(lock)}
    found = []
    for name in sorted(ours | ships):
        if name not in known:
            found.append(Finding("unknown", name, "is not installed, so its licence is not known: run `make setup`"))
            continue
        stated = licence(cast(Message, known[name].metadata))
        if not permissive(stated):
            found.append(Finding("shipped" if name in ships else "licence", name, stated or "states no licence"))
    return Outcome(f"{len(ours | ships)} packages, {len(ships)} of them shipped", tuple(found))


def licence(of: Message) -> str:
    """What a package states: the SPDX expression, else its classifiers, else the first line of its free text."""
    if of.get("License-Expression"):
        return str(of["License-Expression"])
    classified = [
        text.rsplit("::", 1)[1].strip() for text in of.get_all("Classifier", []) if text.startswith("License ::")
    ]
    named = [text for text in classified if text != "OSI Approved"]
    return " AND ".join(named) or str(of.get("License") or "").strip().partition("\n")[0]


def permissive(stated: str) -> bool:
    """Whether one may choose permissive terms: of alternatives one is enough, of what is joined all must be so."""
    alternatives = re.split(r"\s+OR\s+", stated.strip("() "))
    return any(all(_plain(part) in PERMISSIVE for part in re.split(r"\s+AND\s+", one)) for one in alternatives)


def _plain(name: str) -> str:
    shortened = name.strip("() ").lower()
    if shortened in PERMISSIVE:
        return shortened
    without = _AROUND_THE_NAME.sub(" ", shortened)
    return " ".join(without.split())
