"""What the tests of killed processes rely on: that a reader notices what must not be, and that a process is dead."""

import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest

from localaws.interception import Request
from tests.faults.kill_process import Killer, Victim
from tests.faults.kill_readers import NOTHING, Allowed, Place, Reader, Rows

PLACE = Place("table", ("id",))
OLD, NEW = (("1", "old"), ("2", "old")), (("1", "new"), ("2", "new"))


def reader_of(*answers: Rows) -> Reader:
    """Old may be seen, and new from the second answer on."""
    allowed, given = Allowed(), list(answers)
    allowed.also(PLACE, 1, OLD)

    def read(_: Place) -> Rows:
        allowed.also(PLACE, 2, NEW)
        return given.pop(0)

    found = Reader("one", read, 0, allowed)
    for _ in answers:
        found.look(PLACE)
    assert found.reads == len(answers)
    return found


def test_a_reader_may_see_old_then_new() -> None:
    assert reader_of(OLD, OLD, NEW, NEW).violations == []


@pytest.mark.parametrize("answer", [NOTHING, OLD[:1], (OLD[0], NEW[1]), (*OLD, *NEW), (("3", "other"),)], ids=str)
def test_a_reader_notices_an_answer_that_is_no_complete_version(answer: Rows) -> None:
    (violation,) = reader_of(OLD, answer).violations
    assert "none of [1, 2]" in violation


def test_a_reader_notices_old_after_new() -> None:
    assert reader_of(NEW, OLD).violations == ["one: table  went back from version 2 to 1"]


def test_a_reader_notices_what_may_not_be_seen_any_more() -> None:
    found = reader_of(OLD)
    found.allowed.only(PLACE, 2)
    found.read = lambda _: OLD
    found.look(PLACE)
    assert len(found.violations) == 1


def test_a_process_and_its_children_are_dead_at_the_write_that_was_asked_for() -> None:
    """Reads, and what other processes write, are not counted."""
    code = (
        "import subprocess, sys; subprocess.Popen(['sleep', '60']); sys.stdout.write('x'); sys.stdout.flush(); input()"
    )
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env={"KEY": "of-it"}, start_new_session=True) as process:
        assert process.stdout.read(1) == b"x"
        killer = Killer(Victim("it", lambda: [process.pid], leads_group=True), at=2)
        for key, operation in (("of-it", "PutObject"), ("of-it", "GetObject"), ("other", "PutObject")):
            assert killer(_request(key, operation)).effect
        decision = killer(_request("of-it", "UpdateItem"))
        assert (decision.effect, decision.answer, killer.killed) == (False, False, None)
        decision.before()
        assert killer.killed == process.pid
        assert process.wait(5) == -9
        assert process.stdout.read() == b"", "its child held the pipe open"
    assert killer.writes == ["s3:PutObject", "s3:UpdateItem"]


def test_of_processes_with_the_same_credentials_the_one_whose_connection_it_is_sent_a_request() -> None:
    code = "import socket, sys; one = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); input()"
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as running:
        command = [sys.executable, "-c", code, str(server.getsockname()[1])]
        ports = {}
        for _ in range(2):
            pipes = {"stdin": subprocess.PIPE, "env": {"KEY": "of-both"}}
            process = running.enter_context(subprocess.Popen(command, **pipes))  # type: ignore[call-overload]
            connection, (_, port) = server.accept()
            running.enter_context(connection)
            ports[process.pid] = port
        victim = Victim("both", lambda: list(ports))
        for process_id, port in ports.items():
            request = replace(_request("of-both", "PutObject"), client_port=port)
            assert victim.sender(request) == process_id
            assert victim.sender(replace(request, access_key_id="other")) is None
        assert victim.sender(replace(request, client_port=1)) is None
        assert Victim("one", lambda: list(ports)[:1]).sender(request) == next(iter(ports))


def _request(key: str, operation: str) -> Request:
    return Request("s3", operation, "PUT", "/", {}, key, {}, b"")
