"""Read every `pipelines/<name>/pipeline.toml` into values and refuse what contradicts itself.

The folder is the one beside this package, also when both lie in a zip on `sys.path` (Lambda, Glue), or the one that
`LAKE_PIPELINES_DIR` names.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

from lakehouse.contract.columns import read_columns, read_key
from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Dataset, Engine, Format, GoldTable, Pipeline, Seed
from lakehouse.contract.patterns import placeholders
from lakehouse.contract.surroundings import read_crawler, read_demo, read_generator, read_warehouse
from lakehouse.errors import ContractError
from lakehouse.names import digest

FILE = "pipeline.toml"
ENGINES = ("spark", "duckdb", "auto")
FORMATS = ("ndjson", "json_array", "json_document", "csv")
JUDGING_VERSION = "1"
"""Raised when the parser judges a file otherwise than before: every file is then judged again."""
NOT_JUDGED = ("pipeline", "name", "description", "paths", "batch", "parts", "marker", "compact", "contract_hash")
"""Fields of a dataset that decide nothing about its files' rows."""


def pipelines_folder(env: Mapping[str, str] | None = None) -> Traversable:
    """The folder of pipelines.

    Raises:
        ContractError: there is none.
    """
    named = (os.environ if env is None else env).get("LAKE_PIPELINES_DIR")
    folder: Traversable
    if named:
        folder = Path(named)
    else:
        package = files("lakehouse")
        # A zipfile.Path and a pathlib.Path have a parent; Traversable does not promise one.
        folder = cast(Path, package).parent / "pipelines"
    if not folder.is_dir():
        raise ContractError(f"{folder}: no such folder, expected pipelines/<name>/{FILE}; see LAKE_PIPELINES_DIR")
    return folder


def pipelines(folder: Traversable | None = None) -> dict[str, Pipeline]:
    """Every pipeline by name, in the names' order.

    Raises:
        ContractError: one of them is wrong; names the file and the field, what was found and what was expected.
    """
    root = pipelines_folder() if folder is None else folder
    names = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and (entry / FILE).is_file())
    return {name: load_pipeline(root / name) for name in names}


def load_pipeline(folder: Traversable) -> Pipeline:
    """Read one pipeline's folder. Raises ContractError."""
    file = f"pipelines/{folder.name}/{FILE}"
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ContractError(f"{file}: is no TOML: {error}") from error
    fields = Fields(table, file)
    name = fields.text("name")
    if name != folder.name:
        fields.fail("name", f"found {name!r}, expected {folder.name!r}, the folder's name")
    pipeline = Pipeline(
        name=name,
        title=fields.text("title"),
        folder=folder,
        engine=cast(Engine, fields.choice("engine", ENGINES)),
        datasets=tuple(_dataset(name, dataset, entry) for dataset, entry in fields.tables("datasets")),
        gold=tuple(_gold(name, gold, entry) for gold, entry in fields.tables("gold")),
        auto_spark_from_bytes=fields.count("auto_spark_from_bytes", 512 * 1024**2),
        seeds=tuple(_seed(name, seed, entry) for seed, entry in fields.tables("seeds")),
        generator=read_generator(fields),
        demo=read_demo(fields),
        crawlers=tuple(read_crawler(crawler, entry) for crawler, entry in fields.tables("crawlers")),
        warehouse=read_warehouse(fields),
        job_mail=fields.take("job_mail", bool, "true or false", False),
        contract_hash=digest("pipeline", text),
    )
    if not pipeline.datasets:
        fields.fail("datasets", "is missing, expected at least one table [datasets.<name>]")
    fields.done()
    return pipeline


def _dataset(pipeline: str, name: str, fields: Fields) -> Dataset:
    columns = read_columns(fields)
    dataset = Dataset(
        pipeline=pipeline,
        name=name,
        description=fields.text("description"),
        paths=_paths(fields),
        formats=cast(tuple[Format, ...], _formats(fields)),
        columns=columns,
        key=read_key(fields, columns, may_be_empty=True),
        batch=fields.text("batch", "{batch}"),
        max_bad_share=_share(fields),
        unknown_columns="ignore"
        if fields.choice("unknown_columns", ("refuse", "ignore"), "refuse") == "ignore"
        else "refuse",
        parts=fields.count("parts", 1),
        marker=fields.optional("marker", str, "an object's name such as _SUCCESS"),
        max_bytes=fields.count("max_bytes", 20 * 1024**3),
        checks=fields.texts("checks", ()),
        compact=fields.take("compact", bool, "true or false", False),
    )
    if dataset.marker is not None and ("/" in dataset.marker or not dataset.marker):
        fields.fail("marker", f"found {dataset.marker!r}, expected an object's name such as _SUCCESS")
    if dataset.marker is not None and dataset.parts != 1:
        fields.fail("parts", "found beside marker, expected one of the two")
    _check_batch(fields, dataset)
    fields.done()
    return replace(dataset, contract_hash=_judging_hash(dataset))


def _judging_hash(dataset: Dataset) -> str:
    """Hash of what decides a verdict. Comments are left out: to word one better is not to judge otherwise."""
    values = {name: value for name, value in asdict(dataset).items() if name not in NOT_JUDGED}
    for column in values["columns"]:
        del column["comment"]
    return digest("contract", JUDGING_VERSION, json.dumps(values, sort_keys=True, default=str))


def _gold(pipeline: str, name: str, fields: Fields) -> GoldTable:
    columns = read_columns(fields)
    table = GoldTable(
        pipeline=pipeline,
        name=name,
        description=fields.text("description"),
        columns=columns,
        key=read_key(fields, columns),
        after=fields.optional("after", str, "a gold table's name"),
        partition_by=fields.optional("partition_by", str, "a column's name"),
        csv=fields.take("csv", bool, "true or false", False),
    )
    fields.done()
    return table


def _seed(pipeline: str, name: str, fields: Fields) -> Seed:
    columns = read_columns(fields)
    seed = Seed(pipeline, name, fields.text("description"), columns, read_key(fields, columns))
    fields.done()
    return seed


def _paths(fields: Fields) -> tuple[str, ...]:
    paths = fields.texts("paths")
    for index, path in enumerate(paths):
        try:
            placeholders(path)
        except ValueError as error:
            fields.fail(f"paths[{index}]", str(error))
    return paths


def _formats(fields: Fields) -> tuple[str, ...]:
    formats = fields.texts("formats")
    for index, value in enumerate(formats):
        if value not in FORMATS:
            fields.fail(f"formats[{index}]", f"found {value!r}, expected one of {', '.join(FORMATS)}")
    return formats


def _share(fields: Fields) -> Decimal:
    text = fields.take("max_bad_share", str, "a share as text such as '0.10'", "0.10")
    try:
        share = Decimal(text)
    except InvalidOperation:
        share = Decimal("NaN")
    if not (share.is_finite() and 0 <= share <= 1):
        fields.fail("max_bad_share", f"found {text!r}, expected a share between '0' and '1'")
    return share


def _check_batch(fields: Fields, dataset: Dataset) -> None:
    """The batch's placeholders come from the paths: each path has all of them or none."""
    try:
        wanted = set(placeholders(dataset.batch))
    except ValueError as error:
        fields.fail("batch", str(error))
    for index, path in enumerate(dataset.paths):
        found = wanted & set(placeholders(path))
        if found and found != wanted:
            fields.fail(
                f"paths[{index}]", f"found {path!r}, expected all placeholders of batch {dataset.batch!r} or none"
            )
