"""What an upload to S3 says of its encryption, as bucket policies ask for it.

*ministack*: gives policies `s3:x-amz-server-side-encryption` and not which key an upload names, nor that it brings a
key of its own.
*AWS*: gives all three. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
*Here*: as on AWS for an upload in one piece and for the request that begins one in parts, which is where the headers
are. A key is compared as it was written: an id or an alias is not looked up.
"""

from typing import Any

from ministack.core import iam_actions

_HEADERS = ("x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm")


def install() -> None:
    """Hook into what ministack tells policies of a request, once."""
    told = iam_actions.s3_service_context

    def s3_service_context(iam_action: str, query_params: Any, path: str = "", headers: Any = None) -> dict[str, Any]:
        context: dict[str, Any] = told(iam_action, query_params, path, headers)
        if iam_action == "s3:PutObject":
            context |= {f"s3:{name}": headers[name] for name in _HEADERS if (headers or {}).get(name)}
        return context

    iam_actions.s3_service_context = s3_service_context
