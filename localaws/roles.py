"""Temporary credentials of a role for a service of the embedded AWS, as AWS services assume the roles they are given.

ministack does this for Lambda alone: its Step Functions call every service without asking anyone, and its Glue jobs
run as root. Here a job or a task gets a session of its role, and what the role may not do is refused to it. The role's
trust policy is judged as on AWS: for the resource that the service works for (`aws:SourceArn`, `aws:SourceAccount`), or
by what Redshift gives instead (`sts:ExternalId`). And ministack forgets expired sessions by a walk through its table,
which fails when another thread adds one meanwhile: here it does not.
"""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, sts

SESSION_SECONDS = 12 * 3600


class RoleError(Exception):
    """The service cannot assume the role: it does not exist, or does not trust the service."""


def install() -> None:
    """Put our own function in the place of ministack's."""
    sts._evict_expired_sessions = forget_expired


def forget_expired() -> None:
    """Drop sessions whose time is over; others may come and go meanwhile."""
    for key, session in list(sts._sessions.items()):
        if sts._session_expired(session):
            sts._sessions.pop(key, None)


@dataclass(frozen=True)
class RoleSession:
    """Keys of an assumed role."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    arn: str
    """`arn:aws:sts::<account>:assumed-role/<role>/<session>`"""


def assume(
    role: str, service: str, session_name: str, source_arn: str | None = None, external_id: str | None = None
) -> RoleSession:
    """Assume a role, given by name or ARN, as an AWS service (`glue.amazonaws.com`). Within a request's context.

    `source_arn`: the resource for which the service does it, `external_id`: what the service gives instead, as far as
    AWS documents either. Without both only the service is asked about: for tests, which act for no resource.

    Raises:
        RoleError: no such role, or its trust policy does not let the service assume it for this resource.
    """
    name = role.rsplit("/", 1)[-1]
    record = iam._roles.get(name)
    if record is None:
        raise RoleError(f"Role {role} does not exist")
    if not trusts(record.get("AssumeRolePolicyDocument"), service, source_arn, external_id):
        behalf = f" on behalf of {source_arn or external_id}" if source_arn or external_id else ""
        raise RoleError(f"Role {role} does not trust {service}{behalf}: its trust policy must allow it sts:AssumeRole")
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


def role_of(access_key_id: str) -> str:
    """Name of the role whose session a key belongs to; empty where it is no session of a role."""
    arn = str((sts._sessions.get(access_key_id) or {}).get("Arn", ""))
    return arn.split("/")[1] if ":assumed-role/" in arn else ""


def trusts(
    document: str | dict[str, Any] | None, service: str, source_arn: str | None = None, external_id: str | None = None
) -> bool:
    """Whether a trust policy lets an AWS service assume its role, for a resource of this account where one is given.

    Conditions are judged with `aws:SourceArn`, `aws:SourceAccount` and `sts:ExternalId`.
    """
    policy = json.loads(document) if isinstance(document, str) else document or {}
    statements = policy.get("Statement", [])
    named = [one for one in ([statements] if isinstance(statements, dict) else statements) if _names(one, service)]
    if source_arn is None and external_id is None:
        named = [{**one, "Condition": {}} for one in named]
    account = get_account_id()
    given = {"aws:sourcearn": source_arn, "aws:sourceaccount": source_arn and account, "sts:externalid": external_id}
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn="*",
        region=get_region(),
        service_context={key: value for key, value in given.items() if value},
    )
    parsed = iam_evaluator.parse_policy_document({"Statement": [{**one, "Resource": "*"} for one in named]})
    decision: str = _judge(context, [parsed]).decision
    return decision == "Allow"


def glue_arn(kind: str, name: str) -> str:
    """ARN of a job or crawler of the current account and region."""
    return f"arn:aws:glue:{get_region()}:{get_account_id()}:{kind}/{name}"


def _names(statement: dict[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    services = principal.get("Service", []) if isinstance(principal, dict) else []
    return service in ([services] if isinstance(services, str) else services)


_judge = iam_evaluator.evaluate
"""Taken before others hook in to note what identity policies are asked: a trust policy is none."""
