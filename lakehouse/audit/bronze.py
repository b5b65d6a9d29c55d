"""Bronze against the ledger: was every object judged, and in its newest version?"""

from collections.abc import Iterator

from lakehouse import names
from lakehouse.audit import mend
from lakehouse.audit.batch import Batches, BatchView, slot_id_of
from lakehouse.audit.findings import Checked, Finding, Step
from lakehouse.audit.sources import BronzeObject, Sources, bronze_objects
from lakehouse.contract.model import Place
from lakehouse.contract.route import place_of
from lakehouse.gate.decide import unknown_place
from lakehouse.ledger.items import SlotState
from lakehouse.names import UNKNOWN


def audit_bronze(sources: Sources, batches: Batches, pipeline: str | None) -> Iterator[Step]:
    """Every object below bronze/, or below one pipeline's folder. Whether its bytes are those judged is told later."""
    prefix = f"{names.BRONZE}/{pipeline}/" if pipeline else f"{names.BRONZE}/"
    for found in bronze_objects(sources, prefix):
        if found.key.endswith("/") and found.bytes == 0:
            continue  # a folder's placeholder, as the console makes it
        place = place_of(found.key, sources.pipelines)
        where = place if isinstance(place, Place) else unknown_place(place)
        yield Checked("bronze", where.pipeline)
        finding = judge_object(found, where, batches.view(where.pipeline, where.batch))
        if finding:
            yield finding


def judge_object(found: BronzeObject, place: Place, view: BatchView) -> Finding | None:
    """What is wrong with an object that lies at a place. Pure."""
    if place.marker:
        if view.state is not None and place.dataset in view.state.markers:
            return None
        return _finding(place, "never_judged", "a marker that the batch does not know of", "noted in the batch")
    slot = view.slots.get(place.slot_id)
    if slot is None:
        if place.slot_id in view.slot_ids():
            return None  # the ledger has lost the slot's item, and is told of as such
        return _finding(place, "never_judged", "an object without a verdict", "a verdict in the ledger")
    gone = _gone(found, slot, view)
    newest = found.version_ids[0]
    if newest not in _judged(slot, view):
        said = f"the newest version, {newest}, was never judged"
        said += f", and {gone} is gone" if gone else ""
        return _finding(place, "newer_version", said, f"a verdict later than that on version {slot.judged_version_id}")
    if gone:
        return _finding(place, "version_gone", f"{gone} is gone", "every version that counts, kept")
    return None


def _gone(found: BronzeObject, slot: SlotState, view: BatchView) -> str | None:
    """The version that counts and is not there, as words."""
    if not _judged(slot, view) & set(found.version_ids):
        return f"the judged version {slot.judged_version_id}"
    if slot.in_force_file_id in (None, slot.file_id):
        return None
    file = view.files.get(slot.in_force_file_id or "")
    in_force = set(view.versions_of(file)) if file else {slot.in_force_version_id}
    return None if in_force & set(found.version_ids) else f"the version in force {slot.in_force_version_id}"


def _judged(slot: SlotState, view: BatchView) -> set[str]:
    """The version that was judged last, as slot and record say."""
    file = view.files.get(slot.file_id)
    same = file is not None and slot_id_of(file) == slot.slot_id
    return {slot.judged_version_id, *(view.versions_of(file) if file and same else ())}


def _finding(place: Place, kind: str, found: str, expected: str) -> Finding:
    table = place.dataset if place.pipeline != UNKNOWN else UNKNOWN
    return Finding(
        "bronze", kind, place.pipeline, table, place.batch, place.key, found, expected, mend.bring(place.key)
    )
