"""`/_lakegate/clock` for whoever works with the server as a process: GET tells the lake's time, POST lets time pass.

```
POST /_lakegate/clock   Content-Type: application/json   {"advance_seconds": 86400}
→ {"now": "2026-01-02T00:00:00Z", "fired": [{"at": "…", "name": "rule …"}, …]}
```
The server listens on this machine alone. A web page in its browser is kept out: requests with an Origin, for another
host name or of another content type are refused.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from localaws.clock.driver import Clock
from localaws.clock.schedule import moment_text

PATH = "/_lakegate/clock"
_MAXIMUM_BYTES = 1024
_HOSTS = ("127.0.0.1", "localhost")


async def handle(scope: Any, receive: Any, send: Any, clock: Callable[[], Clock]) -> None:
    """Answer one request."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    status, answer = _refusal(scope["method"], headers) or (200, {})
    if status == 200 and scope["method"] == "POST":
        status, answer = await _advance(await _body(receive), clock())
    if status == 200:
        answer = {"now": moment_text(clock().now()), **answer}
    data = json.dumps(answer).encode()
    sent = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": data})


def _refusal(method: str, headers: dict[bytes, str]) -> tuple[int, dict[str, Any]] | None:
    if b"origin" in headers or headers.get(b"host", "").rsplit(":", 1)[0] not in _HOSTS:
        return 403, {"error": "Only programs of this machine may ask for the clock"}
    if method not in ("GET", "POST"):
        return 405, {"error": "Expected GET or POST"}
    if method == "POST" and headers.get(b"content-type", "").split(";")[0] != "application/json":
        return 415, {"error": "Expected Content-Type: application/json"}
    return None


async def _advance(body: bytes, clock: Clock) -> tuple[int, dict[str, Any]]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    seconds = found.get("advance_seconds") if isinstance(found, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
        return 400, {"error": 'Expected {"advance_seconds": n} with a number of seconds that is not negative'}
    fired = await asyncio.to_thread(clock.advance, seconds)
    return 200, {"fired": [{"at": moment_text(one.at.timestamp()), "name": one.name} for one in fired]}


async def _body(receive: Any) -> bytes:
    body = b""
    while len(body) <= _MAXIMUM_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:_MAXIMUM_BYTES]
