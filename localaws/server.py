"""EmbeddedAws: ministack served in a thread of this process, with IAM enforced and our extensions installed."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from localaws import emulator
from localaws.clock import Clock
from localaws.errors import LocalAwsError, PortTakenError
from localaws.interception import Interceptor
from localaws.state import StateDir
from localaws.users import Keys, ensure_users

HOST = "127.0.0.1"
_START_SECONDS = 60
_STOP_SECONDS = 60


class EmbeddedAws:
    """A context manager: AWS on `http://127.0.0.1:<port>` while it is open. One a process.

    Port 0 takes a free one. Users with real access keys: `admin` (may do everything) and `operator` (may do nothing
    until a policy is attached).

    Raises on entering:
        LocalAwsError: the port is taken, the state folder cannot be used, or a second one in this process.
    """

    region = emulator.REGION
    account_id = emulator.ACCOUNT_ID

    def __init__(self, state_dir: Path, port: int = 0) -> None:
        self.state = StateDir(state_dir)
        self.port = port
        self.keys: dict[str, Keys] = {}
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._clock: Clock | None = None
        self._interceptor: Interceptor | None = None
        self.stopped_cleanly = False
        """After the end: all state was saved."""

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def clock(self) -> Clock:
        """The lake's time, which can be let pass quickly."""
        if self._clock is None:
            raise RuntimeError("The embedded AWS does not run")
        return self._clock

    @property
    def unclean_stop(self) -> bool:
        """The last stop of this state folder was unclean: S3 objects are there, other changes since then are lost."""
        return self.state.unclean_stop

    def __enter__(self) -> "EmbeddedAws":
        listener = _listen(self.port)
        self.port = listener.getsockname()[1]
        with contextlib.ExitStack() as undo:
            undo.callback(listener.close)
            self.state.acquire()
            undo.callback(self.state.release, clean=False)
            emulator.prepare_environment(self.state.path, self.port)
            from localaws import extensions  # imports ministack, which reads the environment

            extensions.install(self.endpoint_url, self.state.path)
            undo.callback(self.stop)
            self._thread = threading.Thread(target=self._serve, args=(listener,), name="embedded-aws", daemon=True)
            self._thread.start()
            if not self._ready.wait(_START_SECONDS) or self._failure:
                raise self._why_not() from self._failure
            extensions.after_start(self.unclean_stop)
            self.keys = ensure_users(self.endpoint_url, self.region, self.state.path / "credentials")
            self._clock = extensions.start_clock()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End jobs and workers, save all state, stop serving. Idempotent."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        from localaws.extensions import saved_cleanly, shut_down

        if self._clock is not None:
            self._clock.stop()
        shut_down()
        with contextlib.suppress(RuntimeError):  # the loop ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_SECONDS)
        self.stopped_cleanly = not self._thread.is_alive() and saved_cleanly()
        self.state.release(clean=self.stopped_cleanly)
        self._thread = None

    def session(self, user: str = "admin") -> boto3.Session:
        """A session with the user's own access key. Clients need `endpoint_url`; `client()` sets it."""
        keys = self.keys[user]
        return boto3.Session(keys.access_key_id, keys.secret_access_key, region_name=self.region)

    def client(self, service: str, user: str = "admin") -> Any:
        """A client of the embedded AWS, path-style for S3."""
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2, "mode": "standard"})
        session: Any = self.session(user)  # boto3's stubs know each service by a literal name only
        return session.client(service, endpoint_url=self.endpoint_url, config=config)

    @contextlib.contextmanager
    def intercept(self, interceptor: Interceptor) -> Iterator[None]:
        """Let an interceptor see and decide on every HTTP request: see localaws.interception. One at a time."""
        if self._interceptor is not None:
            raise RuntimeError("Requests are intercepted already")
        self._interceptor = interceptor
        try:
            yield
        finally:
            self._interceptor = None

    def _why_not(self) -> LocalAwsError:
        if isinstance(self._failure, LocalAwsError):
            return self._failure
        return LocalAwsError(f"The embedded AWS did not start ({self._failure!r}); its log is in {self.state.path}/log")

    def _serve(self, listener: socket.socket) -> None:
        try:
            asyncio.run(self._serve_until_stopped(listener))
        except BaseException as failure:
            self._failure = failure
            self._ready.set()
            raise

    async def _serve_until_stopped(self, listener: socket.socket) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config as ServerConfig
        from ministack.app import app

        from localaws.gateway import Gateway

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        config = ServerConfig()
        config.bind = [f"fd://{listener.detach()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 5
        config.loglevel = "WARNING"
        config.errorlog = None
        gateway = Gateway(app, self.state.path, lambda: self.clock, lambda: self._interceptor)
        waiting = asyncio.create_task(self._announce())
        await serve(gateway, config, shutdown_trigger=self._stop.wait)
        await waiting

    async def _announce(self) -> None:
        while not self._ready.is_set():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, self.port)
                writer.close()
                await writer.wait_closed()
                self._ready.set()
            await asyncio.sleep(0.02)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"Port {port} on {HOST} cannot be used ({error.strerror}): most likely another embedded AWS or emulator "
            "listens there. Stop it (`lake down`), or choose another port with LAKE_PORT."
        ) from error
    listener.listen(512)
    return listener
