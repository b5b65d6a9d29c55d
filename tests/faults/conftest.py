"""The embedded AWS behind a network with faults."""

from collections.abc import Iterator

import pytest

from localaws import EmbeddedAws
from tests.faults.world import Cloud, quick_retries


@pytest.fixture(scope="session")
def made_cloud(aws: EmbeddedAws) -> Cloud:
    """One a process: its containers stay."""
    return Cloud(aws)


@pytest.fixture
def cloud(made_cloud: Cloud) -> Iterator[Cloud]:
    """The network stands between product and AWS while the test runs."""
    with made_cloud.aws.intercept(made_cloud.network), quick_retries():
        yield made_cloud
