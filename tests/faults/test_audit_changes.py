"""Every single change of tests/aws/audit_changes.py, one after the other: an audit finds and names it, and no more.

The full fault run makes all of them; otherwise some are made here and some in tests/aws/test_audit.py.
"""

import os

import pytest

from localaws import EmbeddedAws
from tests.aws.audit_changes import CHANGES, Change, must_find
from tests.aws.audit_world import AuditWorld

FEW = 3
WANTED = CHANGES if os.environ.get("LAKE_FAULTS") == "full" else [one for one in CHANGES if not one.often][::30][:FEW]


@pytest.fixture(scope="module")
def world(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    """A sound lake, as it is again after every change."""
    made = AuditWorld(aws, folder=tmp_path_factory.mktemp("audit"))
    made.fill()
    return made


@pytest.mark.parametrize("change", WANTED, ids=[change.name for change in WANTED])
def test_a_single_change_is_found_and_nothing_else(world: AuditWorld, change: Change) -> None:
    must_find(world, change)
