"""Streams, silver files and quarantine in the embedded S3, and the two Lambda handlers under their own policies."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from gate_world import World, users

from lakehouse import aws, runs
from lakehouse.errors import SettingsError
from lakehouse.gate import objects
from lakehouse.ledger.store import Ledger


@pytest.mark.parametrize("size", [0, 1, 5000, 3 * 1024**2])
def test_exactly_the_version_asked_for_is_read_whole(world: World, size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(size))
    key, s3 = f"bronze/versions/{size}.bin", world.clients["s3"]
    world.put(key, content)
    version = objects.current_version(s3, world.bucket, key)
    assert version is not None
    assert version.bytes == size
    world.put(key, b"newer" * 9000)
    with objects.open_version(s3, world.bucket, version) as source:
        assert b"".join(iter(lambda: source.read(700_000), b"")) == content
    with objects.open_version(s3, world.bucket, version) as source:
        assert source.read(10) == content[:10], "whoever stops early leaves nothing behind"


@pytest.mark.parametrize("parts_from", [5 * 1024**2, 16 * 1024**2])
def test_a_silver_file_is_stored_once_and_never_written_over(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parts_from: int
) -> None:
    monkeypatch.setattr(objects, "PARTS_FROM_BYTES", parts_from)
    monkeypatch.setattr(objects, "TRANSFER", TransferConfig(parts_from, multipart_chunksize=parts_from))
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"a" * (11 * 1024**2))
    second.write_bytes(b"b" * (12 * 1024**2))
    key = f"silver/activity/users/data/once-{parts_from}.parquet"
    s3 = world.clients["s3"]
    assert objects.store_once(s3, world.bucket, key, first) == 11 * 1024**2
    assert objects.store_once(s3, world.bucket, key, second) == 11 * 1024**2
    assert world.body(key) == first.read_bytes()
    assert len(world.s3.list_object_versions(Bucket=world.bucket, Prefix=key)["Versions"]) == 1


def test_an_unversioned_bucket_is_refused_with_what_to_do(world: World) -> None:
    world.s3.create_bucket(Bucket=f"{world.prefix}-plain")
    world.s3.put_object(Bucket=f"{world.prefix}-plain", Key="k", Body=b"")
    with pytest.raises(SettingsError, match="not versioned"):
        objects.current_version(world.s3, f"{world.prefix}-plain", "k")


def test_a_refused_copy_leaves_the_producers_tags_behind(world: World, batch: str) -> None:
    key = f"bronze/activity/users/{batch}/tagged.json"
    world.s3.put_object(Bucket=world.bucket, Key=key, Body=b"", Tagging="expire=soon")
    event = world.put(f"{key}.gz", b"")
    world.s3.put_object(Bucket=world.bucket, Key=f"{key}.gz", Body=b"", Tagging="expire=soon")
    world.gate().handle(event, "m1")
    folder = f"quarantine/activity/users/{world.slot(batch, f'{key}.gz').file_id}/"
    assert world.s3.get_object_tagging(Bucket=world.bucket, Key=f"{folder}original")["TagSet"] == []


def test_the_gate_cannot_touch_what_is_not_its_own(world: World) -> None:
    s3 = world.clients["s3"]
    for key in ("bronze/activity/users.json", "gold/activity/x", "silver/activity/users/_delta_log/0.json"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=world.bucket, Key=key, Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=world.bucket, Key="bronze/activity/users.json")


@pytest.fixture
def lambda_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment that the template gives a function; its credentials are the gate's."""
    for name, value in vars(world.settings).items():
        monkeypatch.setenv(f"LAKE_{name.upper()}", value)
    set_credentials(monkeypatch, world, "gate")
    yield monkeypatch
    forget_clients()


def set_credentials(monkeypatch: pytest.MonkeyPatch, world: World, who: str) -> None:
    found = world.credentials(who)
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", world.aws.region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", found["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", found["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", found["SessionToken"])
    forget_clients()


def forget_clients() -> None:
    """As in a new container: nothing cached with the credentials of another."""
    aws._client.cache_clear()
    boto3.DEFAULT_SESSION = None
    for name in ("gate", "failed"):
        sys.modules.pop(name, None)


def sqs_event(bucket: str, *keys: str) -> dict[str, Any]:
    recorded = json.loads((Path(__file__).parents[1] / "events" / "eventbridge_object_created.json").read_text())
    [record] = recorded["Records"]
    body = json.loads(record["body"])
    records = []
    for number, key in enumerate(keys):
        body["detail"]["bucket"]["name"] = bucket
        body["detail"]["object"]["key"] = key
        records.append({**record, "messageId": f"m{number}", "body": json.dumps(body)})
    return {"Records": records}


def test_the_gates_handler_takes_an_sqs_event_to_the_ledger(
    world: World, batch: str, lambda_environment: pytest.MonkeyPatch
) -> None:
    import gate

    key = f"bronze/activity/users/{batch}/ü +%.json"
    world.put(key, users(1, 2))
    assert gate.handler(sqs_event(world.bucket, key), None) == {"batchItemFailures": []}
    assert world.slot(batch, key).in_force_rows == 2


def test_a_missing_permission_is_loud(world: World, batch: str, lambda_environment: pytest.MonkeyPatch) -> None:
    set_credentials(lambda_environment, world, "failed")
    import gate

    key = f"bronze/activity/users/{batch}/u.json"
    world.put(key, users(1))
    with pytest.raises(ClientError, match="AccessDenied"):
        gate.handler(sqs_event(world.bucket, key), None)


def test_the_failure_handler_records_the_run_and_tells(
    world: World, batch: str, lambda_environment: pytest.MonkeyPatch
) -> None:
    set_credentials(lambda_environment, world, "failed")
    import failed

    run_id = f"activity-{batch}-x"
    ledger: Ledger = world.ledger
    runs.started(ledger, "activity", batch, run_id, 3, "m")
    cause = json.dumps({"errorType": "EngineError", "errorMessage": "no column x"})
    plan = {"pipeline": "activity", "batch": batch, "run_id": run_id}
    answer = failed.handler({**plan, "error": {"Error": "States.TaskFailed", "Cause": cause}}, None)
    assert answer == {**plan, "recorded": True}
    run = ledger.run("activity", batch, run_id)
    assert run is not None
    assert (run.status, run.error, run.generation) == ("failed", "States.TaskFailed (EngineError): no column x", 3)
    [letter] = world.messages(batch, at_least=1)
    assert (letter["kind"], letter["run_id"]) == ("run_failed", run_id)
    runs.published(ledger, "activity", batch, run_id)
    late = {**plan, "error": {"Error": "States.Timeout", "Cause": "a later step"}}
    assert failed.handler(late, None) == {**plan, "recorded": True}
    run = ledger.run("activity", batch, run_id)
    assert run is not None
    assert (run.status, run.error) == ("published", "States.Timeout: a later step")
    assert [one["error"] for one in world.messages(batch, at_least=2)] == [letter["error"], "States.Timeout"]
    runs.superseded(ledger, "activity", batch, f"{run_id}-2")
    overtaken = {**late, "run_id": f"{run_id}-2"}
    assert failed.handler(overtaken, None) == {**plan, "run_id": f"{run_id}-2", "recorded": False}
    assert len(world.messages(batch)) == 2
