"""UpdateTable's optimistic lock holds under concurrency."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from localaws import EmbeddedAws


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let the server's threads take turns as often as Python can, so that a race shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("eager_threads")
def test_of_concurrent_updates_with_one_version_exactly_one_succeeds(aws: EmbeddedAws) -> None:
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "locks"})
    glue.create_table(DatabaseName="locks", TableInput={"Name": "t", "Parameters": {"n": "0"}})

    def update(number: int, version: str) -> str:
        table = {"Name": "t", "Parameters": {"n": str(number)}}
        try:
            glue.update_table(DatabaseName="locks", TableInput=table, VersionId=version)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "updated"

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            version = glue.get_table(DatabaseName="locks", Name="t")["Table"]["VersionId"]
            answers = list(pool.map(update, range(8), [version] * 8))
            assert sorted(answers) == ["ConcurrentModificationException"] * 7 + ["updated"]
            table = glue.get_table(DatabaseName="locks", Name="t")["Table"]
            assert table["Parameters"] == {"n": str(answers.index("updated"))}
            assert int(table["VersionId"]) == int(version) + 1


def test_an_update_replaces_the_whole_table(aws: EmbeddedAws) -> None:
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "whole"})
    glue.create_table(DatabaseName="whole", TableInput={"Name": "t", "Description": "old", "Parameters": {"a": "1"}})
    glue.update_table(DatabaseName="whole", TableInput={"Name": "t", "Owner": "me"})
    table = glue.get_table(DatabaseName="whole", Name="t")["Table"]
    assert (table["Description"], table["Parameters"], table["Owner"]) == ("", {}, "me")
