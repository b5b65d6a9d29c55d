"""Which slot a bronze object key belongs to. Pure: the key and the contracts in, a place or a refusal out."""

from collections.abc import Iterator, Mapping

from lakehouse.contract.model import Dataset, Pipeline, Place, RefusedPlace
from lakehouse.contract.patterns import path_regex, placeholders, wrong_day
from lakehouse.names import BRONZE, DEFAULT_BATCH, slot_id


def place_of(key: str, pipelines: Mapping[str, Pipeline]) -> Place | RefusedPlace:
    """The place of a key (whole, not URL-encoded): the first dataset in the contract's order one of whose paths fits.

    The batch is the contract's `batch` filled from the path's placeholders; a path without them is batch `default`.
    Placeholders of days (`{date}`, `{year}`, `{month}`, `{day}`) fit days of the calendar only.
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
            for form, marker in _forms(dataset, pattern):
                match = path_regex(form).fullmatch(rest)
                if match is not None and wrong_day(match.groupdict()) is None:
                    batch = _batch(dataset, match.groupdict())
                    return Place(name, dataset.name, batch, key, slot_id(name, dataset.name, batch, key), marker=marker)
    return RefusedPlace(key, "unknown_place", _why(key, pipeline, rest))


def _forms(dataset: Dataset, pattern: str) -> Iterator[tuple[str, bool]]:
    """What a path pattern stands for: its files, and the marker object that lies where they lie."""
    yield pattern, False
    if dataset.marker is not None:
        folder, slash, _ = pattern.rpartition("/")
        yield folder + slash + dataset.marker, True


def _batch(dataset: Dataset, values: Mapping[str, str]) -> str:
    wanted = placeholders(dataset.batch)
    if any(name not in values for name in wanted):
        return DEFAULT_BATCH
    return dataset.batch.format_map(values)


def _why(key: str, pipeline: Pipeline, rest: str) -> str:
    """Why a key fits no dataset: the day that it names is none, or it is like no path."""
    paths = [(dataset, path) for dataset in pipeline.datasets for path in dataset.paths]
    for dataset, pattern in paths:
        for form, _ in _forms(dataset, pattern):
            match = path_regex(form, days_as_written=False).fullmatch(rest)
            problem = match and wrong_day(match.groupdict())
            if problem:
                return f"Found key {key!r} for {form} of dataset {dataset.name!r}: {problem}"
    known = ", ".join(path for _, path in paths)
    return f"Found key {key!r}, expected one of {known} below {BRONZE}/{pipeline.name}/"
