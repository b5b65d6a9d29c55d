"""The account that an environment lies in: the embedded AWS of this machine, or the one that the credentials name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from cli import daemon
from cli.errors import CliError
from cli.home import Home, Server
from cli.lake import session as session_of
from deploy.config import Config

_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_REFUSED_KEYS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "AuthFailure",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
_SIGN_IN = "aws sso login (or aws configure), export AWS_PROFILE=NAME, then aws sts get-caller-identity must answer"


@dataclass(frozen=True)
class Place:
    """An account and a region, and who works there."""

    config: Config
    session: boto3.Session
    endpoint_url: str | None
    """None: AWS itself."""
    account: str
    caller: str
    """ARN of the user or role."""
    local: tuple[Home, Server] | None
    """The embedded AWS, where it is that."""

    @property
    def region(self) -> str:
        return self.config.region

    def client(self, service: str) -> Any:
        """A client of a service there, path-style for S3."""
        config = ClientConfig(s3={"addressing_style": "path"}) if self.endpoint_url else None
        return self.session.client(  # type: ignore[call-overload]
            service, region_name=self.region, endpoint_url=self.endpoint_url, config=config
        )


@contextmanager
def place_of(config: Config) -> Iterator[Place]:
    """Where an environment lies. What AWS says against the caller while it is used becomes a message.

    Raises:
        CliError: the embedded AWS does not run; there are no credentials, AWS refuses them, or they lack a permission.
    """
    local = _embedded() if config.kind == "local" else None
    with _explained(config):
        session = session_of(local[0], config.region, "admin") if local else boto3.Session(region_name=config.region)
        endpoint_url = local[1].endpoint_url if local else None
        sts = session.client("sts", region_name=config.region, endpoint_url=endpoint_url)
        who = sts.get_caller_identity()
        yield Place(config, session, endpoint_url, who["Account"], who["Arn"], local)


def _embedded() -> tuple[Home, Server]:
    home = Home.find()
    server = daemon.running(home)
    if server is None:
        raise CliError("The lake does not run", "lake up")
    return home, server


@contextmanager
def _explained(config: Config) -> Iterator[None]:
    where = f"environment '{config.name}' ({config.region})"
    try:
        yield
    except _NO_CREDENTIALS as error:
        raise CliError(f"No AWS credentials for {where}: {error}", _SIGN_IN) from error
    except (ConnectionError, HTTPClientError) as error:
        raise CliError(f"AWS does not answer for {where}: {error}", "Check the network and the region") from error
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _REFUSED_KEYS:
            raise CliError(f"AWS refuses the credentials for {where}: {message}", _SIGN_IN) from error
        if code in _DENIED:
            raise CliError(
                f"AWS denies {error.operation_name} in {where}: {message}",
                "Work with a role that may do what iam/deployer.json says (docs/deploying.md)",
            ) from error
        raise CliError(f"AWS refuses {error.operation_name} in {where}: {code}: {message}") from error
    except BotoCoreError as error:
        raise CliError(f"The call to AWS failed for {where}: {error}", _SIGN_IN) from error
