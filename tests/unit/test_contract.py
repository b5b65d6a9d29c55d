"""Contracts load into values, and a wrong one says where and what."""

import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.contract.load import load_pipeline, pipelines, pipelines_folder
from lakehouse.contract.seeds import known_values
from lakehouse.contract.types import ColumnType, column_type
from lakehouse.errors import ContractError
from lakehouse.parse.layout import layout_of

ROOT = Path(__file__).parents[2]
GOOD = """
name = "x"
title = "Title"
engine = "auto"

[datasets.users]
description = "Users"
paths = ["users.{ext}", "users/{batch}/{file}.{ext}"]
formats = ["ndjson"]
key = ["id"]
columns = [
  { name = "id", type = "string" },
  { name = "n", type = "int", required = false, min = 1, max = 9 },
  { name = "day", type = "date", min = "2000-01-01" },
  { name = "price", type = "decimal(12,2)", max = "9.99" },
]

[gold.result]
description = "Result"
key = ["id"]
columns = [{ name = "id", type = "string" }]
"""


def _write(folder: Path, text: str, name: str = "x") -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "pipeline.toml").write_text(text, encoding="utf-8")
    return folder / name


def test_good_contract_becomes_values(tmp_path: Path) -> None:
    pipeline = load_pipeline(_write(tmp_path, GOOD))
    (users,) = pipeline.datasets
    assert (pipeline.name, pipeline.engine, pipeline.auto_spark_from_bytes) == ("x", "auto", 512 * 1024**2)
    assert (users.pipeline, users.name, users.key, users.batch) == ("x", "users", ("id",), "{batch}")
    assert (users.max_bad_share, users.unknown_columns, users.parts, users.marker) == (
        Decimal("0.10"),
        "refuse",
        1,
        None,
    )
    assert [(column.name, column.type, column.required) for column in users.columns] == [
        ("id", "string", True),
        ("n", "int", False),
        ("day", "date", True),
        ("price", "decimal(12,2)", True),
    ]
    assert users.columns[2].format == "yyyy-MM-dd"
    assert pipeline.dataset("users") is users
    assert [(table.pipeline, table.name, table.key) for table in pipeline.gold] == [("x", "result", ("id",))]


WRONG = [
    ("title", 'title = "Title"', 'titel = "Title"', "title: is missing, expected a text"),
    ("name", 'name = "x"', 'name = "y"', "name: found 'y', expected 'x', the folder's name"),
    ("engine", 'engine = "auto"', 'engine = "hive"', "engine: found 'hive', expected one of spark, duckdb, auto"),
    ("unknown field", 'engine = "auto"', 'engine = "auto"\nengin = 1', "engin: is unknown, expected one of"),
    ("no TOML", 'engine = "auto"', "engine = auto", "is no TOML"),
    (
        "type",
        'type = "int"',
        'type = "strng"',
        "datasets.users.columns[1].type: found 'strng', expected one of string, int",
    ),
    (
        "decimal",
        "decimal(12,2)",
        "decimal(40,2)",
        "datasets.users.columns[3].type: found 'decimal(40,2)', expected one",
    ),
    ("scale", "decimal(12,2)", "decimal(2,12)", "datasets.users.columns[3].type: found 'decimal(2,12)', expected one"),
    ("boolean", "required = false", 'required = "no"', "columns[1].required: found 'no', expected true or false"),
    ("twice", 'name = "n"', 'name = "id"', "datasets.users.columns[1].name: found 'id' a second time"),
    ("name", 'name = "n"', 'name = "N"', "datasets.users.columns[1].name: found 'N', expected lower-case letters"),
    ("no columns", 'columns = [{ name = "id", type = "string" }]', "columns = []", "gold.result.columns: found []"),
    ("limit", "min = 1,", 'min = "one",', "columns[1].min: found 'one', expected a whole number, a decimal as text"),
    ("float", "min = 1,", "min = 1.5,", "columns[1].min: found 1.5, expected a whole number, a decimal as text"),
    ("fraction", "min = 1,", 'min = "1.5",', "columns[1].min: found '1.5', expected a whole number"),
    ("infinite", "min = 1,", 'min = "Infinity",', "columns[1].min: found 'Infinity', expected a whole number"),
    ("order", "min = 1,", "min = 10,", "columns[1].min: found '10', expected at most max, '9'"),
    (
        "beyond",
        "max = 9 }",
        "max = 3000000000 }",
        "columns[1].max: found '3000000000', expected a number that fits int",
    ),
    ("date", 'min = "2000-01-01"', "min = 5", "columns[2].min: found '5', expected a date as yyyy-MM-dd"),
    ("places", 'max = "9.99"', 'max = "9.999"', "columns[3].max: found '9.999', expected at most 2 decimals"),
    (
        "digits",
        'max = "9.99"',
        'max = "99999999999"',
        "columns[3].max: found '99999999999', expected a number that fits",
    ),
    (
        "limit of text",
        '{ name = "id", type = "string" },',
        '{ name = "id", type = "string", min = 1 },',
        "min: found on type string",
    ),
    (
        "date format",
        '"2000-01-01"',
        '"2000-01-01", format = "dd.MM.yyyy"',
        "columns[2].format: found 'dd.MM.yyyy', expected",
    ),
    ("format", "required = false", 'required = false, format = "text"', "columns[1].format: found on type int"),
    ("values", "required = false", 'required = false, values = ["1"]', "columns[1].values: found on type int"),
    (
        "pattern",
        'type = "string" },\n',
        'type = "string", pattern = "(" },\n',
        "columns[0].pattern: found '(', expected a reg",
    ),
    ("look-ahead", 'type = "string" },\n', 'type = "string", pattern = "(?=a)" },\n', "without look-around"),
    ("currency", "required = false", "required = false, currency_text = true", "currency_text: found on type int"),
    (
        "key",
        'key = ["id"]\ncolumns = [\n',
        'key = ["ID"]\ncolumns = [\n',
        "datasets.users.key[0]: found 'ID', expected one of",
    ),
    (
        "null key",
        'key = ["id"]\ncolumns = [\n',
        'key = ["n"]\ncolumns = [\n',
        "datasets.users.key[0]: found 'n', expected one of",
    ),
    ("formats", '["ndjson"]', '["ndjson", "xml"]', "datasets.users.formats[1]: found 'xml', expected one of ndjson"),
    ("no formats", '["ndjson"]', "[]", "datasets.users.formats: found [], expected at least one text"),
    ("path", "users.{ext}", "users.{ext", "datasets.users.paths[0]: found 'users.{ext', expected placeholders"),
    ("slash", '"users.{ext}"', '"/users.{ext}"', "datasets.users.paths[0]: found '/users.{ext}', expected no leading"),
    (
        "placeholder",
        "{batch}/{file}",
        "{file}/{file}",
        "datasets.users.paths[1]: found 'users/{file}/{file}.{ext}', expected every",
    ),
    (
        "share",
        'key = ["id"]\ncolumns = [\n',
        'max_bad_share = "2"\nkey = ["id"]\ncolumns = [\n',
        "max_bad_share: found '2', expected a share",
    ),
    (
        "parts",
        'key = ["id"]\ncolumns = [\n',
        'parts = 0\nkey = ["id"]\ncolumns = [\n',
        "parts: found 0, expected a whole number ≥ 1",
    ),
    (
        "marker",
        'key = ["id"]\ncolumns = [\n',
        'marker = "a/b"\nkey = ["id"]\ncolumns = [\n',
        "marker: found 'a/b', expected an object's",
    ),
    (
        "person",
        'key = ["id"]\ncolumns = [\n',
        'person = "day"\nkey = ["id"]\ncolumns = [\n',
        "person: found 'day', expected a column of type string or int or long: ['id', 'n']",
    ),
    (
        "batch",
        'key = ["id"]\ncolumns = [\n',
        'batch = "{batch}-{d}"\nkey = ["id"]\ncolumns = [\n',
        "paths[1]: found 'users/{batch}",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_contract_says_where_and_what(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ContractError) as caught:
        load_pipeline(_write(tmp_path, GOOD.replace(old, new, 1)))
    assert str(caught.value).startswith("pipelines/x/pipeline.toml: ")
    assert message in str(caught.value)


def test_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="datasets: is missing"):
        load_pipeline(_write(tmp_path, 'name = "x"\ntitle = "T"\nengine = "auto"\n'))


def test_pattern_of_another_engine_is_refused_before_judging(tmp_path: Path) -> None:
    text = GOOD.replace('type = "string" },\n', 'type = "string", pattern = "a(?#note)b" },\n', 1)
    with pytest.raises(ContractError, match="pattern: found"):
        layout_of(load_pipeline(_write(tmp_path, text)).datasets[0])


def _hash(folder: Path, text: str) -> str:
    return load_pipeline(_write(folder, text)).dataset("users").contract_hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "Title"', 'title = "Other"'),
        ('description = "Users"', 'description = "People"'),
        ('{ name = "id", type = "string" },', '{ name = "id", type = "string", comment = "Who" },'),
        ('engine = "auto"', 'engine = "spark"'),
        ('description = "Result"', 'description = "Other"'),
        ('"users.{ext}", ', ""),
        ('formats = ["ndjson"]', 'formats = ["ndjson"]\nperson = "id"'),
    ],
)
def test_what_decides_no_verdict_leaves_the_hash(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    assert _hash(tmp_path, GOOD) == _hash(tmp_path, GOOD.replace(old, new))
    other = '[datasets.more]\ndescription = "M"\npaths = ["m.{ext}"]\nformats = ["csv"]\nkey = ["a"]\n'
    more = GOOD + other + 'columns = [{ name = "a", type = "string" }]\n'
    assert _hash(tmp_path, GOOD) == _hash(tmp_path, more)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max = 9 }", "max = 8 }"),
        ('"ndjson"]', '"ndjson", "csv"]'),
        ("required = false, ", ""),
        ('formats = ["ndjson"]', 'formats = ["ndjson"]\nmax_bad_share = "0.2"'),
        ('formats = ["ndjson"]', 'formats = ["ndjson"]\nunknown_columns = "ignore"'),
        ('key = ["id"]\ncolumns = [\n', 'key = ["id", "day"]\ncolumns = [\n'),
    ],
)
def test_what_decides_a_verdict_changes_the_hash(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    assert _hash(tmp_path, GOOD) != _hash(tmp_path, GOOD.replace(old, new))


def test_every_pipeline_of_the_project_loads() -> None:
    found = pipelines()
    assert "activity" in found
    assert list(found) == sorted(found)
    for pipeline in found.values():
        for dataset in pipeline.datasets:
            assert layout_of(dataset, known_values(dataset)).names
            assert len(dataset.contract_hash) == 32


def test_folder_is_the_one_beside_the_package_or_the_one_named(tmp_path: Path) -> None:
    assert Path(str(pipelines_folder({}))) == ROOT / "pipelines"
    _write(tmp_path, GOOD)
    assert list(pipelines(pipelines_folder({"LAKE_PIPELINES_DIR": str(tmp_path)}))) == ["x"]
    with pytest.raises(ContractError, match="no such folder"):
        pipelines_folder({"LAKE_PIPELINES_DIR": str(tmp_path / "none")})


def test_pipelines_load_from_inside_a_zip(tmp_path: Path) -> None:
    """As on Glue, where the package and its pipelines are one zip on the import path."""
    archive = tmp_path / "lake.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for folder in ("lakehouse", "pipelines"):
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix in (".py", ".toml", ".sql", ".csv"):
                    file.write(path, path.relative_to(ROOT).as_posix())
    code = (
        "from lakehouse.contract.load import pipelines; p = pipelines()['activity'];"
        "print(p.dataset('users').contract_hash, (p.folder / 'gold' / 'user_activity.sql').read_text()[:2])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(archive)}, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stderr == ""
    assert run.stdout.split() == [pipelines()["activity"].dataset("users").contract_hash, "--"]


def test_types_are_taken_apart() -> None:
    assert column_type("decimal(12,2)") == ColumnType("decimal", 12, 2)
    assert column_type("long") == ColumnType("long")
    with pytest.raises(ValueError, match="found 'bigint', expected one of string"):
        column_type("bigint")
