"""The proof's figures, in a line for people: `python -m tests.iam.report` lets a lake work and prints it."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.iam.proof import Proof
from tests.iam.reasons import reasons
from tests.iam.recording import Recording, read, record
from tests.iam.simulation import allows


@dataclass(frozen=True)
class Figures:
    """Counts."""

    calls: int
    """Distinct questions to policies: role, action, resource and condition keys."""
    triples: int
    """Distinct role, action and resource."""
    refused: int
    """Of the calls: not allowed by their role's policy."""
    roles: int
    grants: int
    """Document, statement, action and resource entry."""
    removable: int
    """Grants that no call needs and no reason explains."""
    unused: int
    """Actions of a document that no call uses and no reason explains."""
    explained: int
    """Grants that no call needs, with a reason."""
    reasons: int


def figures(recording: Recording, proof: Proof) -> Figures:
    """Count."""
    written = reasons()
    unused = [one for one in proof.grants if (one.document, one.action) in proof.unused_actions]
    unexplained = written.without(proof.needless)
    return Figures(
        calls=len(recording.calls),
        triples=len({(one.role, one.request.action, one.request.resource) for one in recording.calls}),
        refused=sum(not allows(recording.statements[one.role], one.request) for one in recording.calls),
        roles=len(recording.roles),
        grants=len(proof.grants),
        removable=len(unexplained),
        unused=len({(one.document, one.action) for one in written.without(unused)}),
        explained=len(proof.needless) - len(unexplained),
        reasons=len(written.all),
    )


def line(found: Figures) -> str:
    """The figures as a sentence."""
    return (
        f"iam: {found.calls} calls recorded ({found.triples} of role x action x resource, {found.roles} roles), "
        f"{found.calls - found.refused} allowed, {found.refused} refused; {found.grants} grants, "
        f"{found.removable} removable, {found.unused} unused actions, {found.explained} explained by "
        f"{found.reasons} reasons"
    )


def main(arguments: list[str]) -> int:
    """Print the line; 1 where something is refused, removable or unused. A record may be given."""
    with tempfile.TemporaryDirectory() as folder:
        recording = read(Path(arguments[0])) if arguments else record(Path(folder) / "record.json")
    found = figures(recording, Proof(recording))
    print(line(found))
    return int(bool(found.removable or found.unused or found.refused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
