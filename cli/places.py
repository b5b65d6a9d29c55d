"""Which bronze place a file on disk is meant for: by its name and the contracts' path patterns. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from cli.errors import CliError
from lakehouse.contract.model import Dataset, Pipeline, Place
from lakehouse.contract.patterns import path_regex, placeholders
from lakehouse.contract.route import place_of
from lakehouse.names import BRONZE, DEFAULT_BATCH


def place_for(
    path: PurePath,
    pipelines: Mapping[str, Pipeline],
    pipeline: str | None = None,
    dataset: str | None = None,
    batch: str | None = None,
) -> Place:
    """The slot that a file goes to.

    A place is meant when the file's folders are those of one of a dataset's paths
    (`…/things/date=2026-01-31/a.json`). Otherwise a dataset is meant when one of its paths names the file outright
    (`users.{ext}`), or when the file's name or its folder's begins with the dataset's (`users-2.json`,
    `users/part-1.json`); `pipeline` and `dataset` narrow it down. Without `batch` it is a path that needs no batch.

    Raises:
        CliError: no dataset or several fit; lists the patterns.
    """
    candidates = _candidates(pipelines, pipeline, dataset)
    if batch is None:
        found = {key for one in candidates for key in _by_folders(one, path)}
        if len(found) == 1:
            placed = found.pop()
            return _checked(placed, pipelines, _batch_of(placed, pipelines))
    for meant in (_named_outright, _named_after):
        keys = {one.pipeline + "/" + one.name: _key(one, path, batch) for one in candidates if meant(one, path)}
        keys = {name: key for name, key in keys.items() if key}
        if len(keys) == 1:
            return _checked(str(next(iter(keys.values()))), pipelines, batch)
        if keys:
            raise CliError(
                f"{path.name} fits several datasets: {', '.join(keys)}", "Say which: --pipeline NAME --dataset NAME"
            )
    key = _key(candidates[0], path, batch) if len(candidates) == 1 else None
    if key:
        return _checked(key, pipelines, batch)
    raise CliError(
        f"{path.name} fits no dataset{_with(batch)}. Files are named:\n{_patterns(candidates)}", _hint(batch)
    )


def _candidates(pipelines: Mapping[str, Pipeline], pipeline: str | None, dataset: str | None) -> list[Dataset]:
    if pipeline is not None and pipeline not in pipelines:
        raise CliError(f"Unknown pipeline '{pipeline}'. Expected one of {', '.join(pipelines)}")
    found = [one for name in ([pipeline] if pipeline else pipelines) for one in pipelines[name].datasets]
    known = [one.name for one in found]
    found = [one for one in found if dataset in (None, one.name)]
    if not found:
        raise CliError(f"Unknown dataset '{dataset}'. Expected one of {', '.join(known)}")
    return found


def _by_folders(dataset: Dataset, path: PurePath) -> Iterator[str]:
    """Keys of the path patterns with a `name={placeholder}` folder that the file's last folders fill."""
    for pattern in dataset.paths:
        segments = pattern.count("/") + 1
        tail = "/".join(path.parts[-segments:])
        if "={" in pattern and path_regex(pattern).fullmatch(tail):
            yield f"{BRONZE}/{dataset.pipeline}/{tail}"


def _batch_of(key: str, pipelines: Mapping[str, Pipeline]) -> str | None:
    place = place_of(key, pipelines)
    return place.batch if isinstance(place, Place) else None


def _named_outright(dataset: Dataset, path: PurePath) -> bool:
    last = (pattern.rpartition("/")[2] for pattern in dataset.paths)
    return any(set(placeholders(name)) <= {"ext"} and path_regex(name).fullmatch(path.name) for name in last)


def _named_after(dataset: Dataset, path: PurePath) -> bool:
    begins = re.compile(re.escape(dataset.name) + r"(?![A-Za-z0-9])")
    return bool(begins.match(path.name) or begins.match(path.parent.name))


def _key(dataset: Dataset, path: PurePath, batch: str | None) -> str | None:
    """The key of the first path pattern that the file's name and the batch fill."""
    wanted = set(placeholders(dataset.batch))
    values = _batch_values(dataset, batch)
    if values is None:
        return None
    for pattern in dataset.paths:
        names = set(placeholders(pattern))
        folder, _, last = pattern.rpartition("/")
        match = path_regex(last).fullmatch(path.name)
        has_batch = bool(wanted) and wanted <= names
        if match is None or has_batch != bool(values):
            continue
        found = match.groupdict()
        clear = names <= set(values) | set(found)
        if clear and all(found.get(name, value) == value for name, value in values.items()):
            return "/".join(part for part in (BRONZE, dataset.pipeline, folder.format_map(values), path.name) if part)
    return None


def _batch_values(dataset: Dataset, batch: str | None) -> dict[str, str] | None:
    """The placeholders that name this batch; none for `default`, None when the batch cannot be named so."""
    if batch in (None, DEFAULT_BATCH):
        return {}
    match = path_regex(dataset.batch).fullmatch(batch)
    return match.groupdict() if match else None


def _checked(key: str, pipelines: Mapping[str, Pipeline], batch: str | None) -> Place:
    place = place_of(key, pipelines)
    if not isinstance(place, Place) or place.batch != (batch or DEFAULT_BATCH):
        raise CliError(f"{key} would not be a place of batch '{batch or DEFAULT_BATCH}'")
    return place


def _patterns(datasets: Iterable[Dataset]) -> str:
    return "\n".join(f"  {one.pipeline}/{one.name}: {', '.join(one.paths)}" for one in datasets)


def _with(batch: str | None) -> str:
    return f" with batch '{batch}'" if batch else ""


def _hint(batch: str | None) -> str:
    return "Rename the file, or say what it is: --pipeline NAME --dataset NAME" + ("" if batch else " [--batch NAME]")
