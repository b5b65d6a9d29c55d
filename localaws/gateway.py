"""What is answered before the emulator sees a request.

*ministack*: writes objects until the disk is full and then answers with internal errors; lets anyone who can reach the
port wipe or reconfigure it without credentials, a web page in this machine's browser for one; lists all buckets to
requests without credentials.
*Here*: an object that would leave too little room is refused with 507 and one sentence; the two endpoints are closed;
a request to `/` needs credentials. `/_lakegate/clock` is ours (localaws.clock.http). Tests may put faults between
clients and services (localaws.interception).
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from localaws.clock import Clock, http
from localaws.interception import Interceptor, intercepted
from localaws.state import free_bytes

RESERVED_BYTES = 128 * 1024**2
"""Stays free, so that all state can be saved at the end."""
_CLOSED = ("/_ministack/reset", "/_ministack/config")

logger = logging.getLogger("localaws.gateway")

Scope: TypeAlias = Any
Receive: TypeAlias = Any
Send: TypeAlias = Any
"""ASGI's own; the server that calls declares them precisely."""


class Gateway:
    """An ASGI application around ministack's."""

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        state_dir: Path,
        clock: Callable[[], Clock],
        interceptor: Callable[[], Interceptor | None],
    ) -> None:
        self._app = app
        self._state_dir = state_dir
        self._clock = clock
        self._interceptor = interceptor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == http.PATH:
            return await http.handle(scope, receive, send, self._clock)
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is not None:
            return await _answer(send, *refusal)
        interceptor = self._interceptor()
        if interceptor is None or scope["type"] != "http":
            return await self._app(scope, receive, _counted(scope, send))
        return await intercepted(self._served, interceptor, scope, receive, send)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, _counted(scope, send))

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, code and message; None for a request that may go on."""
        if scope["path"] in _CLOSED:
            return 403, "AccessDenied", "This endpoint is closed. An empty lake begins with an empty state folder."
        headers = {name.lower(): value for name, value in scope["headers"]}
        if scope["path"] == "/" and not scope["query_string"] and scope["method"] == "GET":
            return None if b"authorization" in headers else (403, "AccessDenied", "Access Denied")
        if scope["method"] != "PUT":
            return None
        size = int(headers.get(b"content-length", b"0"))
        free = free_bytes(self._state_dir)
        if free - size >= RESERVED_BYTES:
            return None
        message = (
            f"The disk of the embedded AWS is full: {free // 1024**2} MB free, {size // 1024**2} MB to store, "
            f"{RESERVED_BYTES // 1024**2} MB reserved. Free some space and try again."
        )
        logger.error(message)
        return 507, "InsufficientStorage", message


def _counted(scope: Scope, send: Send) -> Send:
    """`send`, which also counts the request as S3 does, and says nothing to browsers unless one asks."""
    if scope["type"] != "http":
        return send
    from localaws.metrics import storage

    headers = {name.lower(): value for name, value in scope["headers"]}
    received, status, sent = int(headers.get(b"content-length", b"0")), 0, 0
    of_browser = b"origin" in headers

    async def count(message: Any) -> None:
        nonlocal status, sent
        status = message.get("status", status)
        sent += len(message.get("body", b""))
        if not of_browser and "headers" in message:
            message = {**message, "headers": [one for one in message["headers"] if not _is_for_browsers(one[0])]}
        if message["type"] == "http.response.body" and not message.get("more_body"):
            storage.count_request(scope["method"], scope["path"], status, received, sent)
        await send(message)

    return count


def _is_for_browsers(header: bytes) -> bool:
    return header.lower().startswith(b"access-control-")


async def _answer(send: Send, status: int, code: str, message: str) -> None:
    body = f"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    data = body.encode()
    headers = [
        (b"content-type", b"application/xml"),
        (b"content-length", str(len(data)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
