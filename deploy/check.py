"""`python -m deploy.check`: the committed template is what its sources give, small enough, and without findings."""

import sys

from deploy.config import ROOT, load_configs
from deploy.template import TEMPLATE_FILE, build_template

LIMIT_BYTES = 1_000_000
"""What CloudFormation takes from S3."""


def findings(template: str) -> list[str]:
    """cfn-lint's errors and warnings, a line each, for the regions of every environment."""
    from cfnlint.api import lint  # a tool of the development environment: the lake itself runs without it

    matches = lint(template, regions=sorted({config.region for config in load_configs()}))
    return [f"{match.rule.id} at {'/'.join(map(str, match.path or ()))}: {match.message}" for match in matches]


def problems(committed: str | None, built: str) -> list[str]:
    """What is wrong with the committed template, given what the sources build."""
    found = []
    if committed != built:
        name = TEMPLATE_FILE.relative_to(ROOT)
        found.append(f"{name} is stale: run `make template` (or `lake template --write`) and commit it")
    if len(built.encode()) > LIMIT_BYTES:
        found.append(f"The template has {len(built.encode())} bytes; CloudFormation takes {LIMIT_BYTES}")
    return found + findings(built)


def main() -> int:
    built = build_template()
    found = problems(TEMPLATE_FILE.read_text() if TEMPLATE_FILE.is_file() else None, built)
    for line in found:
        print(line, file=sys.stderr)
    print(f"template: {len(built.encode())} bytes of {LIMIT_BYTES}, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
