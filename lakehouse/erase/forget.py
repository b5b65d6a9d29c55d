"""A person is forgotten. Every step is made from what is stored at that moment, so a repeat after a crash goes on.

1. search: what is stored that speaks of the person;
2. bronze: what counts is written anew without the person, until there is nothing to write (a file may arrive
   meanwhile); the gate judges it, runs make silver and gold of it;
3. remove: what is left in old versions, superseded files, quarantine, the ledger, logs;
4. prove: the search once more, also for what the removed records told of the person.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from lakehouse import names
from lakehouse.contract.model import Pipeline, Place
from lakehouse.erase.bronze import BronzeObject, find, rewrite
from lakehouse.erase.person import Person
from lakehouse.erase.remove import Remover
from lakehouse.erase.rewrite import expanded
from lakehouse.erase.stored import read, versions
from lakehouse.erase.survey import Hit, Survey, survey
from lakehouse.errors import ErasureError
from lakehouse.gate.objects import current_version
from lakehouse.ledger.items import Erasure, now
from lakehouse.tokens import tokens_of

ROUNDS = 20
JUDGED_SECONDS, POLL_SECONDS = 900.0, 0.2
Tell = Callable[[str], None]


class Waits(Protocol):
    """How the lake's own work is waited for."""

    def batch(self, batch: str) -> None:
        """Until the run that stands for a batch has ended, and gold that follows it is made. Raises where it failed."""

    def quiet(self) -> None:
        """Until the runs that are under way at this moment have ended: they may have read what is to go."""

    def running(self) -> Collection[str]:
        """Ids of the runs that are under way at this moment."""


@dataclass(frozen=True)
class Search:
    """What was found of a person."""

    objects: tuple[BronzeObject, ...]
    survey: Survey

    @property
    def records(self) -> dict[str, int]:
        """Records in bronze by dataset, in all versions. A file that goes whole counts as one."""
        counts: Counter[str] = Counter()
        for one in self.objects:
            name = one.dataset.name if one.dataset else names.UNKNOWN
            counts[name] += sum(held.records or 1 for held in one.held.values())
        return dict(counts)

    @property
    def versions(self) -> int:
        """Versions of bronze objects that hold the person."""
        return sum(len(one.held) for one in self.objects)

    @property
    def nothing(self) -> bool:
        """Nothing that is stored speaks of the person."""
        return not self.objects and not self.survey.remains


@dataclass(frozen=True)
class Forgotten:
    """How an erasure ended."""

    erasure_id: str
    records: dict[str, int]
    removed: dict[str, int]
    """Things removed for good, by place."""
    proof: Survey
    left: tuple[Hit, ...]
    """What speaks of the person still, and has to be seen to by hand."""


@dataclass(frozen=True)
class Forgetter:
    """Forgets one person of one pipeline."""

    remover: Remover
    person: Person
    waits: Waits
    tell: Tell = field(default=lambda _: None)
    judged_seconds: float = JUDGED_SECONDS

    @property
    def pipeline(self) -> Pipeline:
        return self.remover.pipeline

    def search(self) -> Search:
        """Look through everything; changes nothing."""
        self.tell("Looking through everything that is stored")
        objects = find(self.remover.s3, self.remover.searched.bucket, self.pipeline, self.person)
        return Search(tuple(objects), survey(self.remover.searched, self.pipeline, self.person))

    def forget(self, found: Search, by: str) -> Forgotten:
        """Take out, make anew, remove, prove.

        Args:
            found: what `search` found just now.
            by: who asked, for the ledger.

        Raises:
            ErasureError: the lake does not come to rest, or something has to be done first.
        """
        erasure = Erasure(self.pipeline.name, uuid.uuid4().hex, now(), by, "started", found.records)
        self.remover.ledger.table.put(erasure)
        traces = frozenset(text for one in found.objects for text in one.traces)
        self._rewrite()
        self._await_runs(found.objects)
        left = self.search()
        removed = self.remover.remove(left.objects, left.survey, self.waits.running())
        traces |= frozenset(text for one in left.objects for text in one.traces)
        proof = self._prove(traces)
        hits = tuple(proof.remains)
        ended = replace(
            erasure, status="left_over" if hits else "proven", ended_at=now(), removed=removed, left=len(hits)
        )
        self.remover.ledger.table.put(ended)
        return Forgotten(erasure.erasure_id, found.records, removed, proof, hits)

    def _rewrite(self) -> None:
        """Write anew whatever counts, until nothing is left to write.

        Raises:
            ErasureError: files with the person keep arriving.
        """
        for _ in range(ROUNDS):
            self.tell("Taking the person's records out of bronze")
            objects = find(self.remover.s3, self.remover.searched.bucket, self.pipeline, self.person)
            self._await_verdicts(one.place for one in objects)
            if not [one for one in objects if self._written(one)]:
                return
            self._await_verdicts(one.place for one in objects)
        raise ErasureError(f"Files with this person kept arriving for {ROUNDS} rounds: repeat the command later")

    def _written(self, one: BronzeObject) -> bool:
        slot = self.remover.ledger.slot(one.place)
        return rewrite(self.remover.s3, self.remover.searched.bucket, one, slot, self.person)

    def _await_verdicts(self, places: Iterable[Place]) -> None:
        """Until the gate has judged the current version of each. One that was refused and removed since counts."""
        deadline = time.monotonic() + self.judged_seconds
        for place in places:
            while not self._judged(place):
                if time.monotonic() > deadline:
                    raise ErasureError(f"The gate has not judged {place.key} within {self.judged_seconds:.0f} s")
                time.sleep(POLL_SECONDS)

    def _judged(self, place: Place) -> bool:
        if place.marker:
            return True
        slot = self.remover.ledger.slot(place)
        version = current_version(self.remover.s3, self.remover.searched.bucket, place.key)
        if version is None or (slot is not None and slot.judged_version_id == version.version_id):
            return True
        # A version that was judged and is removed now leaves an older one on top, which was judged before it.
        return slot is not None and version.modified_at < slot.at[: len("2026-01-31T23:59:59")]

    def _await_runs(self, objects: Sequence[BronzeObject]) -> None:
        batches = {one.place.batch for one in objects if one.place.pipeline == self.pipeline.name}
        for batch in sorted(batches):
            self.tell(f"Waiting for the run of batch {batch}")
            self.waits.batch(batch)
        self.tell("Waiting for runs under way")
        self.waits.quiet()

    def _prove(self, traces: frozenset[str]) -> Survey:
        """Search once more. A trace that another's record in bronze holds too tells nothing: it is no trace."""
        self.tell("Proving it: looking through everything once more")
        own = self._own(traces)
        tokens = self.person.tokens | tokens_of(self.pipeline, own)
        return survey(self.remover.searched, self.pipeline, replace(self.person, traces=own, tokens=tokens))

    def _own(self, traces: frozenset[str]) -> frozenset[str]:
        left = set(traces)
        for version in versions(self.remover.s3, self.remover.searched.bucket, f"{names.BRONZE}/{self.pipeline.name}/"):
            content = read(self.remover.s3, self.remover.searched.bucket, version)
            left -= {text for text in left if replace(self.person, traces=frozenset({text})).traced(expanded(content))}
        return frozenset(left)
