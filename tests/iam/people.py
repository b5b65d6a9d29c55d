"""`lake` in this process: what people do, as the users that they are."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from typer.testing import CliRunner

from cli.main import app
from lakehouse.log import send_to


class People:
    """Runs `lake …` against the embedded AWS of this process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._runner = CliRunner()
        send_to(io.StringIO())

    @contextmanager
    def at_work(self, port: int) -> Iterator["People"]:
        """The commands find the lake here while it is open."""
        with mock.patch.dict(os.environ, {"LAKE_HOME": str(self.home), "LAKE_PORT": str(port), "COLUMNS": "160"}):
            yield self

    def lake(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:
        """The JSON document of a command, which must end with one of these exit codes and say something.

        Raises:
            AssertionError: it ended otherwise; with what it said.
        """
        done = self._runner.invoke(app, [*arguments, "--json"])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise AssertionError(f"lake {' '.join(arguments)}: {done.exception!r}\n{done.output}") from done.exception
        assert done.exit_code in codes, f"lake {' '.join(arguments)} ended with {done.exit_code}:\n{done.output}"
        return json.loads(done.stdout)
