"""A deployed lake, as the `lake` fixture gives it."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config as ClientConfig

from deploy.config import Config
from lakehouse.settings import Settings
from localaws import EmbeddedAws

SERVICES = {
    "-workflow": "states.amazonaws.com",
    "-glue-gold": "glue.amazonaws.com",
    "-crawler": "glue.amazonaws.com",
    "warehouse": "redshift.amazonaws.com",
}
"""Who assumes a role, by the end of its name; Lambda where nothing is said."""


def service_of(who: str) -> str:
    """The service that assumes a role."""
    return next((service for end, service in SERVICES.items() if who.endswith(end)), "lambda.amazonaws.com")


@dataclass(frozen=True)
class Lake:
    """The stack in the embedded AWS."""

    aws: EmbeddedAws
    config: Config
    outputs: dict[str, str]
    """Outputs of the stack."""
    settings: Settings
    """What its functions are given."""

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    def client(self, service: str) -> Any:
        """A client of the administrator."""
        return self.aws.client(service)

    def named(self, suffix: str) -> str:
        """`<prefix>-<suffix>`: the name of a queue, function, job, role, …"""
        return f"{self.config.prefix}-{suffix}"

    def as_role(self, who: str, service: str) -> Any:
        """A client with a session of the role `<prefix>-<who>`, as the AWS service that the role trusts gets it."""
        from localaws import roles

        session = roles.assume(self.named(who), service_of(who), "test")
        return self._client(service, session.access_key_id, session.secret_access_key, session.session_token)

    def as_person(self, who: str, service: str) -> Any:
        """A client with a session of a role that people assume: `operator`, `deployer`."""
        keys = self.session_of(who).get_credentials()
        return self._client(service, keys.access_key, keys.secret_key, keys.token)

    def session_of(self, who: str) -> boto3.Session:
        """A session of a role that people assume."""
        arn = f"arn:aws:iam::{self.aws.account_id}:role/{self.named(who)}"
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=self.aws.region
        )

    def _client(self, service: str, key: str, secret: str, token: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.aws.endpoint_url,
            region_name=self.aws.region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=ClientConfig(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )
