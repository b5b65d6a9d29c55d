"""Fixtures of the tests against the embedded AWS that need less than the whole stack."""

import itertools

import pytest
from gate_world import World

from localaws import EmbeddedAws

_BATCHES = itertools.count(1)


@pytest.fixture(scope="session")
def world(aws: EmbeddedAws) -> World:
    """A small lake for the gate alone."""
    return World(aws)


@pytest.fixture
def batch() -> str:
    """A batch name that no other test uses."""
    return f"b{next(_BATCHES)}x"
