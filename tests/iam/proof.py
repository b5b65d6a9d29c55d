"""What follows from a record: which grants nothing needs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tests.iam.grants import Given, Grant, given
from tests.iam.recording import Call, Recording
from tests.iam.simulation import Statement, allows, applies


@dataclass(frozen=True)
class Proof:
    """A record seen from the grants."""

    recording: Recording

    @cached_property
    def given(self) -> tuple[Given, ...]:
        """All that every role may do, entry by entry."""
        return tuple(one for role in self.recording.roles.values() for one in given(role, self.recording.names))

    @cached_property
    def grants(self) -> frozenset[Grant]:
        return frozenset(one.grant for one in self.given)

    @cached_property
    def needless(self) -> frozenset[Grant]:
        """Grants without which every recorded call would still be allowed: no role with the document misses them."""
        needed = {one.grant for one in self.given if self._missed(one)}
        return self.grants - needed

    @cached_property
    def unused_actions(self) -> frozenset[tuple[str, str]]:
        """Document and action of what no recorded call uses, on any resource."""
        by_role: Mapping[str, Iterable[Call]] = self._by_role
        used = {
            (one.grant.document, one.grant.action)
            for one in self.given
            if any(applies(one.statement, call.request) for call in by_role[one.role])
        }
        return frozenset((one.document, one.action) for one in self.grants) - used

    @cached_property
    def _by_role(self) -> dict[str, list[Call]]:
        found = defaultdict(list)
        for call in self.recording.calls:
            found[call.role].append(call)
        return found

    @cached_property
    def _parts(self) -> dict[str, list[Given]]:
        found = defaultdict(list)
        for one in self.given:
            found[one.role].append(one)
        return found

    def _missed(self, one: Given) -> bool:
        """Whether a call of the role is denied when this entry is gone and all others stay."""
        others = [other.statement for other in self._parts[one.role] if other.grant != one.grant]
        calls = (call for call in self._by_role[one.role] if call.allowed and applies(one.statement, call.request))
        return any(not allows(_about(others, call), call.request) for call in calls)


def _about(statements: Iterable[Statement], call: Call) -> list[Statement]:
    return [one for one in statements if call.request.action in one.actions or not one.allow]
