"""Starts and stops the embedded AWS as a process of its own, and knows whether it runs."""

import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from cli.errors import CliError
from cli.home import ROOT, Home, Server

HEALTH_PATH = "/_ministack/health"
START_SECONDS = 60
STOP_SECONDS = 120
"""A clean stop saves all state and ends jobs first."""


def running(home: Home) -> Server | None:
    """The embedded AWS that runs in this folder.

    Its process holds a lock on the folder for as long as it lives, and wrote its number twice: a number that another
    process has by now is never taken for ours.
    """
    server = home.server()
    if server is None or not _locked(home.path / "lock"):
        return None
    owner = home.path / "running"
    return server if owner.is_file() and owner.read_text().strip() == str(server.pid) else None


def healthy(server: Server, seconds: float = 5) -> bool:
    """Whether it answers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
    try:
        connection.request("GET", HEALTH_PATH)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start(home: Home, port: int) -> Server:
    """Start the embedded AWS in the background and wait until it answers.

    Raises:
        CliError: it says why it cannot start, something else has the port, or it does not answer in time.
    """
    if port_taken(port):
        raise CliError(
            f"Port {port} on 127.0.0.1 is taken by another program",
            "Stop that program, or choose another port: LAKE_PORT=4577 lake up",
        )
    home.server_log.parent.mkdir(parents=True, exist_ok=True)
    with home.server_log.open("ab") as log:
        first_byte = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "localaws", "--state", str(home.path), "--port", str(port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CliError(f"The embedded AWS did not start. It says:\n{_tail(home.server_log, first_byte)}")
        server = running(home)
        if server and server.pid == process.pid and healthy(server, seconds=1):
            return server
        time.sleep(0.05)
    process.terminate()
    raise CliError(f"The embedded AWS did not answer within {START_SECONDS} s", f"Its log: {home.server_log}")


def stop(home: Home) -> Server | None:
    """Stop the embedded AWS of this folder and wait until it is gone. None when none ran.

    Raises:
        CliError: it is still there after `STOP_SECONDS`.
    """
    server = running(home)
    if server is None:
        return None
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _locked(home.path / "lock"):
            return server
        time.sleep(0.05)
    raise CliError(
        f"The embedded AWS (process {server.pid}) still runs {STOP_SECONDS} s after it was asked to stop",
        f"Its log: {home.server_log}. Last resort: kill -9 {server.pid}; changes since its start are then lost",
    )


def port_taken(port: int) -> bool:
    """Whether something listens on the port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _locked(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _tail(log: Path, first_byte: int) -> str:
    with log.open("rb") as file:
        file.seek(first_byte)
        return file.read().decode(errors="replace").strip()[-2000:] or "(nothing)"
