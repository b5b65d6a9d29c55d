"""What COPY reads: the objects below a prefix, with the permissions of the role that the statement names."""

import hashlib
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws import roles
from localaws.redshift.errors import StatementError, failed

_HIDDEN = ("_", ".", "#")


class CopySource:
    """S3 as one role sees it."""

    def __init__(self, role: str, endpoint_url: str, region: str, external_id: str) -> None:
        """Assume the role as Redshift, for a database user.

        Raises:
            StatementError: there is no such role, or it does not trust Redshift.
        """
        try:
            session = roles.assume(role, "redshift.amazonaws.com", "RedshiftIamRoleSession", external_id=external_id)
        except roles.RoleError as error:
            raise failed(f"Not authorized to get credentials of role {role}\n  Detail: {error}") from error
        self._region = region
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def close(self) -> None:
        self._s3.close()

    def read(self, url: str, *, columnar: bool) -> Iterator[tuple[str, bytes]]:
        """Key and body of every object whose key begins as the URL's, by key.

        Raises:
            StatementError: the role may not list or read them, or there is none.
        """
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        keys = [key for key in self._list(bucket, prefix) if not (columnar and _is_hidden(key))]
        if not keys:
            raise failed(f"The specified S3 prefix '{prefix}' does not exist")
        for key in keys:
            try:
                with self._s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
                    yield key, body.read()
            except ClientError as error:
                raise self._refused(error, f"s3:GetObject of s3://{bucket}/{key}") from error

    def address(self, url: str, key: str) -> str:
        """An object as Redshift writes it in its messages."""
        return f"https://s3.{self._region}.amazonaws.com/{url.removeprefix('s3://').partition('/')[0]}/{key}"

    def _list(self, bucket: str, prefix: str) -> list[str]:
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        except ClientError as error:
            raise self._refused(error, f"s3:ListBucket of s3://{bucket}/{prefix}") from error
        return [key for key in found if not key.endswith("/")]

    @staticmethod
    def _refused(error: ClientError, what: str) -> StatementError:
        answer = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        request = hashlib.sha256(what.encode()).hexdigest()[:16].upper()
        return failed(
            f"S3ServiceException:{answer.get('Message')},Status {status},Error {answer.get('Code')},Rid {request}"
            f"\n  Detail: {what}"
        )


def _is_hidden(key: str) -> bool:
    name = key.rsplit("/", 1)[-1]
    return name.startswith(_HIDDEN) or name.endswith("~")
