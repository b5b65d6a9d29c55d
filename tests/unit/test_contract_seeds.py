"""Seeds are typed tables, strictly read; a changed value that a dataset may refer to judges its files again."""

import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse.contract.load import load_pipeline, pipelines
from lakehouse.contract.model import Pipeline
from lakehouse.contract.seeds import known_values, read_seed, seed_values
from lakehouse.errors import ContractError

ROOT = Path(__file__).parents[2]
TOML = """
name = "x"
title = "Title"
engine = "auto"

[datasets.sales]
description = "Sales"
paths = ["sales.{ext}"]
formats = ["csv"]
key = []
columns = [{ name = "product", type = "string", references = "products.id" }]

[datasets.visits]
description = "Visits"
paths = ["visits.{ext}"]
formats = ["csv"]
key = []
columns = [{ name = "who", type = "string" }]

[seeds.products]
description = "Products"
key = ["id"]
columns = [
  { name = "id", type = "string", pattern = 'P\\d+' },
  { name = "label", type = "string", max_length = 10 },
  { name = "price", type = "decimal(12,2)", required = false },
]
"""
CSV = 'price,id,label\n1.50,P1,"a, b"\n,P2,x\n'


def _pipeline(folder: Path, csv: str | bytes | None = CSV, toml: str = TOML) -> Pipeline:
    (folder / "x" / "seeds").mkdir(parents=True, exist_ok=True)
    (folder / "x" / "pipeline.toml").write_text(toml, encoding="utf-8")
    if csv is not None:
        (folder / "x" / "seeds" / "products.csv").write_bytes(csv.encode() if isinstance(csv, str) else csv)
    return load_pipeline(folder / "x")


def test_seed_is_a_typed_table_with_the_contracts_columns(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path)
    table = read_seed(pipeline, "products")
    assert table.schema == pa.schema([("id", pa.string()), ("label", pa.string()), ("price", pa.decimal128(12, 2))])
    assert table.to_pylist() == [
        {"id": "P1", "label": "a, b", "price": Decimal("1.50")},
        {"id": "P2", "label": "x", "price": None},
    ]
    assert read_seed(pipeline, pipeline.seeds[0]).equals(table)
    assert seed_values(pipeline, "products.id") == {"P1", "P2"}
    assert known_values(pipeline.dataset("sales")) == {"products.id": frozenset({"P1", "P2"})}
    assert known_values(pipeline.dataset("visits")) == {}


WRONG: list[tuple[str, str | bytes, str]] = [
    ("a value against its pattern", CSV.replace("P2", "p2"), "line 3: id: Column id: found 'p2', expected the pattern"),
    ("a value of the wrong type", CSV.replace("1.50", "1,50"), "line 2: row: Found 4 values, expected 3"),
    ("a number with too many places", CSV.replace("1.50", "1.505"), "line 2: price: Column price: found '1.505', whi"),
    ("a missing value", CSV.replace("P2", ""), "line 3: id: Column id is null, expected string"),
    ("a text too long", CSV.replace(",x", ",12345678901"), "line 3: label: Column label: found '12345678901', expect"),
    ("a key twice", CSV + "2.00,P1,y\n", "line 4: id: found 'P1', which line 2 has as well, expected every key once"),
    ("a row twice", CSV + ",P2,x\n", "line 4: id: found 'P2', which line 3 has as well, expected every key once"),
    ("a header alone", "id,label,price\n", "found a header alone, expected at least one row"),
    ("an unknown column", CSV.replace("label", "name"), "The header lacks label, expected id, label, price"),
    ("a column too many", "id,label,price,extra\nP1,a,,\n", "The header has the unknown columns 'extra', expected id"),
    ("a space before a name", "id, label,price\nP1,a,\n", "The header lacks label, expected id, label, price"),
    ("UTF-16 after the header", CSV.encode() + b"\xff\xfe", "is no CSV in UTF-8"),
    ("a quote that never closes", CSV + '2.00,P3,"y\n', "is no CSV in UTF-8: unexpected end of data"),
    ("no referred column", CSV.replace("id", "key"), "line 1: id: is missing, expected it in the header"),
    ("nothing", "", "line 1: id: is missing, expected it in the header"),
]


@pytest.mark.parametrize(("csv", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_seed_says_where_and_what(tmp_path: Path, csv: str | bytes, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_seed(_pipeline(tmp_path, csv), "products")
    assert str(caught.value).startswith("pipelines/x/seeds/products.csv: ")
    assert message in str(caught.value)


def test_seed_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"pipelines/x/seeds/products.csv: no such file, expected the rows of seed"):
        _pipeline(tmp_path, None)
    pipeline = _pipeline(tmp_path)
    with pytest.raises(ContractError, match=r"pipelines/x/pipeline.toml: found no seed 'goods', expected one of prod"):
        read_seed(pipeline, "goods")
    with pytest.raises(ContractError, match=r"found no column 'price' of strings, expected one of id, label"):
        seed_values(pipeline, "products.price")
    (tmp_path / "x" / "seeds" / "products.csv").unlink()
    with pytest.raises(ContractError, match=r"products.csv: no such file"):
        read_seed(pipeline, "products")


def _hashes(pipeline: Pipeline) -> list[str]:
    return [dataset.contract_hash for dataset in pipeline.datasets]


def test_only_values_that_a_dataset_may_refer_to_change_its_hash(tmp_path: Path) -> None:
    before = _hashes(_pipeline(tmp_path))
    for same in (CSV.replace("1.50", "9"), CSV.replace(",x", ",y"), "id,label,price\nP2,x,\nP1,b,1\n"):
        assert _hashes(_pipeline(tmp_path, same)) == before
    for other in (CSV + ",P3,y\n", CSV.replace(",P2,x\n", ""), CSV.replace("P2", "P4")):
        sales, visits = _hashes(_pipeline(tmp_path, other))
        assert sales != before[0]
        assert visits == before[1]
    assert (
        _hashes(_pipeline(tmp_path, CSV, TOML.replace('references = "products.id"', "max_length = 9")))[0] != before[0]
    )


def test_every_seed_of_the_project_is_right() -> None:
    found = {
        f"{pipeline.name}.{seed.name}": read_seed(pipeline, seed).num_rows
        for pipeline in pipelines().values()
        for seed in pipeline.seeds
    }
    assert found == {"sales.dim_products": 20, "sales.dim_customers": 10, "sales.transaction_classes": 3}


def test_seeds_are_read_from_inside_a_zip(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path)
    archive = tmp_path / "lake.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("pipeline.toml", "seeds/products.csv"):
            file.write(tmp_path / "x" / name, f"pipelines/x/{name}")
    zipped = load_pipeline(zipfile.Path(archive) / "pipelines" / "x")
    assert read_seed(zipped, "products").equals(read_seed(pipeline, "products"))
    assert _hashes(zipped) == _hashes(pipeline)


def test_contracts_load_without_third_party_packages() -> None:
    """Lambdas that publish and tell have none of them."""
    code = (
        "from lakehouse.contract.load import pipelines; import sys; pipelines();"
        "print({name for name in ('pyarrow', 'numpy', 'deltalake', 'duckdb') if name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
