"""Which resource a request is about, where policies are asked and ministack takes another one.

*ministack*: a crawler's or database's name is taken for a table's, and the answer to a task's token is about
everything (`*`).
*AWS*: about the crawler or the database, and about the state machine whose task waits.
*Here*: as on AWS, for the tokens that `localaws.task_tokens` makes.
"""

import re
from typing import Any

from ministack.core import iam_actions

from localaws.task_tokens import machine_of

_GLUE = re.compile(r"(?:Get|Start|Stop|Create|Update|Delete)(Crawler|Database)")
"""Operations of Glue that say with `Name` which one is meant.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html"""
_ANSWERS = ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat")


def install() -> None:
    """Hook into what ministack asks policies for, once."""
    arn_of = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str, method: str, path: str, headers: Any, body: bytes, params: Any, region: str, account: str
    ) -> str:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if service == "glue" and (of := _GLUE.fullmatch(action)):
            name = iam_actions._safe_json_field(body, "Name")
            if name:
                return f"arn:aws:glue:{region}:{account}:{of[1].lower()}/{name}"
        if service == "states" and action in _ANSWERS:
            return machine_of(iam_actions._safe_json_field(body, "taskToken")) or "*"
        return str(arn_of(service, method, path, headers, body, params, region, account))

    iam_actions.extract_resource_arn = extract_resource_arn
