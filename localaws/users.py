"""The people of the embedded AWS: `admin`, who deploys it, `operator`, who works with it, and `eraser`, who may remove
for good what a person asked to be removed.

ministack treats the key `test` and every 12-digit key as root with any secret. Here nobody is root: a key that is made
up at every start and never leaves this process makes the users, and `test` is refused like any unknown key.
"""

import configparser
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

USERS = ("admin", "operator", "eraser")
_EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'

ROOT_KEY = f"LKIA{secrets.token_hex(16).upper()}"
"""Access key of the account's root in this process. Its secret is not checked: the key itself is the secret."""


@dataclass(frozen=True)
class Keys:
    """A user's access key."""

    access_key_id: str
    secret_access_key: str


def close_root_holes() -> None:
    """Make `ROOT_KEY` the only root. Requests without a key stay anonymous."""
    from ministack.core import iam_evaluator

    iam_evaluator.is_root_access_key = lambda key: not key or key == ROOT_KEY


def ensure_users(endpoint_url: str, region: str, credentials: Path) -> dict[str, Keys]:
    """Make the users where they are missing and write their keys as an AWS shared-credentials file (mode 600)."""
    known = read_credentials(credentials)
    root = Keys(ROOT_KEY, ROOT_KEY)
    iam = _client("iam", endpoint_url, region, root)
    keys = {}
    for user in USERS:
        old = known.get(user)
        keys[user] = old if old and _works(endpoint_url, region, old) else _new_key(iam, user)
    iam.put_user_policy(UserName="admin", PolicyName="everything", PolicyDocument=_EVERYTHING)
    write_credentials(credentials, keys)
    return keys


def read_credentials(path: Path) -> dict[str, Keys]:
    """The profiles of a shared-credentials file; none when there is no file."""
    parser = configparser.ConfigParser()
    parser.read(path)
    return {
        name: Keys(parser[name]["aws_access_key_id"], parser[name]["aws_secret_access_key"])
        for name in parser.sections()
    }


def write_credentials(path: Path, keys: dict[str, Keys]) -> None:
    """Write profiles as an AWS shared-credentials file that only its owner can read."""
    parser = configparser.ConfigParser()
    for user, key in keys.items():
        parser[user] = {"aws_access_key_id": key.access_key_id, "aws_secret_access_key": key.secret_access_key}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        parser.write(file)


def _new_key(iam: Any, user: str) -> Keys:
    try:
        iam.create_user(UserName=user)
    except iam.exceptions.EntityAlreadyExistsException:
        for old in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=user, AccessKeyId=old["AccessKeyId"])
    made = iam.create_access_key(UserName=user)["AccessKey"]
    return Keys(made["AccessKeyId"], made["SecretAccessKey"])


def _works(endpoint_url: str, region: str, keys: Keys) -> bool:
    try:
        _client("sts", endpoint_url, region, keys).get_caller_identity()
    except ClientError:
        return False
    return True


def _client(service: str, endpoint_url: str, region: str, keys: Keys) -> Any:
    session: Any = boto3.Session()
    return session.client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        config=Config(retries={"max_attempts": 1}),
    )
