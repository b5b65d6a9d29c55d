"""IAM for the Data API: which action, on which resource, under which condition key.

As in AWS's service authorization reference: running a statement asks for its action and for
`redshift-serverless:GetCredentials` on the workgroup; looking at one asks for `*`, with the condition key
`redshift-data:statement-owner-iam-userid`. *Simplified*: the workgroup's ARN ends in its name, on AWS in its id.
*ministack* resolves no variables in policies: here `${aws:userid}` and `${aws:username}` in conditions are.
"""

import json
from dataclasses import replace
from typing import Any

from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import get_account_id, get_region

from localaws.redshift.errors import RequestError
from localaws.redshift.statements import Owner, Statements

SERVICE = "redshift-data"
OWNER_KEY = "redshift-data:statement-owner-iam-userid"
_VARIABLES = {"${aws:userid}": "aws:userid", "${aws:username}": "aws:username"}


def install(statements: Statements) -> None:
    """Hook into ministack's routing and IAM, once."""
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": ["RedshiftData"], "host_patterns": [r"redshift-data\."]}
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVICE] = SERVICE
    resource_of, context_of = iam_actions.extract_resource_arn, iam_actions.request_tag_context
    conditions_met = iam_evaluator._conditions_met

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, params: Any, region: str, account: str
    ) -> str:
        if service != SERVICE:
            return str(resource_of(service, method, path, headers, body, params, region, account))
        workgroup = _request(body).get("WorkgroupName")
        return workgroup_arn(str(workgroup), region) if workgroup else "*"

    def request_tag_context(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        found: dict[str, Any] = context_of(service, action, body, params)
        statement = statements.get(str(_request(body).get("Id", ""))) if service == SERVICE else None
        return {**found, OWNER_KEY: statement.owner.user_id} if statement else found

    def with_variables(conditions: dict[str, Any], context: Any) -> bool:
        keys = context.principal_keys
        if context.action == "redshift-data:ListStatements":  # which shows the caller's own
            own = {**context.service_context, OWNER_KEY: keys.get("aws:userid")}
            context = replace(context, service_context=own)
        return bool(conditions_met(_resolved(conditions, keys), context))

    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_tag_context
    iam_evaluator._conditions_met = with_variables


def workgroup_arn(workgroup: str, region: str) -> str:
    """`workgroup` is a name or already an ARN."""
    if workgroup.startswith("arn:"):
        return workgroup
    return f"arn:aws:redshift-serverless:{region}:{get_account_id()}:workgroup/{workgroup}"


def owner_of(access_key: str) -> Owner:
    """Who signed a request. Raises RequestError for a key that is not valid."""
    principal = iam_evaluator.resolve_principal(access_key, get_account_id())
    if isinstance(principal, iam_evaluator.AuthError):
        raise RequestError("UnrecognizedClientException", principal.message)
    return Owner(principal.arn, str(principal.keys.get("aws:userid", principal.arn)))


def require_credentials(access_key: str, workgroup: str) -> None:
    """The Data API logs in to a workgroup as the caller. Raises RequestError where the caller may not."""
    action, arn = "redshift-serverless:GetCredentials", workgroup_arn(workgroup, get_region())
    denied = iam_evaluator.enforce(access_key, action, "redshift-serverless", get_region(), resource_arn=arn)
    if denied is not None:
        who = getattr(denied, "principal_arn", "")
        message = f"User: {who} is not authorized to perform: {action} on resource: {arn}"
        raise RequestError("AccessDeniedException", message)


def _request(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _resolved(value: Any, keys: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(inner, keys) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, keys) for inner in value]
    if isinstance(value, str) and "${aws:" in value:
        for variable, key in _VARIABLES.items():
            value = value.replace(variable, str(keys.get(key, variable)))
    return value
