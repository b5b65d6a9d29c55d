"""Where the lake of this machine lives: its folder and its port."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from cli.errors import CliError

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 4566


@dataclass(frozen=True)
class Home:
    """The folder that holds the embedded AWS's state, generated files and credentials."""

    path: Path

    @classmethod
    def find(cls) -> "Home":
        """`LAKE_HOME`, or `.lake` in the project's folder."""
        return cls(Path(os.environ.get("LAKE_HOME") or ROOT / ".lake").expanduser().absolute())

    @property
    def data(self) -> Path:
        """Generated sample files."""
        return self.path / "data"

    @property
    def credentials(self) -> Path:
        """Shared-credentials file with the profiles `admin` and `operator`."""
        return self.path / "credentials"

    @property
    def server_log(self) -> Path:
        """What the embedded AWS printed."""
        return self.path / "log" / "server.log"

    def server(self) -> "Server | None":
        """The server that was started here last and did not stop cleanly since; it may be dead."""
        try:
            found = json.loads((self.path / "server.json").read_text())
        except FileNotFoundError:
            return None
        return Server(pid=int(found["pid"]), port=int(found["port"]))

    def show(self) -> str:
        """The folder, relative to the project where that is shorter."""
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else str(self.path)


@dataclass(frozen=True)
class Server:
    """An embedded AWS process."""

    pid: int
    port: int

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def wanted_port() -> int:
    """`LAKE_PORT`, or 4566.

    Raises:
        CliError: it is no port number.
    """
    text = os.environ.get("LAKE_PORT") or str(DEFAULT_PORT)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise CliError(f"LAKE_PORT is {text!r}: expected a port number from 1 to 65535")
    return int(text)
