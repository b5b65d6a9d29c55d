"""Run by the Python of `.venv-security`: detect-secrets over the files named on standard input, as JSON.

Its own command does the same with a pool of processes, which did not always end when it was taken down.
"""

import json
import sys

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

_EXCLUDED_LINES = "detect_secrets.filters.regex.should_exclude_line"


def main() -> None:
    """Argument: a regular expression of lines to leave out. Nothing found is tried out at a service."""
    secrets = SecretsCollection()
    with default_settings() as settings:
        settings.filters[_EXCLUDED_LINES] = {"pattern": [sys.argv[1]]}
        for name in sys.stdin.read().splitlines():
            secrets.scan_file(name)
    json.dump(secrets.json(), sys.stdout)


if __name__ == "__main__":
    main()
