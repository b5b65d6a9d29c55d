"""What is not a role's own is refused to it: each cell of role × action × resource is asked of the deployed stack."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.loaders import create_loader

from deploy.parts.roles import Role, needed_roles
from lakehouse.contract.load import pipelines
from tests.iam.foreign import ELSE, REACH, Attempt, Place, attempts
from tests.iam.grants import documents, granted_actions
from tests.lake import Lake

CELLS = 500
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
TOGETHER = 6
Cell = tuple[Role, Attempt]

ROLES = needed_roles(tuple(pipelines().values()))


@pytest.fixture(scope="module")
def place(lake: Lake) -> Place:
    lake.client("s3").create_bucket(Bucket=f"{ELSE}-bucket")
    kms = lake.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    return Place(
        bucket=lake.bucket,
        prefix=lake.config.prefix,
        account=lake.aws.account_id,
        region=lake.aws.region,
        ledger=lake.settings.ledger_table,
        gold_database=lake.settings.gold_database,
        foreign_key=key,
        ciphertext=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"],
        pipelines=tuple(pipelines()),
        gold_tables={name: one.gold[0].name for name, one in pipelines().items()},
    )


@pytest.fixture(scope="module")
def cells(place: Place) -> list[Cell]:
    found = [(role, one) for role in ROLES for one in attempts(role, granted_actions(role), place)]
    return list({(role.who, one.action, one.resource): (role, one) for role, one in found}.values())


class Callers:
    """Clients with sessions of the roles."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._loader = lake, create_loader()
        self._sessions: dict[str, tuple[str, str, str]] = {}

    def clients(self, role: Role, services: set[str]) -> dict[str, Any]:
        """As the service that the role trusts gets them, or a person."""
        key, secret, token = self._keys(role)
        session = botocore.session.get_session()
        session.register_component("data_loader", self._loader)
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, max_pool_connections=TOGETHER)
        return {
            service: session.create_client(
                service,
                region_name=self._lake.aws.region,
                endpoint_url=self._lake.aws.endpoint_url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=config,
            )
            for service in services
        }

    def _keys(self, role: Role) -> tuple[str, str, str]:
        from localaws import roles

        principal = role.trust["Statement"][0]["Principal"]
        if "Service" not in principal:
            found = self._lake.session_of(role.who).get_credentials()
            assert found is not None
            return found.access_key, found.secret_key, str(found.token)
        services = principal["Service"]
        service = services if isinstance(services, str) else services[0]
        keys = roles.assume(self._lake.named(role.who), service, "foreign")
        return keys.access_key_id, keys.secret_access_key, keys.session_token


def outcome(client: Any, attempt: Attempt) -> str:
    """`denied`, or what came instead."""
    try:
        getattr(client, attempt.method)(**dict(attempt.arguments))
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in DENIED and f"not authorized to perform: {attempt.action}" in message:
            return "denied"
        return f"{code}: {message}"
    return "permitted"


@pytest.fixture(scope="module")
def outcomes(lake: Lake, cells: list[Cell]) -> dict[tuple[str, str, str], str]:
    """Every cell's answer."""
    callers = Callers(lake)
    found: dict[tuple[str, str, str], str] = {}

    def ask(role: Role) -> None:
        mine = [one for other, one in cells if other is role]
        clients = callers.clients(role, {one.service for one in mine})
        for one in mine:
            found[role.who, one.action, one.resource] = outcome(clients[one.service], one)
        for client in clients.values():
            client.close()

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(ask, ROLES))
    return found


def test_what_is_not_its_own_is_refused_to_every_role(
    outcomes: dict[tuple[str, str, str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert {cell: answer for cell, answer in outcomes.items() if answer != "denied"} == {}
    assert len(outcomes) >= CELLS
    with capsys.disabled():
        print(f"\niam: {len(outcomes)} cells of role x action x foreign resource, all denied")


def test_every_role_is_tried_with_many_actions(outcomes: dict[tuple[str, str, str], str]) -> None:
    tried = Counter(who for who, _, _ in outcomes)
    assert tried.keys() == {role.who for role in ROLES}
    assert min(tried.values()) >= 10


def test_every_document_says_which_layers_it_is_for() -> None:
    assert REACH.keys() == {role.document for role in ROLES}
    assert documents().keys() == {name for role in ROLES for name in role.documents}
