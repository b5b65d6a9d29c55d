"""Temporary credentials of a role for a service of the embedded AWS, as AWS services assume the roles they are given.

ministack does this for Lambda alone: its Step Functions call every service without asking anyone, and its Glue jobs
run as root. Here a job or a task gets a session of its role, and what the role may not do is refused to it.
"""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam, sts

SESSION_SECONDS = 12 * 3600


class RoleError(Exception):
    """The service cannot assume the role: it does not exist, or does not trust the service."""


@dataclass(frozen=True)
class RoleSession:
    """Keys of an assumed role."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    arn: str
    """`arn:aws:sts::<account>:assumed-role/<role>/<session>`"""


def assume(role: str, service: str, session_name: str) -> RoleSession:
    """Assume a role, given by name or ARN, as an AWS service (`glue.amazonaws.com`). Within a request's context.

    Raises:
        RoleError: no such role, or its trust policy does not name the service.
    """
    name = role.rsplit("/", 1)[-1]
    record = iam._roles.get(name)
    if record is None:
        raise RoleError(f"Role {role} does not exist")
    if not trusts(record.get("AssumeRolePolicyDocument"), service):
        raise RoleError(f"Role {role} does not trust {service}: its trust policy must allow it sts:AssumeRole")
    account = get_account_id()
    session = RoleSession(
        access_key_id=f"ASIA{secrets.token_hex(8).upper()}",
        secret_access_key=secrets.token_hex(20),
        session_token=secrets.token_hex(32),
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session_name[:64]}",
    )
    details = {
        "Arn": session.arn,
        "UserId": f"{record['RoleId']}:{session_name[:64]}",
        "AccountId": account,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
        "Expiration": time.time() + SESSION_SECONDS,
    }
    sts.register_session(session.access_key_id, details)
    return session


def trusts(document: str | dict[str, Any] | None, service: str) -> bool:
    """Whether a trust policy lets an AWS service assume its role."""
    policy = json.loads(document) if isinstance(document, str) else document or {}
    statements = policy.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in ([services] if isinstance(services, str) else services):
            return True
    return False
