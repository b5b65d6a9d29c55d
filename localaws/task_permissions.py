"""What a Step Functions task asks of its state machine's role, and what the role's policies say to it."""

from collections.abc import Mapping
from typing import Any

from localaws.roles import RoleSession

_TABLE_ACTIONS = {
    "putItem": "dynamodb:PutItem",
    "getItem": "dynamodb:GetItem",
    "deleteItem": "dynamodb:DeleteItem",
    "updateItem": "dynamodb:UpdateItem",
}
_ERROR_NAMES = {"lambda": "Lambda.AWSLambdaException", "sns": "SNS.AuthorizationErrorException"}


def needed(resource: str, data: Any, region: str, account: str) -> list[tuple[str, str]]:
    """The actions and resource ARNs that a task needs. Empty for what asks for itself (Glue, Athena) or calls nothing.

    `aws-sdk:` tasks are not checked: which resource each of their calls touches only the service knows.
    """
    data = data if isinstance(data, Mapping) else {}
    if ":states:::lambda:invoke" in resource:
        return [("lambda:InvokeFunction", _function_arn(str(data.get("FunctionName", "")), region, account))]
    if ":lambda:" in resource and ":function:" in resource:
        return [("lambda:InvokeFunction", resource)]
    service, _, action = resource.partition(":states:::")[2].partition(":")
    action = action.split(".")[0]
    if service == "sns" and action == "publish":
        return [("sns:Publish", str(data.get("TopicArn", "*")))]
    if service == "sqs" and action == "sendMessage":
        queue = str(data.get("QueueUrl", "")).rsplit("/", 1)[-1]
        return [("sqs:SendMessage", f"arn:aws:sqs:{region}:{account}:{queue}")]
    if service == "dynamodb" and action in _TABLE_ACTIONS:
        table = str(data.get("TableName", "")).rsplit("/", 1)[-1]
        return [(_TABLE_ACTIONS[action], f"arn:aws:dynamodb:{region}:{account}:table/{table}")]
    if service == "events" and action == "putEvents":
        buses = {str(entry.get("EventBusName", "default")) for entry in data.get("Entries", [])}
        return [("events:PutEvents", f"arn:aws:events:{region}:{account}:event-bus/{bus}") for bus in sorted(buses)]
    if service == "states" and action == "startExecution":
        return [("states:StartExecution", str(data.get("StateMachineArn", "*")))]
    return []


def denial(session: RoleSession, action: str, resource_arn: str, region: str) -> str | None:
    """Why the role may not, in AWS's words; None when it may. Resource policies count, and what else AWS asks."""
    from localaws.also_asked import Question, also_asked

    for one in (Question(action, resource_arn), *also_asked(action, resource_arn)):
        if why := _denial(session, one.action, one.resource, region, dict(one.keys)):
            return why
    return None


def _denial(session: RoleSession, action: str, resource_arn: str, region: str, keys: dict[str, str]) -> str | None:
    from ministack.core import iam_evaluator as iam

    account = session.arn.split(":")[4]
    principal = iam.resolve_principal(session.access_key_id, account)
    context = iam.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=action,
        resource_arn=resource_arn,
        region=region,
        service_context={key.lower(): value for key, value in keys.items()},
        principal_keys=principal.keys,
    )
    result = iam.evaluate(context, principal.policies, *principal.limits)
    policy = iam._resource_policy(action.split(":")[0], resource_arn)
    if policy is not None:
        result = iam.combine_resource_policy(result, context, *policy, required=False, limits=principal.limits)
    if result.decision == "Allow":
        return None
    return f"User: {session.arn} is not authorized to perform: {action} on resource: {resource_arn}"


def error_name(action: str) -> str:
    """The error that Step Functions reports when a service refuses a task."""
    service = action.split(":")[0]
    return _ERROR_NAMES.get(service, f"{service.capitalize()}.AccessDeniedException")


def _function_arn(name: str, region: str, account: str) -> str:
    if name.startswith("arn:"):
        return name
    return f"arn:aws:lambda:{region}:{account}:function:{name}"
