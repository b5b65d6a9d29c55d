"""What pipelines' workflows are defined by, and which parts of the stack the definitions name. Pure but for reading.

A definition names parts of the stack by placeholders: `${CommitFunctionArn}`, `${GlueJobName}`, `${Workgroup}`. What it
names is what its role may use, and no more.
"""

import re
from importlib.resources.abc import Traversable

from deploy.config import ROOT
from lakehouse.contract.model import Pipeline
from lakehouse.errors import ContractError

STEPS = ("commit", "gold", "publish", "failed", "load", "crawl")
"""Functions that a workflow may call."""
PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
DEFAULT_WORKFLOW = ROOT / "lakehouse" / "workflow.asl.json"
"""The definition of pipelines that bring none of their own."""
_OWN = "workflow.asl.json"


def definition_file(pipeline: Pipeline) -> Traversable:
    """The file that defines a pipeline's workflow: its own, else the default one."""
    own = pipeline.folder / _OWN
    return own if own.is_file() else DEFAULT_WORKFLOW


def definition_text(pipeline: Pipeline) -> str:
    """A workflow's definition as written.

    Raises:
        ContractError: the file is missing.
    """
    path = definition_file(pipeline)
    if not path.is_file():
        raise ContractError(f"{path} is missing: pipeline '{pipeline.name}' has no workflow")
    return path.read_text()


def placeholders(text: str) -> frozenset[str]:
    """The names of a definition's placeholders."""
    return frozenset(PLACEHOLDER.findall(text))


def function_placeholder(kind: str) -> str:
    """The placeholder of a function's ARN in definitions."""
    return f"{kind.capitalize()}FunctionArn"


def steps(pipeline: Pipeline) -> tuple[str, ...]:
    """The functions that a pipeline's workflow calls."""
    used = placeholders(definition_text(pipeline))
    return tuple(kind for kind in STEPS if function_placeholder(kind) in used)


def queries(pipeline: Pipeline) -> bool:
    """Whether a pipeline's workflow asks Athena."""
    return "Workgroup" in placeholders(definition_text(pipeline))


def tells(pipeline: Pipeline) -> bool:
    """Whether a pipeline's workflow itself publishes to the topic."""
    return "TopicArn" in placeholders(definition_text(pipeline))
