"""When a batch is complete and which run stands for what it holds. Pure: ledger values in, decisions out."""

from collections import Counter
from dataclasses import dataclass

from lakehouse import names
from lakehouse.contract.model import Pipeline
from lakehouse.ledger.items import BatchState


@dataclass(frozen=True)
class Run:
    """One execution for one state of a batch."""

    pipeline: str
    batch: str
    run_id: str
    generation: int
    manifest_hash: str


def missing(pipeline: Pipeline, state: BatchState) -> tuple[str, ...]:
    """Datasets that a batch still waits for, in the contract's order.

    A dataset is present with `parts` files in force (usually one) and, where it has a marker, the marker too.
    """
    files = Counter(slot.dataset for slot in state.slots.values())
    return tuple(
        dataset.name
        for dataset in pipeline.datasets
        if files[dataset.name] < dataset.parts or (dataset.marker and dataset.name not in state.markers)
    )


def manifest(state: BatchState) -> tuple[tuple[str, str, str], ...]:
    """What is in force in a batch: (dataset, object key, file id), sorted, so the order of arrival leaves no trace."""
    return tuple(sorted((slot.dataset, slot.key, slot.file_id) for slot in state.slots.values()))


def manifest_hash(state: BatchState) -> str:
    """Identity of the manifest."""
    return names.digest("manifest", *(part for line in manifest(state) for part in line))


def manifest_bytes(state: BatchState) -> int:
    """Size of the manifest's bronze objects, bytes."""
    return sum(slot.bytes for slot in state.slots.values())


def run_needed(pipeline: Pipeline, state: BatchState) -> Run | None:
    """The run for what the batch holds; nothing while a dataset is missing."""
    if missing(pipeline, state):
        return None
    hashed = manifest_hash(state)
    run_id = names.run_id(state.pipeline, state.batch, hashed, state.generation)
    return Run(state.pipeline, state.batch, run_id, state.generation, hashed)
