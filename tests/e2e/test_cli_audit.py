"""`lake audit` as a person has it, 80 columns wide: sound, then with one row of gold gone, then mended."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from cli.commands.audit import Report, draw
from lakehouse.audit.findings import Checked, Finding, Note
from localaws.users import read_credentials
from tests.e2e.lake_command import LakeCommand, free_port


@pytest.fixture(scope="module")
def lake_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeCommand]:
    command = LakeCommand(tmp_path_factory.mktemp("audit") / "home", free_port(), columns=80)
    command.ok("demo", "transactions", "--files", "3")
    yield command
    assert command("down").code == 0


def administrator(command: LakeCommand) -> Any:
    keys = read_credentials(command.home / "credentials")["admin"]
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{command.port}",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        region_name="us-east-1",
    )


def test_one_row_less_in_gold_is_named_with_the_command_that_mends_it(lake_command: LakeCommand) -> None:
    sound = lake_command.ok("audit")
    assert sound["findings"] == []
    layers = {layer["layer"]: layer for layer in sound["layers"]}
    assert list(layers) == ["bronze", "quarantine", "silver", "gold", "ledger"]
    assert layers["bronze"]["objects"] == 3
    assert layers["gold"]["rows"] == layers["silver"]["rows"] > 0
    s3 = administrator(lake_command)
    (bucket,) = [one["Name"] for one in s3.list_buckets()["Buckets"] if "-lake-" in one["Name"]]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="gold/transactions/")
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    before = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    for key, body in before.items():  # of the runs of one day the last one's file is shown
        target = io.BytesIO()
        table = pq.read_table(io.BytesIO(body))
        pq.write_table(pa.concat_tables([table.slice(0, table.num_rows - 1)]), target)
        s3.put_object(Bucket=bucket, Key=key, Body=target.getvalue())
    found = lake_command("audit", "transactions", "--json")
    assert found.code == 1
    (finding,) = found.json["findings"]
    assert (finding["layer"], finding["kind"], finding["table"]) == ("gold", "rows_missing", "transactions")
    assert finding["found"].startswith("rows: 1 missing (transaction_id ")
    shown = lake_command("audit")
    assert shown.code == 1
    assert "rows_missing in gold of transactions/transactions" in shown.out
    assert finding["mend"] in shown.out
    assert "Traceback" not in shown.err
    _, pipeline_and_batch = finding["mend"].rsplit(" ", 1)
    lake_command.ok("replay", pipeline_and_batch)
    assert lake_command.ok("audit")["findings"] == []


def test_an_unknown_pipeline_is_said(lake_command: LakeCommand) -> None:
    result = lake_command("audit", "nothing")
    assert result.code == 1
    assert "Unknown pipeline 'nothing'" in result.err


def test_a_report_fits_80_columns_and_nothing_that_matters_is_cut() -> None:
    report = Report()
    key = "bronze/shop/sales/day=2026-01-01/" + "x" * 90 + ".ndjson"
    report.take(Checked("bronze", "shop", 1_000_000, 123_456_789))
    report.take(
        Finding("bronze", "never_judged", "shop", "sales", "2026-01-01", key, "[red]x\x1b[2J", "y", "lake put x")
    )
    report.take(Note("silver", "left_over", "shop", "sales", 2, "silver/shop/sales/data/"))
    report.take(Note("silver", "left_over", "shop", "sales", 3, "silver/shop/sales/data/"))
    console = Console(width=80, file=io.StringIO(), highlight=False)
    draw(console, report)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(len(line) for line in text.splitlines()) <= 80
    assert key in "".join(line.strip() for line in text.splitlines())
    assert "[red]x\\x1b[2J" in text
    assert "123,456,789" in text
    assert "shop/sales: 5 × objects that nothing names" in text
