"""The parts of a contract must fit each other, and the pipelines each other."""

from pathlib import Path

import pytest

from lakehouse.contract.load import load_pipeline, pipelines
from lakehouse.contract.model import Deadlines
from lakehouse.errors import ContractError

GOOD = """
name = "x"
title = "Title"
engine = "auto"

[generator]
rows = 1

[datasets.sales]
description = "Sales"
paths = ["sales/date={date}/{file}.{ext}"]
formats = ["csv"]
batch = "{date}"
key = []
columns = [
  { name = "product", type = "string", references = "products.id" },
  { name = "n", type = "int" },
]

[seeds.products]
description = "Products"
key = ["id"]
columns = [
  { name = "id", type = "string" },
  { name = "rank", type = "int" },
  { name = "label", type = "string", required = false },
]

[gold.first]
description = "First"
key = ["id"]
columns = [{ name = "id", type = "string" }]

[gold.second]
description = "Second"
key = ["id"]
after = "first"
columns = [{ name = "id", type = "string" }]

[gold.daily]
description = "By day"
key = ["id"]
partition_by = "day"
columns = [{ name = "id", type = "string" }, { name = "day", type = "date" }]

[crawlers.raw]
bronze = "sales"

[crawlers.typed]
silver = "sales"

[crawlers.ready]
gold = "daily"

[warehouse]
facts = ["first"]
dimensions = ["products"]
"""


def _write(folder: Path, text: str, name: str = "x") -> Path:
    (folder / name / "seeds").mkdir(parents=True, exist_ok=True)
    (folder / name / "pipeline.toml").write_text(text, encoding="utf-8")
    (folder / name / "generate.py").touch()
    (folder / name / "seeds" / "products.csv").write_text("id,rank,label\np1,1,\n", encoding="utf-8")
    return folder / name


def test_parts_that_fit_each_other_load(tmp_path: Path) -> None:
    pipeline = load_pipeline(_write(tmp_path, GOOD))
    (sales,) = pipeline.datasets
    assert sales.key == ()
    assert sales.seeds == pipeline.seeds
    assert [(table.name, table.after, table.partition_by) for table in pipeline.gold] == [
        ("first", None, None),
        ("second", "first", None),
        ("daily", None, "day"),
    ]


FIRST, DAY = 'after = "first"', '{ name = "day", type = "date" }'
OTHER = '\n[datasets.more]\ndescription = "M"\npaths = ["m.{ext}"]\nformats = ["csv"]\nkey = []\n'
OTHER += 'columns = [{ name = "a", type = "string" }]\n'
WRONG = [
    ("after nothing", FIRST, 'after = "third"', "gold.second.after: found 'third', expected another gold table: first"),
    ("after itself", FIRST, 'after = "second"', "gold.second.after: found second after second, expected no circle"),
    (
        "after each other",
        '[gold.first]\ndescription = "First"\n',
        '[gold.first]\ndescription = "First"\nafter = "second"\n',
        "gold.first.after: found first after second after first, expected no circle",
    ),
    ("partition", 'by = "day"', 'by = "id"', "gold.daily.partition_by: found 'id', expected the last column, 'day'"),
    (
        "partition with a file for spreadsheets",
        'partition_by = "day"',
        'partition_by = "day"\ncsv = true',
        "gold.daily.csv: found beside partition_by, expected one of the two",
    ),
    ("partition's type", DAY, DAY.replace("date", "int"), "found a required column of type int, expected a required"),
    ("partition that may lack", DAY, DAY.replace(" }", ", required = false }"), "an optional column of type date"),
    (
        "csv of parts",
        'by = "day"',
        'by = "day"\ncsv = true',
        "gold.daily.csv: found beside partition_by, expected one of the two",
    ),
    (
        "two datasets",
        "[seeds.products]",
        OTHER + "\n[seeds.products]",
        "partition_by: found 2 datasets, expected exact",
    ),
    (
        "batch that is no day",
        'batch = "{date}"',
        'batch = "{file}"',
        "found batch '{file}' and paths sales/date={date}",
    ),
    (
        "path without a day",
        '["sales/date={date}/{file}.{ext}"]',
        '["sales/date={date}/{file}.{ext}", "sales.{ext}"]',
        "expected batches that are days, {date} or {year}-{month}-{day}, for type date",
    ),
    (
        "month without its year",
        '["sales/date={date}/{file}.{ext}"]',
        '["sales/date={date}/{month}/{file}.{ext}"]',
        "datasets.sales.paths[0]: found 'sales/date={date}/{month}/{file}.{ext}', expected {month} only beside {year}",
    ),
    (
        "reference to no seed",
        '"products.id"',
        '"goods.id"',
        "datasets.sales.columns[0].references: found 'goods.id', expected a seed's required column of strings: pro",
    ),
    ("reference to no column", '"products.id"', '"products.name"', "expected a seed's required column of strings: pro"),
    ("reference without a column", '"products.id"', '"products"', "references: found 'products', expected a seed's"),
    ("reference to a number", '"products.id"', '"products.rank"', "references: found 'products.rank', expected a"),
    ("reference to what may lack", '"products.id"', '"products.label"', "found 'products.label', expected a seed's"),
    (
        "reference of a number",
        '{ name = "n", type = "int" }',
        '{ name = "n", type = "int", references = "products.id" }',
        "datasets.sales.columns[1].references: found on type int, expected only on string",
    ),
    ("crawler of no dataset", 'bronze = "sales"', 'bronze = "s"', "crawlers.raw.bronze: found 's', expected one of"),
    ("crawler of no silver", 'silver = "sales"', 'silver = "s"', "crawlers.typed.silver: found 's', expected one of"),
    ("crawler of no gold", 'gold = "daily"', 'gold = "sales"', "crawlers.ready.gold: found 'sales', expected one of"),
    ("fact", 'facts = ["first"]', 'facts = ["sales"]', "warehouse.facts[0]: found 'sales', expected one of the gold"),
    ("fact that follows", 'facts = ["first"]', 'facts = ["second"]', "gold.second.after: found on a fact of the ware"),
    ("fact of parts", 'facts = ["first"]', 'facts = ["daily"]', "gold.daily.partition_by: found on a fact of the"),
    ("dimension", '= ["products"]', '= ["first"]', "warehouse.dimensions[0]: found 'first', expected one of the seeds"),
    ("seed's name", "[seeds.products]", "[seeds.sales]", "datasets.sales.columns[0].references: found 'products.id'"),
    ("name of a table", "[gold.daily]", "[gold.Daily]", "gold.Daily: found 'Daily', expected a name of lower-case"),
    ("name of a crawler", "[crawlers.raw]", "[crawlers.raw-1]", "crawlers.raw-1: found 'raw-1', expected a name of"),
    (
        "equation",
        "key = []",
        'key = []\nchecks = ["n = m"]',
        "datasets.sales.checks[0]: found 'm', expected one of the",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_parts_that_do_not_fit_say_where_and_what(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ContractError) as caught:
        load_pipeline(_write(tmp_path, GOOD.replace(old, new, 1)))
    assert str(caught.value).startswith("pipelines/x/pipeline.toml: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[gold.first]", "[gold.sales]", "gold.sales: found the name of datasets.sales again"),
        ("[gold.first]", "[gold.products]", "gold.products: found the name of seeds.products again"),
    ],
)
def test_a_table_that_another_follows_has_a_name_of_its_own(tmp_path: Path, old: str, new: str, message: str) -> None:
    name = new.strip("[]").partition(".")[2]
    text = (
        GOOD.replace(old, new).replace(FIRST, f'after = "{name}"').replace('facts = ["first"]', f'facts = ["{name}"]')
    )
    with pytest.raises(ContractError) as caught:
        load_pipeline(_write(tmp_path, text))
    assert message in str(caught.value)


def test_a_seeds_name_is_no_datasets(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"seeds.sales: found the name of datasets.sales again"):
        load_pipeline(
            _write(
                tmp_path,
                GOOD.replace("seeds.products", "seeds.sales")
                .replace('references = "products.id"', "max_length = 9")
                .replace('dimensions = ["products"]', ""),
            )
        )


def test_deadlines_have_defaults_and_a_limit(tmp_path: Path) -> None:
    assert load_pipeline(_write(tmp_path, GOOD)).deadlines == Deadlines(batch_minutes=1440, run_minutes=120)
    table = "\n[deadlines]\n"
    loaded = load_pipeline(_write(tmp_path, GOOD + table + "run_minutes = 5\n"))
    assert loaded.deadlines == Deadlines(batch_minutes=1440, run_minutes=5)
    for field, message in (
        ("batch_minutes = 10081", "deadlines.batch_minutes: found 10081, expected at most 10080 minutes, a week"),
        ("run_minutes = 0", "deadlines.run_minutes: found 0, expected a whole number ≥ 1"),
        ('run_minutes = "1 h"', "deadlines.run_minutes: found '1 h', expected a whole number ≥ 1"),
        ("hours = 1", "deadlines.hours: is unknown, expected one of batch_minutes, run_minutes"),
    ):
        with pytest.raises(ContractError) as caught:
            load_pipeline(_write(tmp_path, GOOD + table + field))
        assert message in str(caught.value)


def test_a_generator_needs_its_code(tmp_path: Path) -> None:
    folder = _write(tmp_path, GOOD)
    (folder / "generate.py").unlink()
    with pytest.raises(ContractError, match=r"generator: found no pipelines/x/generate.py, expected the generator"):
        load_pipeline(folder)


def test_gold_tables_of_two_pipelines_have_different_names(tmp_path: Path) -> None:
    _write(tmp_path, GOOD)
    _write(tmp_path, GOOD.replace('name = "x"', 'name = "y"'), "y")
    with pytest.raises(ContractError) as caught:
        pipelines(tmp_path)
    assert str(caught.value) == (
        "pipelines/y/pipeline.toml: gold.first: found the gold table 'first', which gold.first of "
        "pipelines/x/pipeline.toml is as well, expected different names"
    )


def test_silver_tables_of_two_pipelines_have_different_names(tmp_path: Path) -> None:
    text = 'name = "{0}"\ntitle = "T"\nengine = "auto"\n' + OTHER
    _write(tmp_path, text.replace("{0}", "a_b").replace("datasets.more", "datasets.c"), "a_b")
    _write(tmp_path, text.replace("{0}", "a").replace("datasets.more", "datasets.b_c"), "a")
    with pytest.raises(ContractError, match=r"the silver table 'a_b_c', which datasets.b_c of pipelines/a/pipeline"):
        pipelines(tmp_path)


@pytest.mark.parametrize(
    ("total", "message"),
    [
        ('n = { gold = "count(*)" }', r"gold\.first\.totals\.n\.silver: is missing, expected a text"),
        (
            'n = { gold = "id", silver = "select 1" }',
            r"gold\.first\.totals\.n\.gold: found 'id', expected an aggregate",
        ),
        ('n = { gold = "select count(*)", silver = "select 1" }', r"expected an aggregate over the result"),
        (
            'n = { gold = "count(*)", silver = "count(*)" }',
            r"totals\.n\.silver: found 'count\(\*\)', expected a SELECT",
        ),
        ('n = { gold = "count(*)", silver = "select 1; select 2" }', r"without ';' and comments"),
        ('N = { gold = "count(*)", silver = "select 1" }', r"totals\.N: found name 'N'"),
        ('n = { gold = "count(*)", silver = "select 1", more = 1 }', r"totals\.n\.more: is unknown"),
    ],
)
def test_a_total_that_cannot_be_one_is_refused(total: str, message: str, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    (folder / "seeds").mkdir(parents=True)
    (folder / "seeds" / "products.csv").write_text("id,rank,label\na,1,b\n")
    (folder / "generate.py").write_text("")
    (folder / "pipeline.toml").write_text(f"{GOOD}\n[gold.first.totals]\n{total}\n")
    with pytest.raises(ContractError, match=message):
        load_pipeline(folder)
