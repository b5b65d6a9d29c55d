"""The template: committed as built, without findings, and safe in what it grants."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from template_world import BUILT, FUNCTIONS, PIPELINES, RESOURCES, ROLES, TEMPLATE, of_type

from deploy import check, stack
from deploy.artifacts import Artifact
from deploy.config import ROOT, ConfigError, load_config, load_configs
from deploy.functions import KINDS
from deploy.layers import LAYERS_OF
from deploy.parts.catalog import hive_type
from deploy.parts.names import logical_id
from deploy.policies import LISTED, policy_document
from deploy.template import TEMPLATE_FILE, build_template
from lakehouse.contract.personal import stored_columns
from lakehouse.errors import ContractError

WITHOUT_PACKAGES = sorted(set(KINDS) - LAYERS_OF.keys())
"""Functions that need nothing but what Lambda's runtime brings: boto3."""


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement anywhere in a value."""
    if isinstance(value, dict):
        if "Effect" in value:
            yield value
        for inner in value.values():
            yield from statements(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from statements(inner)


def test_committed_template_is_what_its_sources_build() -> None:
    assert TEMPLATE_FILE.read_text() == BUILT, "deploy/template.json is stale: run `make template`"


def test_template_is_small_enough_and_has_no_findings() -> None:
    assert check.problems(BUILT, BUILT) == []


def test_check_finds_a_stale_a_large_and_a_wrong_template(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = json.loads(BUILT)
    wrong["Resources"]["GateFunction"]["Properties"]["MemorySize"] = 12
    monkeypatch.setattr(check, "LIMIT_BYTES", 1000)
    found = check.problems("{}", json.dumps(wrong))
    assert "make template" in found[0]
    assert "CloudFormation takes 1000" in found[1]
    assert any("GateFunction/Properties/MemorySize" in line for line in found[2:])


def test_check_finds_what_is_beyond_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(check.beyond_limits(BUILT)) == []
    for limit in ("RESOURCES", "PARAMETERS", "OUTPUTS"):
        with monkeypatch.context() as patch:
            patch.setattr(check, f"LIMIT_{limit}", 2)
            (line,) = check.beyond_limits(BUILT)
            assert line.endswith(f" {limit.lower()}; CloudFormation takes 2")
    monkeypatch.setattr(check, "LIMIT_POLICY_CHARACTERS", 700)
    assert any(line.startswith("GateRole: its policies have") for line in check.beyond_limits(BUILT))


def test_limits_are_awss() -> None:
    assert (check.LIMIT_BYTES, check.LIMIT_RESOURCES, stack.LIMIT_INLINE_BYTES) == (1_000_000, 500, 51_200)


def test_a_template_that_is_too_long_for_a_request_goes_by_its_place_in_s3() -> None:
    long = Artifact("template.json", b"x" * (stack.LIMIT_INLINE_BYTES + 1))
    assert stack.source_of(long, "b", "eu-west-1") == {
        "TemplateURL": f"https://s3.eu-west-1.amazonaws.com/b/{long.key}"
    }
    assert stack.source_of(Artifact("template.json", b"{}"), "b", "eu-west-1") == {"TemplateBody": "{}"}
    assert len(BUILT.encode()) > stack.LIMIT_INLINE_BYTES, "the template goes by S3"


def test_the_same_sources_give_the_same_text_whichever_environment_asks() -> None:
    assert build_template(load_config("local")) == build_template(load_config("aws")) == BUILT


def test_an_environment_is_a_row_and_a_changed_config_changes_only_its_row() -> None:
    rows = TEMPLATE["Mappings"]["Environments"]
    assert set(rows) == {config.name for config in load_configs()}
    changed = json.loads(build_template(replace(load_config("local"), log_retention_days=1)))
    assert changed["Mappings"]["Environments"]["local"].pop("LogRetentionDays") == 1
    rows["local"].pop("LogRetentionDays")
    assert changed == TEMPLATE


def of_services(value: Any) -> list[dict[str, Any]]:
    """Every statement whose principal is an AWS service."""
    return [s for s in statements(value) if isinstance(p := s.get("Principal"), dict) and "Service" in p]


def test_every_service_is_trusted_only_on_behalf_of_a_source_in_this_account() -> None:
    """No confused deputy, in trust policies and in the policies of queues and the topic."""
    found = of_services({name: resource for name, resource in RESOURCES.items() if name != "DataKey"})
    assert len(found) >= len(FUNCTIONS) + 2 + 4
    for statement in found:
        if "redshift.amazonaws.com" in statement["Principal"]["Service"]:  # gives the database user, and no source
            assert "${AWS::AccountId}:dbuser:${Prefix}/" in json.dumps(statement["Condition"]["StringLike"])
            continue
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Fn::Sub": "${AWS::AccountId}"}}
        sources = [c["aws:SourceArn"] for c in statement["Condition"].values() if "aws:SourceArn" in c]
        assert len(sources) == 1, statement


def test_services_use_the_key_only_for_this_account() -> None:
    """KMS is not told the source by every service; then what is encrypted is named."""
    found = of_services(RESOURCES["DataKey"])
    assert found
    for statement in found:
        assert "${AWS::AccountId}" in json.dumps(statement["Condition"])


def test_nothing_is_public() -> None:
    for statement in statements(RESOURCES):
        if statement.get("Principal") == "*":
            assert statement["Effect"] == "Deny"


def test_bucket_queues_and_topic_deny_what_comes_without_tls() -> None:
    policies = [
        *of_type("AWS::S3::BucketPolicy").items(),
        *of_type("AWS::SQS::QueuePolicy").items(),
        *of_type("AWS::SNS::TopicPolicy").items(),
    ]
    assert len(policies) == 1 + len(of_type("AWS::SQS::Queue")) + 1
    for name, policy in policies:
        denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny" and s["Sid"] == "OnlyTls"]
        assert [s["Condition"] for s in denied] == [{"Bool": {"aws:SecureTransport": "false"}}], name


def test_only_the_gates_queue_leaves_its_dead_letters_in_the_gates_dead_letter_queue() -> None:
    gate = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Prefix}-gate"}
    allowed = {name: queue.get("RedriveAllowPolicy") for name, queue in of_type("AWS::SQS::Queue").items()}
    assert allowed == {
        "GateQueue": None,
        "GateDeadLetters": {"redrivePermission": "byQueue", "sourceQueueArns": [gate]},
        "EventsDeadLetters": {"redrivePermission": "denyAll"},
        "FunctionsDeadLetters": {"redrivePermission": "denyAll"},
    }


def test_everything_that_holds_data_is_encrypted_with_the_data_key_and_kept() -> None:
    arn, ref = {"Fn::GetAtt": ["DataKey", "Arn"]}, {"Ref": "DataKey"}
    assert {json.dumps(g["KmsKeyId"]) for g in of_type("AWS::Logs::LogGroup").values()} == {json.dumps(arn)}
    assert all(queue["KmsMasterKeyId"] == ref for queue in of_type("AWS::SQS::Queue").values())
    assert all(topic["KmsMasterKeyId"] == ref for topic in of_type("AWS::SNS::Topic").values())
    for name in ("DataKey", "LakeBucket", "Ledger"):
        assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate", name
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain", name


def test_every_function_has_a_role_of_its_own_and_its_log_group_first() -> None:
    functions = of_type("AWS::Lambda::Function")
    assert set(functions) == {logical_id(one.who, "function") for one in FUNCTIONS}
    roles = [json.dumps(function["Role"]) for function in functions.values()]
    assert len(set(roles)) == len(roles)
    for name in functions:
        assert RESOURCES[name]["DependsOn"] == [name.replace("Function", "Log")]


def test_functions_have_their_layers_where_layers_are_asked_for() -> None:
    layers = [f["Layers"] for f in of_type("AWS::Lambda::Function").values() if "Layers" in f]
    assert len(layers) == len([one for one in FUNCTIONS if one.kind not in WITHOUT_PACKAGES])
    assert all(layer["Fn::If"][0] == "WithLayers" and layer["Fn::If"][2] == {"Ref": "AWS::NoValue"} for layer in layers)


@pytest.mark.parametrize("kind", WITHOUT_PACKAGES)
def test_a_function_without_layers_imports_no_package_of_them(kind: str) -> None:
    packages = ["pyarrow", "numpy", "deltalake", "duckdb", "sqlglot"]
    code = f"import sys; sys.modules |= dict.fromkeys({packages}); sys.path += ['lambda']; import {kind}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_sweeper_comes_every_quarter_of_an_hour_and_what_it_fails_at_is_kept() -> None:
    rule = RESOURCES["SweepRule"]["Properties"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(15 minutes)", "ENABLED")
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["SweepFunction", "Arn"]}
    failures = RESOURCES["SweepFailures"]["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    assert failures == {"Fn::GetAtt": ["FunctionsDeadLetters", "Arn"]}
    assert {"SweepErrorsAlarm", "SweepThrottlesAlarm", "SweepUndeliveredAlarm"} <= RESOURCES.keys()


@pytest.mark.parametrize("who", ROLES)
def test_role_policy_comes_from_its_file_with_every_placeholder_resolved(who: str) -> None:
    policies = RESOURCES[logical_id(who, "role")]["Properties"]["Policies"]
    assert [policy["PolicyName"] for policy in policies] == list(ROLES[who].documents)
    for policy in policies:
        written = json.loads((ROOT / "iam" / f"{policy['PolicyName']}.json").read_text())["Statement"]
        assert [one["Sid"] for one in policy["PolicyDocument"]["Statement"]] == [one["Sid"] for one in written]
    assert not [name for name in LISTED if f"${{{name}}}" in json.dumps(policies)]
    if who in {one.who for one in FUNCTIONS}:
        own_log = f"log-group:/aws/lambda/${{Prefix}}-{who}:"
        assert own_log in json.dumps(policies), f"iam/{who}.json must let the function write its log: {own_log}*"


def test_policy_text_with_a_listed_name_stands_for_one_text_a_value(tmp_path: Path) -> None:
    file = tmp_path / "who.json"
    resource = ["arn:a:${AWS::AccountId}:${Prefix}-${Pipeline}", "${DataKey}", "x/${aws:username}/*"]
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": resource}]}))
    found = policy_document(file, {"Pipeline": ["a", "b"]})["Statement"][0]["Resource"]
    assert [getattr(value, "data", value) for value in found] == [
        {"Fn::Sub": "arn:a:${AWS::AccountId}:${Prefix}-a"},
        {"Fn::Sub": "arn:a:${AWS::AccountId}:${Prefix}-b"},
        {"Fn::Sub": "${DataKey.Arn}"},
        "x/${aws:username}/*",
    ]


def test_policy_text_with_two_listed_names_stands_for_every_pair(tmp_path: Path) -> None:
    file = tmp_path / "who.json"
    file.write_text('{"Version": "2012-10-17", "Statement": [{"Resource": "${Pipeline}_${Target}"}]}')
    found = policy_document(file, {"Pipeline": ["a", "b"], "Target": ["t", "u"]})
    assert found["Statement"] == [{"Resource": ["a_t", "a_u", "b_t", "b_u"]}]


def test_a_statement_that_is_left_without_a_resource_is_left_out(tmp_path: Path) -> None:
    """IAM refuses an empty list of resources, and a statement without one would be about everything."""
    file = tmp_path / "who.json"
    statements = [{"Sid": "A", "Resource": "x/${Crawler}"}, {"Sid": "B", "Resource": ["${Crawler}", "y"]}]
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    assert policy_document(file, {"Crawler": []})["Statement"] == [{"Sid": "B", "Resource": ["y"]}]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"Statement": [{"Resource": "${Bucket}"}]}', r"who\.json: unknown placeholder \['Bucket'\]"),
        ('{"Statement": []}', r"who\.json: expected an object"),
        ('{"Statement": [{"Resource": "${Target}"}]}', r"who\.json: '\$\{Target\}' stands for nothing"),
        ("{", r"who\.json: not JSON"),
        (None, r"who\.json is missing"),
    ],
)
def test_a_wrong_policy_document_is_named(tmp_path: Path, text: str | None, complaint: str) -> None:
    if text is not None:
        (tmp_path / "who.json").write_text(text)
    with pytest.raises(ContractError, match=complaint):
        policy_document(tmp_path / "who.json", {"Pipeline": ["activity"]})


def test_tables_have_the_contracts_columns_types_and_comments() -> None:
    tables = {table["TableInput"]["Name"]: table["TableInput"] for table in of_type("AWS::Glue::Table").values()}
    for pipeline in PIPELINES:
        for dataset in pipeline.datasets:
            silver = tables[f"{pipeline.name}_{dataset.name}"]
            assert silver["Parameters"]["table_type"] == "DELTA"
            assert [(c["Name"], c["Type"], c["Comment"]) for c in silver["StorageDescriptor"]["Columns"]] == [
                *((c.name, hive_type(c.type), c.comment) for c in stored_columns(dataset.columns)),
                ("_line", "bigint", "Line of the bronze file"),
                ("_origin", "string", "Slot of a row in a compacted file; null otherwise"),
            ]
        for gold in pipeline.gold:
            columns = [*tables[gold.name]["StorageDescriptor"]["Columns"], *tables[gold.name].get("PartitionKeys", [])]
            assert [(c["Name"], c["Type"], c["Comment"]) for c in columns] == [
                (c.name, hive_type(c.type), c.comment) for c in gold.columns
            ]


@pytest.mark.parametrize(("contract", "hive"), [("long", "bigint"), ("int", "int"), ("decimal(12,2)", "decimal(12,2)")])
def test_hive_type(contract: str, hive: str) -> None:
    assert hive_type(contract) == hive


def test_hive_type_refuses_what_the_catalog_does_not_know() -> None:
    with pytest.raises(ContractError, match="'uuid'"):
        hive_type("uuid")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "local"', 'kind = "laptop"', "'kind' is 'laptop'; expected one of"),
        ("memory_mb = 1769", 'memory_mb = "much"', "'functions.gate.memory_mb' is 'much'; expected int"),
        ("workers = 2", "", "'glue.workers' is missing"),
        ("workers = 2", "workers = 2\ncolour = 1", "'glue.colour' is unknown"),
        ("[functions.failed]", "[functions.fail]", "'failed' is None; expected a table"),
    ],
)
def test_a_wrong_environment_is_refused_with_file_and_field(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = (ROOT / "config" / "local.toml").read_text()
    assert old in text
    (tmp_path / "local.toml").write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=r"local\.toml") as error:
        load_config("local", tmp_path)
    assert complaint in str(error.value)


def test_an_unknown_environment_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"Unknown environment 'moon'. Expected one of \['aws', 'local'\]"):
        load_config("moon")


def test_the_gates_message_stays_hidden_six_times_as_long_as_the_gate_may_work() -> None:
    for row in TEMPLATE["Mappings"]["Environments"].values():
        assert row["GateVisibilitySeconds"] >= 6 * row["GateTimeoutSeconds"]
