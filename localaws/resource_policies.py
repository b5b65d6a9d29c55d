"""What a resource's own policy says to an AWS service that acts for another resource."""

from typing import Any

from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_account_id, get_region


def allows(service: str, action: str, resource_arn: str, source_arn: str) -> bool:
    """Whether a resource's policy lets a service (`events.amazonaws.com`) act on it for a source.

    The service is asked as itself: a grant to the account does not count, one to everybody does. A resource without a
    policy lets no service in.
    """
    found = iam._resource_policy(action.split(":")[0], resource_arn)
    if found is None:
        return False
    policy: Any = found[0]
    account = get_account_id()
    context = iam.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource_arn,
        region=get_region(),
        service_context={
            "aws:sourcearn": source_arn,
            "aws:sourceaccount": account,
            "aws:sourceowner": account,
        },
    )
    decision: str = iam.evaluate_resource_policy(policy, context, service=service).decision
    return decision == "Allow"
