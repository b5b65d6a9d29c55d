"""A lake at work, whole: every pipeline on both engines, failures, repair, erasure. What policies were asked meanwhile.

`python -m tests.iam.run RECORD.json` runs it in a process of its own: there can be one embedded AWS a process.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cli.lake import Lake, open_lake
from localaws import EmbeddedAws
from localaws.__main__ import _log_to, write_files
from tests.iam.people import People
from tests.iam.story import Story


def main(path: Path) -> None:
    """Run everything and write the record."""
    with tempfile.TemporaryDirectory(prefix="lakegate-iam-") as folder:
        home = Path(folder) / "home"
        _log_to(home)
        with EmbeddedAws(home) as aws:
            from localaws import permission_record  # imports ministack, which reads its settings once

            write_files(aws, home)
            with permission_record.recorded() as record, People(home).at_work(aws.port) as people:
                story = Story(aws, people, Path(folder))
                for step in story.steps():
                    started = time.monotonic()
                    step()
                    print(f"{time.monotonic() - started:6.1f} s  {step.__doc__}", file=sys.stderr)
                found = {"calls": _calls(record), "broken": story.broken, **_deployed(aws, open_lake())}
    path.write_text(json.dumps(found))


def _calls(record: Any) -> list[dict[str, Any]]:
    ordered = sorted(record.copy().items(), key=lambda item: repr(item[0]))  # others write to it
    return [
        {
            "who": one.who,
            "action": one.action,
            "resource": one.resource,
            "keys": dict(one.keys),
            "allowed": one.allowed,
            "times": times,
        }
        for one, times in ordered
    ]


def _deployed(aws: EmbeddedAws, lake: Lake) -> dict[str, Any]:
    """What the placeholders of iam/ stand for, and the roles' documents as they are deployed."""
    iam, prefix = aws.client("iam"), lake.prefix
    roles = {}
    for role in (one["RoleName"] for page in iam.get_paginator("list_roles").paginate() for one in page["Roles"]):
        if role.startswith(f"{prefix}-"):
            names = iam.list_role_policies(RoleName=role)["PolicyNames"]
            roles[role.removeprefix(f"{prefix}-")] = [
                iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names
            ]
    names = {
        "AWS::Partition": "aws",
        "AWS::Region": aws.region,
        "AWS::AccountId": aws.account_id,
        "Prefix": prefix,
        "DataKey": lake.outputs["DataKeyArn"],
        "LakeBucket": lake.settings.bucket,
        "BronzeDatabase": lake.outputs["BronzeDatabase"],
        "SilverDatabase": lake.settings.silver_database,
        "GoldDatabase": lake.settings.gold_database,
    }
    return {"names": names, "roles": roles}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
