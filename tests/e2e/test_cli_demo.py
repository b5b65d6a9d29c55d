"""`lake` from `up` to checked gold and back, as processes: what a person sees, on a lake of its own."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from localaws.users import read_credentials
from tests.e2e.lake_command import LakeCommand, free_port

ROWS = 2000
DEMO = ("demo", "activity", "--rows", str(ROWS), "--engine", "duckdb")


@pytest.fixture(scope="module")
def lake_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeCommand]:
    command = LakeCommand(tmp_path_factory.mktemp("cli") / "home", free_port())
    yield command
    assert command("down").code == 0


@pytest.fixture(scope="module")
def checksum(lake_command: LakeCommand) -> str:
    """Gold's checksum for the sample of these tests."""
    found: str = _gold(lake_command.ok(*DEMO))["checksum"]
    return found


def _files(lake_command: LakeCommand, folder: Path, seed: int = 7, dirty: float = 0.0) -> dict[str, str]:
    made = lake_command.ok(
        "generate", "activity", "--rows", str(ROWS), "--seed", str(seed), "--dirty", str(dirty), "--out", str(folder)
    )
    return {file["dataset"]: file["file"] for file in made["files"]}


def _gold(demo: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = demo["gold"]["user_activity"]
    return found


def _batch(demo: dict[str, Any]) -> dict[str, Any]:
    """The one batch of a demo."""
    (found,) = demo["batches"]
    return dict(found)


def test_a_demo_brings_every_row_from_file_to_checked_gold(lake_command: LakeCommand, checksum: str) -> None:
    demo = lake_command.ok(*DEMO, "--seed", "8")
    assert demo["new_runs"] == 1
    assert demo["engine"] == ["duckdb"]
    assert demo["files"] == 3
    run = _batch(demo)["run"]
    assert run["status"] == "published"
    assert demo["rows"] == {"in": 3 * ROWS, "accepted": 3 * ROWS, "quarantined": 0, "duplicate": 0, "by_reason": {}}
    assert demo["gold_rows"] == _gold(demo)["rows"] == ROWS
    assert _gold(demo)["run_id"] == run["run_id"]
    assert _gold(demo)["checksum"] != checksum
    assert demo["run_seconds"] > 0
    assert [mail["kind"] for mail in demo["notifications"]] == ["run_succeeded"]
    assert list(_batch(demo)["stages_seconds"]) == ["queue", "gate", "commit", "start-up", "gold", "publish"]
    assert len(demo["top"]) == 10
    assert _gold(lake_command.ok(*DEMO))["checksum"] == checksum


def test_the_same_demo_again_changes_nothing_and_starts_nothing(lake_command: LakeCommand, checksum: str) -> None:
    first = lake_command.ok(*DEMO)
    runs = lake_command.ok("runs")
    again = lake_command.ok(*DEMO)
    assert not again["new_runs"]
    assert not _batch(again)["changed"]
    assert _batch(again)["run"]["run_id"] == _batch(first)["run"]["run_id"]
    assert again["notifications"] == []
    assert _gold(again)["checksum"] == checksum
    assert lake_command.ok("runs") == runs


def test_both_engines_give_the_same_gold(lake_command: LakeCommand, checksum: str) -> None:
    demo = lake_command.ok("demo", "activity", "--rows", str(ROWS), "--engine", "spark")
    assert (demo["engine"], demo["new_runs"], _batch(demo)["changed"]) == (["spark"], 1, False)
    assert _gold(demo)["checksum"] == checksum


def test_a_demo_of_another_size_replaces_every_row(lake_command: LakeCommand, checksum: str) -> None:
    smaller = lake_command.ok("demo", "activity", "--rows", "300", "--engine", "duckdb")
    assert _gold(smaller)["rows"] == 300
    back = lake_command.ok(*DEMO)
    assert back["new_runs"]
    assert (_gold(back)["rows"], _gold(back)["checksum"]) == (ROWS, checksum)


def test_bad_rows_are_shown_with_their_reason_and_their_bytes(lake_command: LakeCommand, tmp_path: Path) -> None:
    demo = lake_command.ok(*DEMO, "--dirty", "0.02")
    rows = demo["rows"]
    assert rows["in"] == 3 * ROWS == rows["accepted"] + rows["quarantined"] + rows["duplicate"]
    assert rows["quarantined"] == sum(rows["by_reason"].values()) > 60
    listed = {file["file_id"]: file for file in lake_command.ok("quarantine", "list")}
    file = next(one for one in _batch(demo)["files"] if one["dataset"] == "orders")
    assert listed[file["file_id"]]["rows_quarantined"] == file["rows_quarantined"]
    shown = lake_command.ok("quarantine", "show", file["file_id"][:10], "--rows", "100")
    assert len(shown["rows"]) == file["rows_quarantined"]
    lines = Path(file["file"]).read_text().splitlines()
    assert [row["raw"] for row in shown["rows"]] == [lines[row["line"] - 1] for row in shown["rows"]]
    text = lake_command("quarantine", "show", file["file_id"], "--rows", "1").out
    assert f"line {shown['rows'][0]['line']}" in text
    assert shown["rows"][0]["reason"] in text


def test_a_corrected_file_is_one_new_run_and_the_same_file_is_none(
    lake_command: LakeCommand, checksum: str, tmp_path: Path
) -> None:
    lake_command.ok(*DEMO)
    before = {run["run_id"] for run in lake_command.ok("runs", "--limit", "1000")}
    other = _files(lake_command, tmp_path, seed=9)
    (corrected,) = lake_command.ok("put", other["orders"], "--batch", "demo")
    assert (corrected["batch"], corrected["run"]["status"], corrected["missing"]) == ("demo", "published", [])
    assert corrected["changed"]
    after = {run["run_id"] for run in lake_command.ok("runs", "--limit", "1000")}
    assert after - before == {corrected["run"]["run_id"]}
    (same,) = lake_command.ok("put", other["orders"], "--batch", "demo")
    assert not same["changed"]
    assert same["run"]["run_id"] == corrected["run"]["run_id"]
    assert {run["run_id"] for run in lake_command.ok("runs", "--limit", "1000")} == after
    assert "nothing changed, no new run" in lake_command("put", other["orders"], "--batch", "demo").out


def test_a_batch_that_lacks_a_dataset_says_which(lake_command: LakeCommand, checksum: str, tmp_path: Path) -> None:
    files = _files(lake_command, tmp_path)
    (waiting,) = lake_command.ok("put", files["users"], files["orders"], "--batch", "june")
    assert (waiting["missing"], waiting["run"]) == (["events"], None)
    batches = {one["batch"]: one for one in lake_command.ok("status")["pipelines"][0]["batches"]}
    assert batches["june"]["missing"] == ["events"]
    assert batches["demo"]["missing"] == []


def test_a_refused_file_is_exit_code_1_with_the_reason(
    lake_command: LakeCommand, checksum: str, tmp_path: Path
) -> None:
    broken = tmp_path / "users.json"
    broken.write_text('{"user_id": "u_1"\x1b[2J')
    result = lake_command("put", str(broken), "--batch", "demo", "--json")
    assert result.code == 1
    assert "Gate refused users.json" in result.err
    assert "the earlier version stays in force" in result.err
    (document,) = result.json
    assert document["files"][0]["verdict"] == "refused"
    shown = lake_command("quarantine", "show", document["files"][0]["file_id"])
    assert shown.code == 0
    assert "\x1b" not in shown.out


def test_a_file_of_no_dataset_lists_the_patterns(lake_command: LakeCommand, checksum: str, tmp_path: Path) -> None:
    stray = tmp_path / "stray.json"
    stray.write_text("{}")
    result = lake_command("put", str(stray))
    assert result.code == 1
    assert "users/{batch}/{file}.{ext}" in result.err
    assert "Traceback" not in result.err
    missing = lake_command("put", str(tmp_path / "gone.json"))
    assert (missing.code, "No such file" in missing.err) == (1, True)


def test_queries_answer_as_table_json_and_csv(lake_command: LakeCommand, checksum: str) -> None:
    lake_command.ok(*DEMO)
    answer = lake_command.ok("query", "activity/revenue_by_country")
    assert answer["columns"][:2] == ["country", "users"]
    assert [row["country"] for row in answer["rows"]] == ["AU", "EU", "IN", "US"]
    rows = list(csv.DictReader(io.StringIO(lake_command("query", "activity/revenue_by_country", "--csv").out)))
    assert [(row["country"], int(row["users"])) for row in rows] == [
        (row["country"], row["users"]) for row in answer["rows"]
    ]
    assert "revenue" in lake_command("query", "activity/revenue_by_country").out
    assert len(lake_command.ok("query", "activity/top_users")["rows"]) == 10
    by_source = lake_command.ok("query", "activity/revenue_by_source")["rows"]
    assert sum(row["users"] for row in by_source) == sum(row["users"] for row in answer["rows"]) == ROWS
    wrong = lake_command("query", "select nothing from nowhere")
    assert (wrong.code, "nowhere" in wrong.err, "Traceback" in wrong.err) == (1, True, False)
    unknown = lake_command("query", "activity/nothing")
    assert (unknown.code, "activity/top_users" in unknown.err) == (1, True)


def test_gold_that_was_tampered_with_fails_the_demo(lake_command: LakeCommand, checksum: str) -> None:
    gold = _gold(lake_command.ok(*DEMO, "--seed", "21"))
    other = _gold(lake_command.ok(*DEMO, "--seed", "22"))
    keys = read_credentials(lake_command.home / "credentials")["admin"]
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{lake_command.port}",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        region_name="us-east-1",
    )
    (source, target) = (_only_object(s3, location) for location in (gold["location"], other["location"]))
    s3.copy_object(Bucket=target[0], Key=target[1], CopySource={"Bucket": source[0], "Key": source[1]})
    result = lake_command(*DEMO, "--seed", "22")
    assert result.code == 1
    assert "is wrong" in result.err
    assert "expected" in result.err
    s3.close()


def _only_object(s3: object, location: str) -> tuple[str, str]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]  # type: ignore[attr-defined]
    (key,) = [one["Key"] for one in found if one["Key"].endswith(".parquet")]
    return bucket, key


def test_up_is_safe_to_repeat_and_keeps_its_port(lake_command: LakeCommand, checksum: str) -> None:
    first, again = lake_command.ok("up"), lake_command.ok("up")
    assert first == again
    assert first["endpoint_url"] == f"http://127.0.0.1:{lake_command.port}"
    moved = lake_command("up", port=free_port())
    assert (moved.code, "runs on port" in moved.err) == (1, True)


def test_state_survives_a_stop(lake_command: LakeCommand, checksum: str) -> None:
    before = lake_command.ok(*DEMO)
    assert lake_command.ok("down")["stopped"]
    assert not lake_command.ok("down")["stopped"]
    stopped = lake_command("status")
    assert (stopped.code, "does not run" in stopped.err, "lake up" in stopped.err) == (1, True, True)
    assert lake_command("up").code == 0
    after = lake_command.ok(*DEMO)
    assert not after["new_runs"]
    assert _batch(after)["run"]["run_id"] == _batch(before)["run"]["run_id"]
    assert _gold(after)["checksum"] == checksum


def test_after_a_kill_the_lake_says_what_is_lost_and_a_demo_rebuilds_it(
    lake_command: LakeCommand, checksum: str
) -> None:
    os.kill(lake_command.ok("up")["pid"], signal.SIGKILL)
    up = lake_command("up")
    assert up.code == 0
    assert "not stopped cleanly" in up.err
    demo = lake_command.ok(*DEMO)
    assert _gold(demo)["checksum"] == checksum


def test_a_port_taken_by_another_program_is_a_message(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = LakeCommand(tmp_path / "home", int(other.getsockname()[1]))("up")
    assert result.code == 1
    assert "is taken by another program" in result.err
    assert "LAKE_PORT=" in result.err
    assert "Traceback" not in result.err


def test_a_port_that_is_no_port_is_a_message(tmp_path: Path) -> None:
    result = LakeCommand(tmp_path / "home", 70_000)("up")
    assert (result.code, "expected a port number" in result.err) == (1, True)


def test_the_environment_file_points_any_client_to_the_lake(lake_command: LakeCommand, checksum: str) -> None:
    script = (
        "import boto3;"
        "boto3.client('s3').put_object(Bucket='%s', Key='bronze/activity/nobody/x.json', Body=b'{}');"
        "print(boto3.client('sts').get_caller_identity()['Arn'])"
    )
    bucket = json.loads((lake_command.home / "stack.json").read_text())["outputs"]["LakeBucket"]
    command = f'. "{lake_command.home}/env" && "{sys.executable}" -c "{script % bucket}"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith(":user/operator"), done.stderr
    deadline = time.monotonic() + 30
    while not (found := lake_command.ok("files", "--pipeline", "_unknown")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [(file["key"], file["verdict"]) for file in found] == [("bronze/activity/nobody/x.json", "refused")]
