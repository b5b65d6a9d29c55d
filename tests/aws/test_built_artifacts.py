"""Each handler runs, with a real event against the embedded AWS, from its built artefact and its layers alone."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from built_world import HERE, RUNTIMES_OWN, Unpacked, environment_of, interpreters, unpack
from crawling import wait_until_ready

from deploy import deploy_stack, settings_of
from deploy.functions import KINDS
from deploy.layers import LAMBDA_GLIBC, LAMBDA_PYTHON, LAYERS, LAYERS_OF
from tests.lake import Lake

SCHEDULED = {"detail-type": "Scheduled Event", "source": "aws.events", "time": "2026-01-06T03:00:00Z", "detail": {}}


@pytest.fixture(scope="module")
def quiet(lake: Lake) -> Lake:
    """A lake that does nothing by itself: no event reaches its functions, only the test runs them."""
    config = replace(lake.config, prefix="built")
    outputs = deploy_stack(lake.aws.session(), config, endpoint_url=lake.aws.endpoint_url)
    for rule in lake.client("events").list_rules(NamePrefix="built-")["Rules"]:
        lake.client("events").disable_rule(Name=rule["Name"])
    return Lake(lake.aws, config, outputs, settings_of(outputs))


@pytest.fixture(scope="module", params=sorted(interpreters()))
def unpacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    version = request.param
    return unpack(tmp_path_factory.mktemp(f"python{version}"), interpreters()[version], version)


class Player:
    """Runs handlers one after the other, as the lake would, and remembers what they loaded."""

    def __init__(self, lake: Lake, unpacked: Unpacked, folder: Path) -> None:
        self.lake, self.unpacked, self.folder = lake, unpacked, folder
        self.outside: dict[str, list[str]] = {}
        self.packages: dict[str, set[str]] = {}

    def run(self, kind: str, event: Any, pipeline: str | None = None) -> Any:
        function = self.lake.named(f"{pipeline}-{kind}" if pipeline else kind)
        ran = self.unpacked.run(kind, event, environment_of(self.lake, function, self.folder), function)
        self.outside[kind] = self.unpacked.outside(ran)
        opt = f"{self.unpacked.folder}/opt/"
        loaded = {file.removeprefix(opt).split("/")[0] for file in ran.files if file.startswith(opt)}
        self.packages.setdefault(kind, set()).update(loaded)
        return ran.result

    def to_gold(self, pipeline: str, seed: int) -> dict[str, Any]:
        """From a generated file to published gold; answers with the plan."""
        time = f"2026-01-05T0{seed % 10}:00:00Z"
        keys = self.run("generate", {"rows": 40, "seed": seed, "time": time}, pipeline)["keys"]
        assert self.run("gate", arrived(self.lake, *keys)) == {"batchItemFailures": []}
        request = self.started(pipeline)
        plan = self.run("commit", request)
        assert plan["versions"]
        self.run("gold", {**plan, "engine": "duckdb"})
        assert self.run("publish", plan)["outcome"] == "published"
        return dict(plan)

    def started(self, pipeline: str) -> dict[str, Any]:
        """What the gate asked the workflow to do; the workflow itself is stopped: its part is played here."""
        states, machine = self.lake.client("stepfunctions"), self.lake.settings.state_machine_arn_prefix + pipeline
        newest = max(
            states.list_executions(stateMachineArn=machine)["executions"], key=lambda execution: execution["startDate"]
        )
        states.stop_execution(executionArn=newest["executionArn"])
        return dict(json.loads(states.describe_execution(executionArn=newest["executionArn"])["input"]))


def arrived(lake: Lake, *keys: str) -> dict[str, Any]:
    """SQS's event with EventBridge's of each object, as the queue hands them to the gate."""
    recorded = json.loads((Path(__file__).parents[1] / "events" / "eventbridge_object_created.json").read_text())
    (record,) = recorded["Records"]
    records = []
    for number, key in enumerate(keys):
        head = lake.client("s3").head_object(Bucket=lake.bucket, Key=key)
        body = json.loads(record["body"])
        body["detail"]["bucket"]["name"] = lake.bucket
        body["detail"]["object"] = {"key": key, "size": head["ContentLength"], "version-id": head["VersionId"]}
        records.append({**record, "messageId": f"m{number}", "body": json.dumps(body)})
    return {"Records": records}


@pytest.fixture(scope="module")
def played(quiet: Lake, unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Player:
    """Every handler has run once."""
    player = Player(quiet, unpacked, tmp_path_factory.mktemp("tmp"))
    seed = 1 + sorted(interpreters()).index(unpacked.version)
    _carts(player, seed)
    _sales(player, seed)
    assert player.run("generate", {"rows": 40, "seed": seed}, "activity")["keys"]  # the one that makes columns at once
    for kind in ("sweep", "compact", "tidy"):
        assert player.run(kind, SCHEDULED)["time"].startswith("2026-01-06T03:00")
    return player


def _carts(player: Player, seed: int) -> None:
    plan = player.to_gold("carts", seed)
    detail = {name: plan[name] for name in ("pipeline", "batch", "run_id", "versions", "slots")}
    detail |= {"table": "abandoned_products", "location": f"s3://{player.lake.bucket}/gold/x/", "engine": "duckdb"}
    event = {"detail-type": "Gold Published", "source": "built", "detail": detail}
    assert player.run("derive", event)["outcomes"] == {"promotions": "published"}
    error = {"Error": "States.TaskFailed", "Cause": "tried"}
    assert player.run("failed", {**plan, "run_id": "never-was", "error": error})["run_id"] == "never-was"


def _sales(player: Player, seed: int) -> None:
    plan = player.to_gold("sales", seed)
    assert player.run("load", plan)["outcome"] == "loaded"
    from localaws.task_tokens import token_of

    crawler = player.lake.named("sales-raw")
    token = token_of(f"{player.lake.settings.state_machine_arn_prefix}sales")
    asked = {"crawler": crawler, "pipeline": "sales", "batch": plan["batch"], "run_id": plan["run_id"], "token": token}
    assert player.run("crawl", asked)["started"] is True
    wait_until_ready(player.lake.aws, crawler)
    ended = {"detail-type": "Glue Crawler State Change", "detail": {"crawlerName": crawler, "state": "Succeeded"}}
    assert player.run("crawled", ended)["crawler"] == crawler


def test_every_handler_ran_and_loaded_nothing_but_its_artefact_and_the_runtime(played: Player) -> None:
    assert set(played.outside) == set(KINDS)
    assert played.outside == {kind: [] for kind in KINDS}


def test_every_layer_of_a_function_is_used_by_it(played: Player) -> None:
    assert played.packages == {kind: set(LAYERS_OF.get(kind, ())) for kind in KINDS}


def test_layers_bring_nothing_that_the_runtime_has(unpacked: Unpacked) -> None:
    """A second boto3 or urllib3 would come before the runtime's."""
    for layer in LAYERS:
        tops = {path.name for path in (unpacked.folder / "opt" / layer / "python").iterdir()}
        assert not tops & {*RUNTIMES_OWN, *(f"{name}.py" for name in RUNTIMES_OWN)}, layer


def test_this_python_is_among_those_tried() -> None:
    assert HERE in interpreters()


def test_what_is_shipped_is_built_for_lambdas_python_and_its_c_library(tmp_path: Path) -> None:
    """Whatever Python runs this test: the shipped layers' binaries ask for no newer glibc, and for no other Python."""
    shipped = unpack(tmp_path, "", LAMBDA_PYTHON)
    binaries = [path for path in shipped.folder.joinpath("opt").rglob("*") if ".so" in path.suffixes]
    assert len(binaries) > 30
    tag = f"cpython-{LAMBDA_PYTHON.replace('.', '')}"
    assert not [path.name for path in binaries if "cpython-" in path.name and tag not in path.name]
    wanted = {
        tuple(int(part) for part in found.split(b"."))
        for path in binaries
        for found in re.findall(rb"GLIBC_(2\.\d+)", path.read_bytes())
    }
    assert max(wanted) <= LAMBDA_GLIBC, max(wanted)
