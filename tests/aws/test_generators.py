"""The generators' Lambda on the embedded S3: the same event, the same bytes at the same key; no error is swallowed."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from boto3.exceptions import S3UploadFailedError

import generate as function
from lakehouse.contract.load import pipelines
from lakehouse.settings import Settings
from localaws import EmbeddedAws

SETTINGS = Settings("", "ledger", "arn:topic", "arn:machines-", "silver", "gold", "lakegate", "lakegate/tokens")
EVENT = json.loads((Path(__file__).parents[1] / "events/eventbridge_scheduled.json").read_text())


@pytest.fixture
def bucket(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> str:
    """A versioned bucket that the function is told to write to."""
    name, s3 = f"generate-{uuid4().hex[:12]}", aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for variable, value in (SETTINGS.as_env() | {"LAKE_BUCKET": name}).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(function, "client", aws.client)
    return name


def invoked(monkeypatch: pytest.MonkeyPatch, pipeline: str, event: dict[str, Any]) -> dict[str, Any]:
    monkeypatch.setenv("LAKE_PIPELINE", pipeline)
    return function.handler(event, None)


KEYS = {
    "carts": "bronze/carts/carts/date=2026-11-21/carts-20261121T000500Z.csv",
    "transactions": "bronze/transactions/transactions/date=2026-11-21/20261121T000500Z.json",
    "shipping": "bronze/shipping/shipments/shipments-20261121T000500Z.json",
    "sales": "bronze/sales/transactions/year=2026/month=11/day=21/transactions_2026-11-21.csv",
}


@pytest.mark.parametrize("pipeline", KEYS)
def test_a_retry_writes_the_same_bytes_to_the_same_key(
    pipeline: str, aws: EmbeddedAws, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = invoked(monkeypatch, pipeline, EVENT)
    again = invoked(monkeypatch, pipeline, EVENT)
    contract = pipelines()[pipeline].generator
    assert contract
    assert first == again
    assert first == {
        "pipeline": pipeline,
        "keys": [KEYS[pipeline]],
        "rows": contract.rows,
        "seed": first["seed"],
        "time": "2026-11-21T00:05:00Z",
    }
    versions = aws.client("s3").list_object_versions(Bucket=bucket)["Versions"]
    assert {version["Key"] for version in versions} == {KEYS[pipeline]}
    assert len({version["ETag"] for version in versions}) == 1


def test_the_next_tick_is_another_object(aws: EmbeddedAws, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        invoked(monkeypatch, "transactions", EVENT | {"time": time})["keys"]
        for time in ("2026-11-21T00:05:00Z", "2026-11-21T00:10:00Z")
    ]
    assert keys[0] != keys[1]
    assert len(aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]) == 2


def test_every_dataset_of_a_pipeline_is_uploaded(
    aws: EmbeddedAws, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = invoked(monkeypatch, "activity", {"rows": 3, "seed": 7, "time": "2026-01-01T00:00:00Z"})
    assert answer["keys"] == [f"bronze/activity/{name}.json" for name in ("users", "events", "orders")]
    body = aws.client("s3").get_object(Bucket=bucket, Key=answer["keys"][0])["Body"].read()
    assert body.count(b"\n") == 3


@pytest.mark.parametrize("pipeline", KEYS)
def test_an_upload_that_fails_is_raised(pipeline: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_BUCKET", f"{bucket}-that-is-not-there")
    with pytest.raises(S3UploadFailedError, match="NoSuchBucket"):
        invoked(monkeypatch, pipeline, EVENT)


def test_values_that_the_generator_refuses_are_raised(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="rows is 0"):
        invoked(monkeypatch, "carts", {"rows": 0})
