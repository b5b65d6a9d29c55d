"""The embedded AWS as a process: `python -m localaws --state DIR --port N`.

Writes into DIR: `credentials` (profiles admin, operator), `config` (region, path-style S3), `env` (shell exports that
point any AWS client here), `server.json` (pid, port). Logs to `DIR/log/server.log`. SIGTERM or Ctrl-C stops it cleanly:
jobs and workers end, all state is saved. What keeps it from starting is one paragraph on standard error and exit
code 2; a stop that could not save everything has exit code 3.
"""

import argparse
import json
import logging
import logging.handlers
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from localaws.errors import LocalAwsError
from localaws.java import find_java
from localaws.server import EmbeddedAws

CANNOT_START, NOT_SAVED = 2, 3
SIGNAL_SECONDS = 0.5
_LOG_BYTES = 10 * 1024**2


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m localaws", description="The embedded AWS of Lakegate")
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="state folder, made when missing")
    parser.add_argument("--port", type=int, default=4566, help="port on 127.0.0.1; 0 takes a free one")
    options = parser.parse_args(arguments)
    aws = EmbeddedAws(options.state, options.port)
    try:
        find_java()
        _log_to(options.state)
        return _run(aws, options.state)
    except LocalAwsError as error:
        print(error, file=sys.stderr)
        return CANNOT_START


def _run(aws: EmbeddedAws, state: Path) -> int:
    stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stop.set())
    with aws:
        write_files(aws, state.absolute())
        if aws.unclean_stop:
            print(
                "The last stop was not clean: objects in S3 are all there, but what else changed since the start "
                "before it is lost. `lake up` deploys the stack anew.",
                file=sys.stderr,
            )
        logging.getLogger("localaws").info("ready on %s, process %d", aws.endpoint_url, os.getpid())
        # Python runs a handler in the main thread, which a signal that another thread took does not wake.
        while not stop.wait(SIGNAL_SECONDS):
            pass
    (state / "server.json").unlink(missing_ok=True)
    if aws.stopped_cleanly:
        return 0
    print(
        f"Not all state could be saved; {state.absolute()}/log/server.log says what and why (is the disk full?). "
        "The next start treats this as an unclean stop.",
        file=sys.stderr,
    )
    return NOT_SAVED


def write_files(aws: EmbeddedAws, state: Path) -> None:
    """Write what a shell and the AWS clients of this machine need."""
    profiles = "".join(
        f"[profile {user}]\nregion = {aws.region}\ns3 =\n    addressing_style = path\n\n" for user in sorted(aws.keys)
    )
    (state / "config").write_text(profiles)
    exports = {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_SHARED_CREDENTIALS_FILE": str(state / "credentials"),
        "AWS_CONFIG_FILE": str(state / "config"),
        "AWS_PROFILE": "operator",
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ACCOUNT_ID": aws.account_id,
    }
    lines = [f"export {name}='{value}'" for name, value in exports.items()]
    (state / "env").write_text(
        "\n".join(["unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN", *lines, ""])
    )
    server = {
        "pid": os.getpid(),
        "port": aws.port,
        "endpoint_url": aws.endpoint_url,
        "unclean_stop": aws.unclean_stop,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    partial = state / "server.json.partial"
    partial.write_text(json.dumps(server, indent=1) + "\n")
    partial.replace(state / "server.json")


def _log_to(state: Path) -> None:
    """Send every log line to `log/server.log`; before ministack is imported, which would log to standard error."""
    folder = state / "log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(folder / "server.log", maxBytes=_LOG_BYTES, backupCount=2)
    except OSError:
        return  # the state folder cannot be used; starting says so, with the reason
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("botocore").setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
