"""The roles: one for each thing that acts, each for its own pipelines alone; iam/README.md says who they are."""

import json
import re
from pathlib import Path

import pytest
from template_world import FUNCTIONS, PIPELINES, RESOURCES, ROLES, of_type, write_pipeline

from deploy.config import ROOT
from deploy.parts.names import logical_id
from deploy.parts.roles import LONGEST_PREFIX, needed_roles
from deploy.policies import LISTED
from deploy.template import build_template
from lakehouse.contract.load import pipelines
from lakehouse.errors import ContractError

README = (ROOT / "iam" / "README.md").read_text()
DOCUMENTS = sorted(file.stem for file in (ROOT / "iam").glob("*.json"))


def test_everything_that_acts_has_a_role_of_its_own() -> None:
    actors = {
        name: properties["RoleArn"] if "RoleArn" in properties else properties["Role"]
        for kind in ("Lambda::Function", "Glue::Job", "Glue::Crawler", "StepFunctions::StateMachine")
        for name, properties in of_type(f"AWS::{kind}").items()
    }
    crawlers = sum(len(pipeline.crawlers) for pipeline in PIPELINES)
    assert len(actors) == len(FUNCTIONS) + 2 * len(PIPELINES) + crawlers
    assert len({json.dumps(role) for role in actors.values()}) == len(actors)


def test_a_role_of_a_pipeline_names_nothing_of_another() -> None:
    """Neither its prefixes nor its tables, jobs or functions."""
    for role in ROLES.values():
        text = json.dumps(RESOURCES[logical_id(role.who, "role")])
        for pipeline in PIPELINES:
            if pipeline.name in role.pipelines:
                continue
            tables = "|".join(table.name for table in pipeline.gold)
            patterns = (
                rf"(bronze|silver|gold|exports|quarantine|warehouse)/{pipeline.name}/",
                rf"\$\{{Prefix\}}-{pipeline.name}[-:\"]",
                rf"\$\{{SilverDatabase\}}/{pipeline.name}_",
                rf"\$\{{GoldDatabase\}}/({tables})\"",
            )
            found = [pattern for pattern in patterns if re.search(pattern, text)]
            assert not found, f"{role.who} may reach something of {pipeline.name}: {found}"


def test_a_function_works_for_the_pipelines_that_ask_for_what_it_does() -> None:
    asked = {
        "derive": {one.name for one in PIPELINES if any(table.after for table in one.gold)},
        "load": {one.name for one in PIPELINES if one.warehouse},
        "crawl": {one.name for one in PIPELINES if one.crawlers},
        "crawled": {one.name for one in PIPELINES if one.crawlers},
        "compact": {one.name for one in PIPELINES if any(dataset.compact for dataset in one.datasets)},
        "gate": {one.name for one in PIPELINES},
    }
    assert {who: set(ROLES[who].pipelines) for who in asked} == asked


def test_the_page_has_a_line_for_each_document() -> None:
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", README, re.MULTILINE)) == DOCUMENTS


def test_the_page_says_what_each_placeholder_stands_for() -> None:
    used = {
        name for name in DOCUMENTS for name in re.findall(r"\$\{([^}]+)\}", (ROOT / f"iam/{name}.json").read_text())
    }
    assert {name for name in {*used, *LISTED} if f"`${{{name}}}`" not in README} == set()


def test_every_document_is_some_roles() -> None:
    layers = {f"crawler-{layer}" for layer in ("bronze", "silver", "gold")}
    assert {document for role in ROLES.values() for document in role.documents} | layers == set(DOCUMENTS)


def test_a_role_whose_name_would_be_too_long_is_refused(tmp_path: Path) -> None:
    write_pipeline(tmp_path, "long", f'[crawlers.{"c" * 40}]\nbronze = "things"')
    with pytest.raises(ContractError, match=r"long-c+-crawler' would have a name of up to 74 characters; IAM takes 64"):
        build_template(pipelines_dir=tmp_path)


def test_the_longest_prefix_is_the_parameters() -> None:
    pattern = json.loads((ROOT / "deploy" / "template.json").read_text())["Parameters"]["Prefix"]["AllowedPattern"]
    assert re.fullmatch(pattern, "a" * LONGEST_PREFIX)
    assert not re.fullmatch(pattern, "a" * (LONGEST_PREFIX + 1))


def test_a_pipeline_without_crawlers_and_generator_leaves_no_empty_statement(tmp_path: Path) -> None:
    write_pipeline(tmp_path, "plain")
    template = json.loads(build_template(pipelines_dir=tmp_path))
    for role in needed_roles(tuple(pipelines(tmp_path).values())):
        for policy in template["Resources"][logical_id(role.who, "role")]["Properties"]["Policies"]:
            assert all(one["Resource"] for one in policy["PolicyDocument"]["Statement"]), role.who
