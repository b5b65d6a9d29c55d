"""The roles: whom iam/ has a policy document for, who may assume each, and what the document grants there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from troposphere import GetAtt, Template, iam

from deploy.definitions import queries, steps, tells
from deploy.functions import GENERATE, Function, needed_functions, served
from deploy.parts.names import logical_id, named
from deploy.policies import Document, Values, account_trust, policy_document, service_trust, warehouse_trust
from lakehouse.contract.model import Crawler, Pipeline
from lakehouse.errors import ContractError
from lakehouse.names import silver_table

WAREHOUSE = "warehouse"
PEOPLE = ("operator", "eraser", "deployer")
"""Roles that people of the account assume."""
LONGEST_PREFIX = 20
"""Characters of the parameter `Prefix`, at most."""
LIMIT_NAME_CHARACTERS = 64
"""Of a role's name. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


@dataclass(frozen=True)
class Role:
    """One role of a stack."""

    who: str
    """What follows the prefix in its name."""
    document: str
    """Its policy document: `iam/<document>.json`."""
    trust: Document
    pipelines: tuple[str, ...]
    """The pipelines that it works for: what `${Pipeline}` stands for in its documents."""
    further: tuple[str, ...] = ()
    """Policy documents that it has besides, for what not every role of its kind does."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the other listed placeholders stand for in its documents (`deploy.policies.LISTED`)."""

    @property
    def documents(self) -> tuple[str, ...]:
        """All its policy documents."""
        return (self.document, *self.further)


def needed_roles(pipelines: Sequence[Pipeline]) -> tuple[Role, ...]:
    """The roles that a stack of these pipelines needs."""
    functions = [_of_function(function, pipelines) for function in needed_functions(pipelines)]
    owned = [role for pipeline in pipelines for role in _of_pipeline(pipeline)]
    people = [_role(who, who, account_trust(), pipelines) for who in PEOPLE]
    loaded = [pipeline for pipeline in pipelines if pipeline.warehouse]
    warehouse = [_role(WAREHOUSE, WAREHOUSE, warehouse_trust(), loaded)] if loaded else []
    return (*functions, *owned, *people, *warehouse)


def workflow_role(pipeline: Pipeline) -> str:
    """Whose name the role of a pipeline's state machine has."""
    return f"{pipeline.name}-workflow"


def job_role(pipeline: Pipeline) -> str:
    """Whose name the role of a pipeline's Glue job has."""
    return f"{pipeline.name}-glue-gold"


def crawler_role(pipeline: Pipeline, crawler: Crawler) -> str:
    """Whose name the role of a crawler has."""
    return f"{pipeline.name}-{crawler.name}-crawler"


def _of_function(function: Function, pipelines: Sequence[Pipeline]) -> Role:
    """Lambda acts for the function; where it polls the gate's queue, for the event source mapping, whose name AWS makes
    up."""
    sources = [f"function:${{Prefix}}-{function.who}"]
    if function.kind == "gate":
        sources.append("event-source-mapping:*")
    return _role(function.who, function.kind, service_trust("lambda", *sources), served(function, pipelines))


def _of_pipeline(pipeline: Pipeline) -> list[Role]:
    """The roles of a pipeline's state machine, Glue job and crawlers."""
    further = tuple(name for name, uses in _FURTHER.items() if uses(pipeline))
    machine = service_trust("states", f"stateMachine:${{Prefix}}-{pipeline.name}")
    job = service_trust("glue", f"job/${{Prefix}}-{pipeline.name}-gold")
    return [
        _role(workflow_role(pipeline), "workflow", machine, [pipeline], further, Step=steps(pipeline)),
        _role(job_role(pipeline), "glue-gold", job, [pipeline]),
        *(_of_crawler(pipeline, crawler) for crawler in pipeline.crawlers),
    ]


_FURTHER = {"workflow-query": queries, "workflow-notify": tells}


def _of_crawler(pipeline: Pipeline, crawler: Crawler) -> Role:
    trust = service_trust("glue", f"crawler/${{Prefix}}-{pipeline.name}-{crawler.name}")
    document = f"crawler-{crawler.layer}"
    return _role(crawler_role(pipeline, crawler), document, trust, [pipeline], Target=(crawler.target,))


def _role(
    who: str,
    document: str,
    trust: Document,
    pipelines: Sequence[Pipeline],
    further: tuple[str, ...] = (),
    **more: tuple[str, ...],
) -> Role:
    """A role that works for some pipelines; `more` are values of placeholders that only it has."""
    values = {
        "SilverTable": tuple(silver_table(one.name, data.name) for one in pipelines for data in one.datasets),
        "GoldTable": tuple(table.name for one in pipelines for table in one.gold),
        "Crawler": tuple(f"{one.name}-{crawler.name}" for one in pipelines for crawler in one.crawlers),
        "Generator": tuple(Function(GENERATE, one.name).who for one in pipelines if one.generator),
        **more,
    }
    return Role(who, document, trust, tuple(one.name for one in pipelines), further, values)


def policy_values(role: Role) -> Values:
    """What the listed placeholders stand for in a role's documents."""
    return {"Pipeline": role.pipelines, **role.values}


def add(template: Template, iam_dir: Path, pipelines: Sequence[Pipeline]) -> None:
    """Raises ContractError where a document is missing or wrong, or a role's name would be too long."""
    for role in needed_roles(pipelines):
        length = LONGEST_PREFIX + 1 + len(role.who)
        if length > LIMIT_NAME_CHARACTERS:
            raise ContractError(
                f"The role '<prefix>-{role.who}' would have a name of up to {length} characters; IAM takes "
                f"{LIMIT_NAME_CHARACTERS}. Shorten the name of the pipeline or of what the role belongs to"
            )
        template.add_resource(
            iam.Role(
                logical_id(role.who, "role"),
                RoleName=named(role.who),
                AssumeRolePolicyDocument=role.trust,
                Policies=[
                    iam.Policy(
                        PolicyName=document,
                        PolicyDocument=policy_document(iam_dir / f"{document}.json", policy_values(role)),
                    )
                    for document in role.documents
                ],
            )
        )


def role_arn(who: str) -> Any:
    return GetAtt(logical_id(who, "role"), "Arn")
