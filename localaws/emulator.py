"""The environment that ministack is imported under.

ministack reads most of its settings when its modules are imported, so they are set first, once in a process, and stay:
some are read again while it runs. `DOCKER_HOST` names nothing on purpose, so that a machine with Docker behaves like
one without. See `docs/decisions` for why ministack.
"""

import os
from pathlib import Path

from localaws.errors import LocalAwsError

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"

_started_in: list[Path] = []


def prepare_environment(state_dir: Path, port: int) -> None:
    """Set ministack's settings for a state folder and a port on 127.0.0.1.

    Raises:
        LocalAwsError: this process has already started one (ministack's state is global to a process).
    """
    if _started_in:
        raise LocalAwsError(
            f"This process already runs or ran an embedded AWS in {_started_in[0]}; there can be one a process. "
            "Start the second in a process of its own."
        )
    _started_in.append(state_dir)
    os.environ.update(
        {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "AUTH": "true",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state_dir / "s3"),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state_dir / "services"),
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_WARM_TTL_SECONDS": "20",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        }
    )
