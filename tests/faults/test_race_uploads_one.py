"""Sixteen uploads of a batch's datasets at once: exactly one effective run, whatever the order of the gates' calls."""

from pathlib import Path

import pytest

from localaws import EmbeddedAws
from tests.faults import tally
from tests.faults.race_suite import race


@pytest.mark.timeout(1800)
def test_sixteen_uploads_at_once_are_one_run(aws: EmbeddedAws, tmp_path: Path) -> None:
    in_turns, free = (450, 50) if tally.FULL else (4, 1)
    assert race(aws, tmp_path, "one", in_turns, free) == {}
