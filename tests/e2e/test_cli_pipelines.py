"""Every pipeline by the `lake` command: its demo is right on the other engine too, its generator's function works."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.lake_command import LakeCommand, free_port

OTHERS = ("carts", "sales", "shipping", "transactions")


@pytest.fixture(scope="module")
def lake_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeCommand]:
    command = LakeCommand(tmp_path_factory.mktemp("cli") / "home", free_port())
    assert command("up").code == 0
    yield command
    assert command("down").code == 0


@pytest.mark.parametrize("pipeline", OTHERS)
def test_a_demo_is_checked_row_by_row_and_repeated_it_changes_nothing(lake_command: LakeCommand, pipeline: str) -> None:
    demo = lake_command.ok("demo", pipeline, "--engine", "duckdb")
    rows = demo["rows"]
    assert (demo["pipeline"], demo["engine"], demo["files"]) == (pipeline, ["duckdb"], demo["sample"]["files"])
    assert rows["in"] == rows["accepted"] + rows["quarantined"] + rows["duplicate"]
    assert rows["quarantined"] == sum(rows["by_reason"].values())
    assert (rows["quarantined"] > 0) == (demo["sample"]["dirty"] > 0)
    assert demo["gold_rows"] == sum(table["rows"] for table in demo["gold"].values()) > 0
    assert demo["new_runs"] > 0
    assert demo["run_seconds"] > 0
    assert {"run_succeeded"} <= {mail["kind"] for mail in demo["notifications"]}
    assert demo["top"]
    again = lake_command.ok("demo", pipeline, "--engine", "duckdb")
    assert again["new_runs"] == 0
    assert {mail["kind"] for mail in again["notifications"]} <= {"rows_quarantined"}
    assert {name: table["checksum"] for name, table in again["gold"].items()} == {
        name: table["checksum"] for name, table in demo["gold"].items()
    }


def test_what_each_system_tells_people(lake_command: LakeCommand) -> None:
    kinds = {one: {mail["kind"] for mail in lake_command.ok("notifications", "-p", one, "-n", "99")} for one in OTHERS}
    assert "gold_derived" in kinds["carts"]
    assert "totals" in kinds["shipping"]
    assert "warehouse_loaded" in kinds["sales"]
    assert "rows_quarantined" in kinds["transactions"]


def test_facts_and_quarantine_balance_with_the_rows_of_the_files(lake_command: LakeCommand) -> None:
    demo = lake_command.ok("demo", "sales", "--engine", "duckdb")
    assert demo["rows"]["in"] == demo["gold"]["fact_sales"]["rows"] + demo["rows"]["quarantined"]
    loads = [batch["run"]["warehouse"] for batch in demo["batches"]]  # of a run that was overtaken there is none
    totals = [load["tables"]["fact_sales"]["total"] for load in loads if load and load["tables"]]
    assert max(totals) == demo["gold"]["fact_sales"]["rows"]
    assert "unknown_reference" in demo["rows"]["by_reason"]


def test_no_name_and_no_address_gets_behind_the_gate(lake_command: LakeCommand) -> None:
    for table in ("shipments", "lakegate_silver.shipping_shipments"):
        columns = lake_command.ok("query", f"select * from {table} limit 1")["columns"]
        assert {"customer_name", "street_address"}.isdisjoint(columns)
    bronze = [path.read_text() for path in (lake_command.home / "s3").rglob("bronze/shipping/shipments/*.json")]
    rows = [json.loads(line) for text in bronze for line in text.splitlines()]
    assert len(rows) > 10
    mails = b"".join(path.read_bytes() for path in (lake_command.home / "mail").glob("*.eml"))
    assert mails
    personal = {str(row[name]) for row in rows for name in ("customer_name", "street_address") if row.get(name)}
    assert len(personal) > 10
    assert [value for value in personal if value.encode() in mails] == []


@pytest.mark.parametrize("pipeline", ["activity", *OTHERS])
def test_a_generators_function_puts_files_where_the_gate_finds_them(lake_command: LakeCommand, pipeline: str) -> None:
    before = {file["file_id"] for file in lake_command.ok("files", "-p", pipeline, "-n", "999")}
    first, second = lake_command.ok(
        "generate", pipeline, "--rows", "30", "--seed", "3", "--files", "2", "--at", "2026-03-01T06:00:00"
    )
    assert first["time"] == "2026-03-01T06:00:00Z"
    assert first["rows"] == 30
    wanted = {*first["keys"], *second["keys"]}
    for _ in range(60):
        found = lake_command.ok("files", "-p", pipeline, "-n", "999")
        judged = {file["key"]: file["verdict"] for file in found if file["file_id"] not in before}
        if wanted <= judged.keys():
            break
    assert {judged[key] for key in wanted} == {"accepted"}


def test_named_queries_are_listed_and_print_a_table(lake_command: LakeCommand) -> None:
    listed = {one["query"]: one["about"] for one in lake_command.ok("queries")}
    assert len([name for name in listed if name.startswith("transactions/")]) == 7
    assert all(listed.values())
    lines = lake_command("query", "transactions/sales_by_category").out.splitlines()
    assert lines[0].split() == [
        "category",
        "transactions",
        "total_sales",
        "average_sale",
        "smallest_sale",
        "largest_sale",
    ]
    assert lines[1].startswith("Electronics")
