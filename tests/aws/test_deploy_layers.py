"""The stack with its layers, as an account gets it, on the embedded AWS: a batch goes from bronze to gold on them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import deploy_stack, settings_of
from deploy.destroy import destroy
from deploy.layers import LAYERS, LAYERS_OF
from deploy.remains import find_remains
from tests.lake import Lake

CSV = "cart_id,customer_id,product_id,product_amount,product_price\n1,2,7,3,$2.50\n2,2,7,4,$2.50\n3,1,8,1,$10.00\n"
WITH_BINARIES = {"gate": "pyarrow", "commit": "deltalake", "gold": "_duckdb"}


@pytest.fixture(scope="module")
def layered(lake: Lake) -> Iterator[Lake]:
    config = replace(lake.config, prefix="layered", layers=True)
    outputs = deploy_stack(lake.aws.session(), config, endpoint_url=lake.aws.endpoint_url)
    yield Lake(lake.aws, config, outputs, settings_of(outputs))
    found = find_remains(lake.client, "layered", lake.aws.account_id)
    assert destroy(lake.client, found, lake.aws.account_id).nothing
    assert lake.client("lambda").list_layers()["Layers"] == []


def test_each_function_has_its_layers(layered: Lake) -> None:
    client = layered.client("lambda")
    for kind in ("gate", "commit", "gold", "publish"):
        found = client.get_function_configuration(FunctionName=layered.named(kind)).get("Layers", [])
        names = [layer["Arn"].split(":")[-2] for layer in found]
        assert names == [layered.named(layer) for layer in LAYERS_OF.get(kind, ())]
    assert {one["LayerName"] for one in client.list_layers()["Layers"]} == {layered.named(name) for name in LAYERS}


def test_a_batch_becomes_gold_with_the_layers_binaries(layered: Lake) -> None:
    from ministack.core import lambda_runtime

    layered.client("s3").put_object(Bucket=layered.bucket, Key="bronze/carts/carts/one.csv", Body=CSV.encode())
    states, machine = layered.client("stepfunctions"), layered.settings.state_machine_arn_prefix + "carts"
    loaded: dict[str, set[str]] = {kind: set() for kind in WITH_BINARIES}
    deadline, done = time.monotonic() + 270, False
    while not done:
        assert time.monotonic() < deadline, loaded
        ended = states.list_executions(stateMachineArn=machine)["executions"]
        done = bool(ended) and ended[0]["status"] != "RUNNING"
        with lambda_runtime._lock:
            workers = [worker for pool in lambda_runtime._workers.values() for worker in pool]
        for worker in workers:
            kind = worker.func_name.removeprefix("layered-")
            if kind in loaded and worker._proc is not None:
                loaded[kind] |= libraries(worker._proc.pid)
        time.sleep(0.1)
    assert ended[0]["status"] == "SUCCEEDED"
    for kind, package in WITH_BINARIES.items():
        of_package = {path for path in loaded[kind] if f"/{package}" in path}
        assert of_package, f"{kind} loaded no {package}"
        assert {path for path in of_package if "/layer_" not in path} == set()


def libraries(process: int) -> set[str]:
    """Shared libraries that a process has loaded."""
    try:
        lines = Path(f"/proc/{process}/maps").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {line.split()[-1] for line in lines if ".so" in line}
