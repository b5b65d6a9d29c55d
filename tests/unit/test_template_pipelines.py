"""What pipelines ask for is in the template, and what none asks for is not."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from template_world import (
    FUNCTIONS,
    PIPELINES,
    RESOURCES,
    TEMPLATE,
    copied,
    of_type,
    references,
    resources_of,
    write_pipeline,
)

from deploy.functions import followed_tables
from deploy.parts.names import logical_id
from deploy.template import build_template
from lakehouse.errors import ContractError

EVERYWHERE = ("Gate", "Commit", "Gold", "Publish", "Failed", "Sweep", "Tidy")
ALWAYS = {f"{who}Function" for who in EVERYWHERE}
SHARED = (*EVERYWHERE, "Operator", "Eraser", "Deployer")
CRAWLER = '[crawlers.raw]\nbronze = "things"'


def functions_of(resources: dict[str, Any]) -> set[str]:
    return set(of_type("AWS::Lambda::Function", resources))


def test_a_pipeline_that_asks_for_nothing_gets_what_every_lake_has_and_no_more(tmp_path: Path) -> None:
    write_pipeline(tmp_path, "plain")
    resources = resources_of(tmp_path)
    assert functions_of(resources) == ALWAYS
    assert set(of_type("AWS::Events::Rule", resources)) == {"ArrivalRule", "FailedJobsRule", "SweepRule", "TidyRule"}
    kinds = {resource["Type"] for resource in resources.values()}
    assert not kinds & {"AWS::Glue::Crawler", "AWS::RedshiftServerless::Namespace"}
    assert set(of_type("AWS::Lambda::Permission", resources)) == {"SweepRulePermission", "TidyRulePermission"}
    roles = {"Plain" + role for role in ("WorkflowRole", "GlueGoldRole")} | {f"{who}Role" for who in SHARED}
    assert set(of_type("AWS::IAM::Role", resources)) == roles


@pytest.mark.parametrize(
    ("asked", "functions", "others"),
    [
        ('[generator]\nrows = 1\nschedule = "rate(1 hour)"', {"PlainGenerateFunction"}, {"PlainGenerateRule"}),
        ("[generator]\nrows = 1", {"PlainGenerateFunction"}, set()),
        (
            CRAWLER,
            {"CrawlFunction", "CrawledFunction"},
            {"PlainRawCrawler", "PlainRawCrawlerRole", "CrawledRule", "FailedCrawlersRule"},
        ),
        ('[warehouse]\nfacts = ["plain_rows"]', {"LoadFunction"}, {"WarehouseWorkgroup", "WarehouseRole"}),
    ],
)
def test_what_a_pipeline_asks_for_it_gets(tmp_path: Path, asked: str, functions: set[str], others: set[str]) -> None:
    write_pipeline(tmp_path, "plain", asked)
    resources = resources_of(tmp_path)
    assert functions_of(resources) == ALWAYS | functions
    assert others <= resources.keys()
    assert ("PlainGenerateRule" in resources) == ("PlainGenerateRule" in others)


def test_gold_that_follows_gold_and_compaction_have_their_functions(tmp_path: Path) -> None:
    folder = copied(tmp_path, ["carts", "transactions"])
    assert {"DeriveFunction", "CompactFunction"} <= functions_of(resources_of(folder))
    shutil.rmtree(folder / "carts")
    assert "DeriveFunction" not in functions_of(resources_of(folder))


def test_a_pipeline_more_is_a_folder_more_and_touches_nothing_of_the_others(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    before = resources_of(folder)
    write_pipeline(folder, "sixth", '[generator]\nrows = 1\nschedule = "rate(1 hour)"\n' + CRAWLER)
    after = resources_of(folder)
    changed = {name for name in before if after[name] != before[name]}
    every = {f"{who}Role" for who in ("Gate", "Commit", "Gold", "Publish", "Sweep", "Tidy", "Operator")}
    others = {"CrawlRole", "CrawledRole", "Dashboard", "EventsDeadLettersPolicy"}
    assert changed == every | others, "only what names every pipeline may change"
    added = {name for name in after if name not in before}
    assert {"SixthWorkflow", "SixthGoldJob", "SixthThingsSilverTable", "SixthSixthRowsGoldTable"} <= added
    assert all(name.startswith("Sixth") for name in added)


def test_every_generator_has_its_pipeline_its_role_and_writes_only_into_its_bronze() -> None:
    for pipeline in PIPELINES:
        if not pipeline.generator:
            continue
        name = f"{pipeline.name.capitalize()}Generate"
        function = RESOURCES[f"{name}Function"]["Properties"]
        assert function["Handler"] == "generate.handler"
        assert function["Environment"]["Variables"]["LAKE_PIPELINE"] == pipeline.name
        policy = RESOURCES[f"{name}Role"]["Properties"]["Policies"][0]["PolicyDocument"]
        (bring,) = [one for one in policy["Statement"] if one["Sid"] == "BringFiles"]
        bronze = f"arn:${{AWS::Partition}}:s3:::${{LakeBucket}}/bronze/{pipeline.name}/*"
        assert bring["Resource"] == [{"Fn::Sub": bronze}]
    assert [function.pipeline for function in FUNCTIONS if function.pipeline] == [
        pipeline.name for pipeline in PIPELINES if pipeline.generator
    ]


def test_schedules_are_the_contracts_and_an_environment_switches_them() -> None:
    rules = of_type("AWS::Events::Rule")
    for pipeline in PIPELINES:
        schedule = pipeline.generator.schedule if pipeline.generator else None
        rule = rules.get(f"{pipeline.name.capitalize()}GenerateRule")
        assert (rule["ScheduleExpression"] if rule else None) == schedule
        if rule:
            assert rule["State"] == {"Fn::FindInMap": ["Environments", {"Ref": "Environment"}, "GeneratorSchedules"]}
    states = {name: row["GeneratorSchedules"] for name, row in TEMPLATE["Mappings"]["Environments"].items()}
    assert states == {"local": "DISABLED", "aws": "ENABLED"}
    assert (rules["CompactRule"]["ScheduleExpression"], rules["CompactRule"]["State"]) == (
        "cron(0 3 * * ? *)",
        "ENABLED",
    )


def test_every_rule_that_invokes_a_function_may_and_only_it() -> None:
    permissions = of_type("AWS::Lambda::Permission")
    allowed = {(p["FunctionName"]["Ref"], p["SourceArn"]["Fn::GetAtt"][0]) for p in permissions.values()}
    wanted = {
        (target["Arn"]["Fn::GetAtt"][0], name)
        for name, rule in of_type("AWS::Events::Rule").items()
        for target in rule["Targets"]
        if target["Arn"].get("Fn::GetAtt", [""])[0].endswith("Function")
    }
    assert allowed == wanted
    assert {(p["Principal"], p["Action"]) for p in permissions.values()} == {
        ("events.amazonaws.com", "lambda:InvokeFunction")
    }


def test_every_target_of_a_rule_keeps_what_it_could_not_deliver() -> None:
    for name, rule in of_type("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["EventsDeadLetters", "Arn"]}}, name


def test_every_function_that_nobody_waits_for_keeps_what_it_could_not_handle() -> None:
    invoked = {
        target["Arn"]["Fn::GetAtt"][0]
        for rule in of_type("AWS::Events::Rule").values()
        for target in rule["Targets"]
        if target["Arn"].get("Fn::GetAtt", [""])[0].endswith("Function")
    }
    kept = {
        config["FunctionName"]["Ref"]: config["DestinationConfig"]["OnFailure"]["Destination"]
        for config in of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    assert invoked <= kept.keys()
    assert set(kept) == {logical_id(one.who, "function") for one in FUNCTIONS if one.asynchronous}
    for name, destination in kept.items():
        assert destination == {"Fn::GetAtt": ["FunctionsDeadLetters", "Arn"]}
        role = RESOURCES[name.replace("Function", "Role")]["Properties"]["Policies"][0]["PolicyDocument"]
        assert "sqs:SendMessage" in json.dumps(role), f"{name} may not leave its failures in their queue"


def test_derive_hears_of_the_tables_that_others_follow() -> None:
    rules = of_type("AWS::Events::Rule")
    followed = {pipeline.name: list(followed_tables(pipeline)) for pipeline in PIPELINES if followed_tables(pipeline)}
    assert followed
    for name, tables in followed.items():
        pattern = rules[f"{name.capitalize()}DeriveRule"]["EventPattern"]
        assert pattern == {
            "source": [{"Ref": "Prefix"}],
            "detail-type": ["Gold Published"],
            "detail": {"pipeline": [name], "table": tables},
        }
    assert len([name for name in rules if name.endswith("DeriveRule")]) == len(followed)


def test_people_hear_of_every_failed_job_and_of_the_others_where_a_pipeline_asks() -> None:
    rules = of_type("AWS::Events::Rule")
    failed, finished = (rules[name]["EventPattern"]["detail"] for name in ("FailedJobsRule", "FinishedJobsRule"))
    assert failed == {"jobName": [{"prefix": {"Fn::Sub": "${Prefix}-"}}], "state": ["FAILED", "TIMEOUT", "ERROR"]}
    mailed = [{"Ref": f"{one.name.capitalize()}GoldJob"} for one in PIPELINES if one.job_mail]
    assert finished == {"jobName": mailed, "state": ["SUCCEEDED"]}


def test_people_hear_of_a_failed_crawler_in_a_sentence() -> None:
    """A crawler that runs by schedule has nobody who waits for it."""
    rule = RESOURCES["FailedCrawlersRule"]["Properties"]
    assert rule["EventPattern"]["detail"] == {
        "crawlerName": [{"prefix": {"Fn::Sub": "${Prefix}-"}}],
        "state": ["Failed"],
    }
    assert rule["Targets"][0]["InputTransformer"] == {
        "InputPathsMap": {"crawlerName": "$.detail.crawlerName", "state": "$.detail.state"},
        "InputTemplate": '"Glue crawler <crawlerName> ended as <state>; see /aws-glue/crawlers."',
    }


def test_crawlers_look_where_their_contract_says_and_delete_nothing() -> None:
    crawlers = of_type("AWS::Glue::Crawler")
    for pipeline in PIPELINES:
        for crawler in pipeline.crawlers:
            found = crawlers.pop(logical_id(pipeline.name, crawler.name, "crawler"))
            assert found["Name"] == {"Fn::Sub": f"${{Prefix}}-{pipeline.name}-{crawler.name}"}
            assert found.get("Schedule") == ({"ScheduleExpression": crawler.schedule} if crawler.schedule else None)
            assert found["SchemaChangePolicy"]["DeleteBehavior"] == "LOG"
            folder = f"s3://${{LakeBucket}}/{crawler.layer}/{pipeline.name}/{crawler.target}/"
            if crawler.layer == "gold":
                target = {"DatabaseName": {"Ref": "GoldDatabase"}, "Tables": [crawler.target]}
                assert found["Targets"] == {"CatalogTargets": [target]}
                assert found["SchemaChangePolicy"]["UpdateBehavior"] == "LOG"
                assert "DatabaseName" not in found
                continue
            assert (found["TablePrefix"], found["DatabaseName"]) == (
                f"{pipeline.name}_",
                {"Ref": f"{crawler.layer.capitalize()}Database"},
            )
            delta = {"DeltaTables": [{"Fn::Sub": folder}], "CreateNativeDeltaTable": True, "WriteManifest": False}
            expected = {"DeltaTargets": [delta]} if crawler.layer == "silver" else None
            assert found["Targets"] == (expected or {"S3Targets": [{"Path": {"Fn::Sub": folder}}]})
    assert not crawlers


def test_partitioned_gold_has_its_key_and_a_place_that_stays_empty() -> None:
    tables = {table["TableInput"]["Name"]: table["TableInput"] for table in of_type("AWS::Glue::Table").values()}
    for pipeline in PIPELINES:
        for gold in pipeline.gold:
            found = tables[gold.name]
            keys = [key["Name"] for key in found.get("PartitionKeys", [])]
            assert keys == ([gold.partition_by] if gold.partition_by else [])
            assert gold.partition_by not in [column["Name"] for column in found["StorageDescriptor"]["Columns"]]
            end = "root/" if gold.partition_by else "run=none/"
            location = f"s3://${{LakeBucket}}/gold/{pipeline.name}/{gold.name}/{end}"
            assert found["StorageDescriptor"]["Location"] == {"Fn::Sub": location}


def test_named_queries_are_the_files_and_only_for_aws() -> None:
    found = {query["Name"]: query for query in of_type("AWS::Athena::NamedQuery").values()}
    files = {
        f"{pipeline.name}/{file.name.removesuffix('.sql')}": file.read_text()
        for pipeline in PIPELINES
        for file in (Path(str(pipeline.folder)) / "queries").glob("*.sql")
    }
    assert {name: query["QueryString"] for name, query in found.items()} == files
    assert all(query["Database"] == {"Ref": "GoldDatabase"} for query in found.values())
    conditions = {one.get("Condition") for one in RESOURCES.values() if one["Type"] == "AWS::Athena::NamedQuery"}
    assert conditions == {"IsAws"}


def test_the_warehouse_is_private_keeps_its_password_itself_and_is_for_aws_alone() -> None:
    namespace, workgroup = RESOURCES["WarehouseNamespace"], RESOURCES["WarehouseWorkgroup"]
    assert namespace["Condition"] == workgroup["Condition"] == "IsAws"
    assert namespace["Properties"]["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace["Properties"]
    assert namespace["Properties"]["IamRoles"] == [{"Fn::GetAtt": ["WarehouseRole", "Arn"]}]
    assert workgroup["Properties"]["PubliclyAccessible"] is False
    with_subnets = {"Fn::If": ["HasWarehouseSubnets", {"Ref": "WarehouseSubnets"}, {"Ref": "AWS::NoValue"}]}
    assert workgroup["Properties"]["SubnetIds"] == with_subnets
    variables = {
        name: {key for key in function["Environment"]["Variables"] if key.startswith("LAKE_WAREHOUSE_")}
        for name, function in of_type("AWS::Lambda::Function").items()
    }
    assert {name for name, found in variables.items() if found} == {"LoadFunction"}
    assert variables["LoadFunction"] == {f"LAKE_WAREHOUSE_{name}" for name in ("WORKGROUP", "DATABASE", "ROLE_ARN")}


def own_workflow(folder: Path, **states: Any) -> None:
    state = {"Type": "Task", "Resource": "${GoldFunctionArn}", "End": True, **states}
    (folder / "workflow.asl.json").write_text(json.dumps({"StartAt": "A", "States": {"A": state}}))


def test_a_pipelines_own_workflow_takes_the_place_of_the_default(tmp_path: Path) -> None:
    place = write_pipeline(tmp_path, "plain")
    own_workflow(place)
    machine = resources_of(tmp_path)["PlainWorkflow"]["Properties"]
    assert json.loads(machine["DefinitionString"]) == json.loads((place / "workflow.asl.json").read_text())
    assert machine["DefinitionSubstitutions"] == {"GoldFunctionArn": {"Fn::GetAtt": ["GoldFunction", "Arn"]}}


def test_a_query_in_a_workflow_is_its_text_whatever_stands_in_it(tmp_path: Path) -> None:
    place = write_pipeline(tmp_path, "plain", CRAWLER)
    text = "select \"a\\b\", '${NotOurs}' -- \"quoted\"\nfrom plain_rows\twhere x = 'é'\n"
    (place / "queries").mkdir()
    (place / "queries" / "sum_up.sql").write_text(text)
    own_workflow(place, Parameters={"QueryString": "${Query_sum_up}", "To": "${TopicArn}", "C": "${Crawler_raw}"})
    machine = resources_of(tmp_path)["PlainWorkflow"]["Properties"]
    assert json.loads(machine["DefinitionString"])["States"]["A"]["Parameters"]["QueryString"] == text
    assert machine["DefinitionSubstitutions"] == {
        "Crawler_raw": {"Ref": "PlainRawCrawler"},
        "GoldFunctionArn": {"Fn::GetAtt": ["GoldFunction", "Arn"]},
        "TopicArn": {"Ref": "Notifications"},
    }


@pytest.mark.parametrize("name", ["NoSuchThing", "Crawler_other", "Query_missing", "LoadFunctionArn"])
def test_an_unknown_placeholder_is_refused(tmp_path: Path, name: str) -> None:
    """So is one that the pipeline did not ask for: its function may be there today for the sake of another one."""
    place = write_pipeline(tmp_path, "plain", CRAWLER)
    own_workflow(place, Parameters={"A": f"${{{name}}}"})
    with pytest.raises(ContractError, match=rf"workflow\.asl\.json: unknown placeholder \['{name}'\]"):
        build_template(pipelines_dir=tmp_path)


def test_a_workflows_role_may_invoke_the_functions_that_the_workflow_names_and_no_others() -> None:
    for name, machine in of_type("AWS::StepFunctions::StateMachine").items():
        assert machine["RoleArn"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        policy = RESOURCES[f"{name}Role"]["Properties"]["Policies"][0]["PolicyDocument"]
        (invoke,) = [one for one in policy["Statement"] if one["Sid"] == "Invoke"]
        used = {one for one in references(machine["DefinitionSubstitutions"]) if one.endswith("Function")}
        start = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${Prefix}-"
        expected = {start + one.removesuffix("Function").lower() for one in used}
        assert {one["Fn::Sub"] for one in invoke["Resource"]} == expected


def test_a_workflow_that_asks_athena_or_tells_people_may_do_so_and_another_may_not() -> None:
    for name, machine in of_type("AWS::StepFunctions::StateMachine").items():
        named = set(machine["DefinitionSubstitutions"])
        found = {one["PolicyName"] for one in RESOURCES[f"{name}Role"]["Properties"]["Policies"]}
        asks = {"workflow-query"} if "Workgroup" in named else set()
        tells = {"workflow-notify"} if "TopicArn" in named else set()
        assert found == {"workflow"} | asks | tells, name


def test_a_seed_that_breaks_its_contract_is_not_deployed(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    limits = folder / "sales" / "seeds" / "transaction_classes.csv"
    limits.write_text(limits.read_text().replace("500.00", "five hundred"))
    with pytest.raises(ContractError, match=r"transaction_classes.csv.*up_to"):
        build_template(pipelines_dir=folder)
