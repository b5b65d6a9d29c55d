"""Read every `pipelines/<name>/pipeline.toml` into values and refuse what contradicts itself.

The folder is the one beside this package, also when both lie in a zip on `sys.path` (Lambda, Glue), or the one that
`LAKE_PIPELINES_DIR` names.
"""

import os
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

from lakehouse.contract.columns import read_columns, read_key
from lakehouse.contract.cross_checks import check_pipeline, check_together
from lakehouse.contract.datasets import read_dataset
from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Engine, GoldTable, Pipeline, Seed
from lakehouse.contract.personal import check_gold_columns
from lakehouse.contract.surroundings import read_crawler, read_deadlines, read_demo, read_generator, read_warehouse
from lakehouse.contract.totals import read_total
from lakehouse.errors import ContractError
from lakehouse.names import digest

FILE = "pipeline.toml"
ENGINES = ("spark", "duckdb", "auto")


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
    found = {name: load_pipeline(root / name) for name in names}
    check_together(found)
    return found


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
    seeds = tuple(_seed(folder, seed, entry) for seed, entry in fields.tables("seeds"))
    pipeline = Pipeline(
        name=name,
        title=fields.text("title"),
        folder=folder,
        engine=cast(Engine, fields.choice("engine", ENGINES)),
        datasets=tuple(read_dataset(name, dataset, entry, seeds) for dataset, entry in fields.tables("datasets")),
        gold=tuple(_gold(name, gold, entry) for gold, entry in fields.tables("gold")),
        auto_spark_from_bytes=fields.count("auto_spark_from_bytes", 512 * 1024**2),
        seeds=seeds,
        generator=read_generator(fields),
        demo=read_demo(fields),
        crawlers=tuple(read_crawler(crawler, entry) for crawler, entry in fields.tables("crawlers")),
        warehouse=read_warehouse(fields),
        deadlines=read_deadlines(fields),
        job_mail=fields.take("job_mail", bool, "true or false", False),
        contract_hash=digest("pipeline", text),
    )
    if not pipeline.datasets:
        fields.fail("datasets", "is missing, expected at least one table [datasets.<name>]")
    fields.done()
    check_pipeline(fields, pipeline)
    return pipeline


def _gold(pipeline: str, name: str, fields: Fields) -> GoldTable:
    columns = read_columns(fields)
    check_gold_columns(fields, columns)
    table = GoldTable(
        pipeline=pipeline,
        name=name,
        description=fields.text("description"),
        columns=columns,
        key=read_key(fields, columns),
        after=fields.optional("after", str, "a gold table's name"),
        partition_by=fields.optional("partition_by", str, "a column's name"),
        csv=fields.take("csv", bool, "true or false", False),
        totals=tuple(read_total(total, entry) for total, entry in fields.tables("totals")),
    )
    fields.done()
    return table


def _seed(folder: Traversable, name: str, fields: Fields) -> Seed:
    columns = read_columns(fields)
    file = folder / "seeds" / f"{name}.csv"
    seed = Seed(folder.name, name, fields.text("description"), columns, read_key(fields, columns), file)
    fields.done()
    return seed
