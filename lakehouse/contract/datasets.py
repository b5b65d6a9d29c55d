"""A contract's datasets, read from TOML and checked."""

import json
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from typing import cast

from lakehouse.contract.columns import read_columns, read_key
from lakehouse.contract.equations import read_equation
from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Column, Dataset, Format, Seed
from lakehouse.contract.patterns import placeholders
from lakehouse.contract.seed_text import column_texts
from lakehouse.names import digest

FORMATS = ("ndjson", "json_array", "json_document", "csv")
JUDGING_VERSION = "1"
"""Raised when the parser judges a file otherwise than before: every file is then judged again."""
NOT_JUDGED = (
    "pipeline",
    "name",
    "description",
    "paths",
    "batch",
    "parts",
    "marker",
    "compact",
    "person",
    "contract_hash",
    "token_key",
)
"""Fields of a dataset that decide nothing about its files' rows."""
PERSON_TYPES = ("string", "int", "long")
"""Of a column that says whose row it is: its values are written in one way only."""


def read_dataset(pipeline: str, name: str, fields: Fields, seeds: tuple[Seed, ...]) -> Dataset:
    """One table `[datasets.<name>]`. `seeds` are the pipeline's. Raises ContractError."""
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
        checks=_checks(fields, columns),
        compact=fields.take("compact", bool, "true or false", False),
        person=_person(fields, columns),
        seeds=_referred(fields, columns, seeds),
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
    values = {name: value for name, value in asdict(replace(dataset, seeds=())).items() if name not in NOT_JUDGED}
    for column in values["columns"]:
        del column["comment"]
        if column["pii"] is None:
            del column["pii"]  # as in the hashes of before there were personal columns
    seeds = {seed.name: seed for seed in dataset.seeds}
    references = sorted({column.references for column in dataset.columns if column.references})
    values["seeds"] = [column_texts(seeds[seed], column) for seed, _, column in map(_parts, references)]
    return digest("contract", JUDGING_VERSION, json.dumps(values, sort_keys=True, default=str))


def _parts(reference: str) -> tuple[str, str, str]:
    return reference.partition(".")


def _checks(fields: Fields, columns: tuple[Column, ...]) -> tuple[str, ...]:
    checks = fields.texts("checks", ())
    for index, check in enumerate(checks):
        try:
            read_equation(check, columns)
        except ValueError as error:
            fields.fail(f"checks[{index}]", str(error))
    return checks


def _person(fields: Fields, columns: tuple[Column, ...]) -> str | None:
    person = fields.optional("person", str, "a column's name")
    able = [column.name for column in columns if column.type in PERSON_TYPES]
    if person is not None and person not in able:
        fields.fail("person", f"found {person!r}, expected a column of type {' or '.join(PERSON_TYPES)}: {able}")
    return person


def _referred(fields: Fields, columns: tuple[Column, ...], seeds: tuple[Seed, ...]) -> tuple[Seed, ...]:
    """The seeds that columns refer to. Each reference is to a required string column, from a string column."""
    able = {f"{seed.name}.{column.name}": seed for seed in seeds for column in seed.columns if _is_text(column)}
    referred: dict[str, Seed] = {}
    for index, column in enumerate(columns):
        if column.references is None:
            continue
        where = f"columns[{index}].references"
        if column.type != "string":
            fields.fail(where, f"found on type {column.type}, expected only on string")
        if column.references not in able:
            known = ", ".join(able) or "none, as the pipeline has no seed with such a column"
            fields.fail(where, f"found {column.references!r}, expected a seed's required column of strings: {known}")
        seed = able[column.references]
        referred[seed.name] = seed
    return tuple(referred.values())


def _is_text(column: Column) -> bool:
    return column.type == "string" and column.required


def _paths(fields: Fields) -> tuple[str, ...]:
    paths = fields.texts("paths")
    for index, path in enumerate(paths):
        try:
            names = placeholders(path)
        except ValueError as error:
            fields.fail(f"paths[{index}]", str(error))
        for part, whole in (("month", "year"), ("day", "month")):
            if part in names and whole not in names:
                fields.fail(f"paths[{index}]", f"found {path!r}, expected {{{part}}} only beside {{{whole}}}")
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
