"""`lake audit` on a small lake: a sound one has no finding, and every single change in any layer is found and named."""

import pytest
from audit_world import AuditWorld, counted, noted

from lakehouse.audit.findings import Finding
from localaws import EmbeddedAws


@pytest.fixture(scope="module")
def lake_world(aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    world = AuditWorld(aws, folder=tmp_path_factory.mktemp("audit"))
    world.fill()
    return world


def test_a_sound_lake_has_no_finding(lake_world: AuditWorld) -> None:
    steps = lake_world.audit()
    assert [step for step in steps if isinstance(step, Finding)] == []
    assert counted(steps) == {
        "bronze": (9, 61),
        "quarantine": (7, 4),
        "silver": (9, 98),
        "ledger": (29, 0),
        "gold": (11, 44),
    }
    assert noted(steps) == {}
