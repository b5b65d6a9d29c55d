"""One fault at each boundary of the gate and of the commit; and no AWS call is forgotten."""

import ast

import pytest

from tests.faults import tally
from tests.faults.boundaries import Boundary, boundaries, calls
from tests.faults.directed import strike_all, trace
from tests.faults.exempt import EXEMPT
from tests.faults.scenarios import SCENARIOS
from tests.faults.tally import FULL
from tests.faults.world import ROOT, Cloud

FIRST = [scenario for scenario in SCENARIOS if scenario.name.startswith(("gate", "commit"))]


@pytest.mark.timeout(1800)
def test_a_fault_at_each_boundary_of_gate_and_commit_does_no_harm(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert strike_all(cloud, lambda: tmp_path_factory.mktemp("lake"), FIRST, every=1 if FULL else 50) > 150


def test_every_aws_call_of_the_product_is_struck_or_excused(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    known = boundaries()
    hit: set[Boundary] = set()
    for scenario in SCENARIOS:
        for call in trace(cloud, tmp_path_factory.mktemp("lake"), scenario):
            of = [boundary for boundary in known if boundary.is_of(call.site, call.operation)]
            assert of, f"{call.boundary} is in no list: tests/faults/boundaries.py does not see it in the source"
            hit.update(of)
    for boundary in known:
        tally.note("boundaries", str(boundary))
    for boundary in EXEMPT:
        tally.note("excused", str(boundary))
    assert sorted(map(str, set(known) - hit - EXEMPT.keys())) == [], "neither a scenario nor a reason covers them"
    assert sorted(map(str, EXEMPT.keys() & hit)) == [], "covered now: they need no excuse"


def test_what_is_excused_is_there_and_its_tests_too() -> None:
    assert sorted(map(str, EXEMPT.keys() - set(boundaries()))) == []
    named = {word.rstrip(",):") for reason in EXEMPT.values() for word in reason.replace("(", "").split()}
    assert [path for path in sorted(named) if path.startswith("tests/") and not (ROOT / path).is_file()] == []


def test_a_new_call_is_seen() -> None:
    text = "class A:\n  def f(self):\n    def g():\n      self.ours.put_item(Item=1)\n    self.table.query()\n"
    assert list(calls(ast.parse(text))) == [("A.f", "put_item")]
