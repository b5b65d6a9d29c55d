"""The CloudFormation template, built from pipelines/, iam/, kms/ and config/, and its deployment."""

from deploy.artifacts import Artifact, Artifacts, build_artifacts
from deploy.config import Config, ConfigError, load_config, load_configs
from deploy.stack import deploy_stack, settings_of
from deploy.stack_events import DeployError
from deploy.template import TEMPLATE_FILE, build_template

__all__ = [
    "TEMPLATE_FILE",
    "Artifact",
    "Artifacts",
    "Config",
    "ConfigError",
    "DeployError",
    "build_artifacts",
    "build_template",
    "deploy_stack",
    "load_config",
    "load_configs",
    "settings_of",
]
