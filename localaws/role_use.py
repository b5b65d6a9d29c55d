"""What Lambda does with a function's role before its code runs: reads its queue, and keeps its log.

*ministack*: polls a queue and writes `/aws/lambda/<function>` without asking anyone.
*AWS*: with the function's role, so that a mapping whose role may not read the queue brings nothing, and a function
whose role may not write has no log.
*Here*: as on AWS. Other sources than queues are not asked about.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

import logging
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from localaws import roles, task_permissions

READ_A_QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
WRITE_A_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")

logger = logging.getLogger("localaws.role_use")

_sessions: dict[str, tuple[float, roles.RoleSession]] = {}
_every_mapping, _write_log = lambda_svc._iter_all_esms, lambda_svc._emit_lambda_logs


def install() -> None:
    """Put our own functions in the place of ministack's."""
    lambda_svc._iter_all_esms, lambda_svc._emit_lambda_logs = permitted_mappings, write_log


def permitted_mappings() -> Iterator[tuple[str, str, Any]]:
    """Account, region and record of each event source mapping, but for queues that its function's role may not read."""
    for account, region, mapping in _every_mapping():
        source = str(mapping.get("EventSourceArn", ""))
        if ":sqs:" not in source or may(_config(mapping["FunctionName"]), READ_A_QUEUE, source):
            yield account, region, mapping


def write_log(function: dict[str, Any], request_id: str, text: str, *arguments: Any, **options: Any) -> None:
    """Keep what an invocation printed, if the function's role may."""
    config = function.get("config") or function
    group = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:/aws/lambda/{config['FunctionName']}"
    if may(config, WRITE_A_LOG, f"{group}:log-stream:{time.strftime('%Y/%m/%d')}/[$LATEST]"):
        _write_log(function, request_id, text, *arguments, **options)


def may(config: dict[str, Any], actions: tuple[str, ...], resource: str) -> bool:
    """Whether a function's role may do all of these things on a resource; says in the log what it may not."""
    role = str(config.get("Role", ""))
    try:
        session = _session(role)
    except roles.RoleError as error:
        logger.error("%s", error)
        return False
    denied = [why for one in actions if (why := task_permissions.denial(session, one, resource, get_region()))]
    for why in denied:
        logger.error("%s", why)
    return not denied


def _config(function: str) -> dict[str, Any]:
    record = lambda_svc._functions.get(function.rpartition(":function:")[2] or function) or {}
    found: dict[str, Any] = record.get("config") or {}
    return found


def _session(role: str) -> roles.RoleSession:
    """A session of the role, made anew when half its time is over."""
    until, known = _sessions.get(role, (0.0, None))
    if known is None or time.monotonic() > until:
        known = roles.assume(role, "lambda.amazonaws.com", "lambda")
        _sessions[role] = (time.monotonic() + roles.SESSION_SECONDS / 2, known)
    return known
