"""What the parts of a contract say of each other, and the pipelines of each other: all of it must be there."""

from collections.abc import Iterable, Mapping, Sequence

from lakehouse.contract.columns import NAME
from lakehouse.contract.fields import Fields
from lakehouse.contract.model import Crawler, Dataset, GoldTable, Pipeline, Seed
from lakehouse.contract.patterns import placeholders
from lakehouse.errors import ContractError
from lakehouse.names import silver_table

Named = Dataset | GoldTable | Seed | Crawler
DAYS = ("{date}", "{year}-{month}-{day}")
"""Names of batches that are days of the calendar."""


def check_pipeline(fields: Fields, pipeline: Pipeline) -> None:
    """Refuse a contract whose parts do not fit each other. Raises ContractError."""
    _check_names(fields, pipeline)
    for table in pipeline.gold:
        if table.after is not None:
            _check_after(fields, pipeline.gold, table)
        if table.partition_by is not None:
            _check_partition(fields, pipeline.datasets, table)
    _check_crawlers(fields, pipeline)
    if pipeline.warehouse is not None:
        _among(fields, "warehouse.facts", pipeline.warehouse.facts, _names(pipeline.gold), "gold tables")
        _among(fields, "warehouse.dimensions", pipeline.warehouse.dimensions, _names(pipeline.seeds), "seeds")
        _check_facts(fields, pipeline)
    if pipeline.generator is not None and not (pipeline.folder / "generate.py").is_file():
        fields.fail("generator", f"found no pipelines/{pipeline.name}/generate.py, expected the generator's code")


def check_together(pipelines: Mapping[str, Pipeline]) -> None:
    """Tables of all pipelines share one database for gold and one for silver, so their names must differ.

    Raises:
        ContractError: two of them are the same. Names both files.
    """
    gold = [(table.name, pipeline, f"gold.{table.name}") for pipeline in pipelines.values() for table in pipeline.gold]
    silver = [
        (silver_table(pipeline.name, dataset.name), pipeline, f"datasets.{dataset.name}")
        for pipeline in pipelines.values()
        for dataset in pipeline.datasets
    ]
    for layer, named in (("gold", gold), ("silver", silver)):
        first: dict[str, tuple[Pipeline, str]] = {}
        for name, pipeline, where in named:
            other, there = first.setdefault(name, (pipeline, where))
            if other is not pipeline:
                raise ContractError(
                    f"pipelines/{pipeline.name}/pipeline.toml: {where}: found the {layer} table {name!r}, which "
                    f"{there} of pipelines/{other.name}/pipeline.toml is as well, expected different names"
                )


def _names(parts: Iterable[Named]) -> list[str]:
    return [part.name for part in parts]


def _among(fields: Fields, where: str, found: Sequence[str], able: Sequence[str], what: str) -> None:
    for index, name in enumerate(found):
        if name not in able:
            fields.fail(f"{where}[{index}]", f"found {name!r}, expected one of the {what}: {', '.join(able) or 'none'}")


def _check_names(fields: Fields, pipeline: Pipeline) -> None:
    """Names become those of tables, files and relations: gold's SQL reads datasets, seeds and earlier gold by name."""
    kinds: tuple[tuple[str, Sequence[Named]], ...] = (
        ("datasets", pipeline.datasets),
        ("gold", pipeline.gold),
        ("seeds", pipeline.seeds),
        ("crawlers", pipeline.crawlers),
    )
    for kind, parts in kinds:
        for name in _names(parts):
            if not NAME.fullmatch(name):
                fields.fail(f"{kind}.{name}", f"found {name!r}, expected a name of lower-case letters, digits and _")
    followed = {table.after: f"gold.{table.after}" for table in pipeline.gold if table.after is not None}
    relations = {name: f"datasets.{name}" for name in _names(pipeline.datasets)}
    for name, where in [*((seed.name, f"seeds.{seed.name}") for seed in pipeline.seeds), *followed.items()]:
        if name in relations:
            fields.fail(where, f"found the name of {relations[name]} again, expected another: gold's SQL reads both")
        relations[name] = where


def _check_after(fields: Fields, gold: Sequence[GoldTable], table: GoldTable) -> None:
    """`after` leads from table to table to one that follows none."""
    tables = {other.name: other for other in gold}
    path = [table.name]
    before = table.after
    while before is not None:
        if before not in tables:
            able = ", ".join(name for name in tables if name != table.name) or "none"
            fields.fail(f"gold.{path[-1]}.after", f"found {before!r}, expected another gold table: {able}")
        if before in path:
            found = " after ".join([*path, before])
            fields.fail(f"gold.{table.name}.after", f"found {found}, expected no circle")
        path.append(before)
        before = tables[before].after


def _check_partition(fields: Fields, datasets: Sequence[Dataset], table: GoldTable) -> None:
    """The partition is the batch: its column is the last one, and there is one dataset whose batch it can be."""
    where = f"gold.{table.name}.partition_by"
    last = table.columns[-1]
    if table.partition_by != last.name:
        fields.fail(where, f"found {table.partition_by!r}, expected the last column, {last.name!r}")
    if last.type not in ("date", "string") or not last.required:
        found = f"{'a required' if last.required else 'an optional'} column of type {last.type}"
        fields.fail(where, f"found {found}, expected a required one of type date or string")
    if len(datasets) != 1:
        fields.fail(where, f"found {len(datasets)} datasets, expected exactly one: the partition is its batch")
    if table.csv:
        fields.fail(f"gold.{table.name}.csv", "found beside partition_by, expected one of the two")
    (dataset,) = datasets
    if last.type == "date" and not _batches_are_days(dataset):
        found = f"batch {dataset.batch!r} and paths {', '.join(dataset.paths)} of dataset {dataset.name!r}"
        fields.fail(where, f"found {found}, expected batches that are days, {' or '.join(DAYS)}, for type date")


def _batches_are_days(dataset: Dataset) -> bool:
    wanted = set(placeholders(dataset.batch))
    return dataset.batch in DAYS and all(wanted <= set(placeholders(path)) for path in dataset.paths)


def _check_facts(fields: Fields, pipeline: Pipeline) -> None:
    """A load reads one folder of gold that the workflow has published before it."""
    facts = pipeline.warehouse.facts if pipeline.warehouse else ()
    for table in (one for one in pipeline.gold if one.name in facts):
        for field, value in (("after", table.after), ("partition_by", table.partition_by)):
            if value is not None:
                fields.fail(f"gold.{table.name}.{field}", "found on a fact of the warehouse, expected none there")


def _check_crawlers(fields: Fields, pipeline: Pipeline) -> None:
    for crawler in pipeline.crawlers:
        able = _names(pipeline.gold if crawler.layer == "gold" else pipeline.datasets)
        if crawler.target not in able:
            what = "gold tables" if crawler.layer == "gold" else "datasets"
            where = f"crawlers.{crawler.name}.{crawler.layer}"
            fields.fail(where, f"found {crawler.target!r}, expected one of the {what}: {', '.join(able) or 'none'}")
