"""Which slot a bronze object key belongs to. Pure: the key and the contracts in, a place or a refusal out."""

from collections.abc import Mapping

from lakehouse.contract.model import Dataset, Pipeline, Place, RefusedPlace
from lakehouse.contract.patterns import path_regex, placeholders
from lakehouse.names import BRONZE, DEFAULT_BATCH, slot_id


def place_of(key: str, pipelines: Mapping[str, Pipeline]) -> Place | RefusedPlace:
    """The place of a key (whole, not URL-encoded): the first dataset in the contract's order one of whose paths fits.

    The batch is the contract's `batch` filled from the path's placeholders; a path without them is batch `default`.
    """
    head, _, below = key.partition("/")
    name, slash, rest = below.partition("/")
    if head != BRONZE or not slash:
        return RefusedPlace(key, "not_bronze", f"Found key {key!r}, expected {BRONZE}/<pipeline>/<file>")
    if key.endswith("/"):
        return RefusedPlace(key, "folder_placeholder", f"Found key {key!r}, a folder's placeholder, expected a file")
    pipeline = pipelines.get(name)
    if pipeline is None:
        message = (
            f"Found pipeline {name!r} in the key {key!r}, expected one of {', '.join(sorted(pipelines)) or 'none'}"
        )
        return RefusedPlace(key, "unknown_pipeline", message)
    for dataset in pipeline.datasets:
        for pattern in dataset.paths:
            batch = _batch(dataset, pattern, rest)
            if batch is not None:
                return Place(name, dataset.name, batch, key, slot_id(name, dataset.name, batch, key))
            batch = _marked_batch(dataset, pattern, rest)
            if batch is not None:
                return Place(name, dataset.name, batch, key, slot_id(name, dataset.name, batch, key), marker=True)
    known = ", ".join(path for dataset in pipeline.datasets for path in dataset.paths)
    return RefusedPlace(key, "unknown_place", f"Found key {key!r}, expected one of {known} below {BRONZE}/{name}/")


def _batch(dataset: Dataset, pattern: str, rest: str) -> str | None:
    match = path_regex(pattern).fullmatch(rest)
    return None if match is None else _named(dataset, match.groupdict())


def _marked_batch(dataset: Dataset, pattern: str, rest: str) -> str | None:
    """The batch that a marker object closes: it lies where the pattern's files lie, under the marker's name."""
    if dataset.marker is None:
        return None
    folder, slash, _ = pattern.rpartition("/")
    match = path_regex(folder + slash + dataset.marker).fullmatch(rest)
    return None if match is None else _named(dataset, match.groupdict())


def _named(dataset: Dataset, values: Mapping[str, str]) -> str:
    wanted = placeholders(dataset.batch)
    if any(name not in values for name in wanted):
        return DEFAULT_BATCH
    return dataset.batch.format_map(values)
