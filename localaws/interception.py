"""What may go wrong between a client and AWS, put between the two: for tests of faults.

An interceptor sees every HTTP request before ministack does and decides on it: let it pass, lose its answer, close the
connection before any effect, answer with AWS's error, do something before or after the effect. It works on HTTP, so it
serves boto3, delta-rs and Spark alike.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote

BODY_BYTES = 256 * 1024
"""So much of a request's body is read before the interceptor is asked."""

Scope: TypeAlias = Any
Receive: TypeAlias = Any
Send: TypeAlias = Any
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """One HTTP request to the embedded AWS."""

    service: str
    """As it is signed: `s3`, `dynamodb`, `states`, `sns`, `glue`, `events`, ….; empty without a signature."""
    operation: str
    """As in the API: `PutObject`, `CompleteMultipartUpload`, `UpdateItem`, …; else method and path."""
    method: str
    path: str
    """Not URL-encoded, without the query."""
    query: Mapping[str, str]
    access_key_id: str
    """Of the caller; empty without a signature."""
    headers: Mapping[str, str]
    """Names in small letters."""
    body_start: bytes
    """The first `BODY_BYTES` of the body: of an API call usually all of it."""
    client_port: int = 0
    """Of the connection, on the client's side; 0 where it is not known."""

    @property
    def json(self) -> Any:
        """The body of a JSON call."""
        return json.loads(self.body_start)

    @property
    def form(self) -> dict[str, str]:
        """The body of a call by form fields (SNS, SQS, STS, IAM)."""
        return {name: values[0] for name, values in parse_qs(self.body_start.decode()).items()}


@dataclass(frozen=True)
class Answer:
    """What AWS answered, whether or not it reached the client."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Refusal:
    """An error of AWS's, before any effect."""

    status: int
    code: str
    message: str = "Injected"


Before: TypeAlias = Callable[[], Awaitable[None] | None]
After: TypeAlias = Callable[[Answer], Awaitable[None] | None]


@dataclass(frozen=True)
class Decision:
    """What to do with a request. What it calls runs in the server's thread: it must not call the server."""

    effect: bool = True
    """AWS sees the request."""
    answer: bool = True
    """The answer reaches the client. Without it the connection is closed."""
    refusal: Refusal | None = None
    """Answered instead of anything else."""
    before: Before | None = None
    """Called, or awaited, before AWS sees the request."""
    after: After | None = None
    """Called, or awaited, once the effect is there and before the client hears of it."""


PASS = Decision()
LOSE_ANSWER = Decision(answer=False)
HANG_UP = Decision(effect=False, answer=False)
SLOW_DOWN = Refusal(503, "SlowDown", "Please reduce your request rate.")
THROTTLED = Refusal(400, "ThrottlingException", "Rate exceeded")
INTERNAL_ERROR = Refusal(500, "InternalError", "We encountered an internal error. Please try again.")

Interceptor: TypeAlias = Callable[[Request], Decision]
"""Called in the server's thread for every request, one after the other. Must not call the server."""


def throttled(request: Request) -> Decision:
    """The service's own way to say that there were too many requests."""
    return Decision(refusal=SLOW_DOWN if request.service == "s3" else THROTTLED)


def service_error(request: Request) -> Decision:
    """The service's own way to say that something broke inside it."""
    return Decision(refusal=INTERNAL_ERROR)


async def intercepted(app: App, interceptor: Interceptor, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one HTTP request as the interceptor decides."""
    peeked = _Peeked(receive)
    decision = interceptor(_request(scope, await peeked.start()))
    await _called(decision.before)
    if decision.refusal is not None:
        await peeked.drain()
        return await _refuse(send, scope, decision.refusal)
    if decision.effect:
        collected = _Collected()
        through = send if decision.after is None and decision.answer else collected.send
        await app(scope, peeked.receive, through)
        if decision.after is not None:
            await _called(lambda: decision.after(collected.answer) if decision.after else None)
        if decision.answer and decision.after is not None:
            for message in collected.messages:
                await send(message)
    if not decision.answer or not decision.effect:
        await _hang_up(send)
    return None


async def _called(wanted: Before | None) -> None:
    answer = wanted() if wanted else None
    if inspect.isawaitable(answer):
        await answer


@dataclass
class _Collected:
    """An answer that is kept back."""

    messages: list[Any] = field(default_factory=list)

    async def send(self, message: Any) -> None:
        self.messages.append(message)

    @property
    def answer(self) -> Answer:
        status = next((one["status"] for one in self.messages if "status" in one), 0)
        return Answer(status, b"".join(one.get("body", b"") for one in self.messages))


class _Peeked:
    """A request's body, of which the start is read before the application reads it all."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: list[Any] = []
        self._ended = False

    async def start(self) -> bytes:
        size = 0
        while not self._ended and size < BODY_BYTES:
            size += len((await self._next()).get("body", b""))
        return b"".join(message.get("body", b"") for message in self._read)

    async def drain(self) -> None:
        while not self._ended:
            await self._next()

    async def receive(self) -> Any:
        return self._read.pop(0) if self._read else await self._receive()

    async def _next(self) -> Any:
        message = await self._receive()
        self._ended = message["type"] != "http.request" or not message.get("more_body")
        self._read.append(message)
        return message


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = {
        name: values[0] for name, values in parse_qs(scope["query_string"].decode(), keep_blank_values=True).items()
    }
    access_key_id, service = _signed(headers, query)
    method, path = scope["method"], unquote(scope["path"])
    return Request(
        service=service,
        operation=_operation(service, method, path, query, headers, body),
        method=method,
        path=path,
        query=query,
        access_key_id=access_key_id,
        headers=headers,
        body_start=body,
        client_port=(scope.get("client") or ("", 0))[1] or 0,
    )


def _signed(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    """Access key and service. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    credential = query.get("X-Amz-Credential", "")
    for part in headers.get("authorization", "").replace(",", " ").split():
        credential = part.removeprefix("Credential=") if part.startswith("Credential=") else credential
    parts = credential.split("/")
    return (parts[0], parts[3]) if len(parts) == 5 else ("", "")


def _operation(
    service: str, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> str:
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rsplit(".", 1)[-1]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode("latin-1")).get("Action")
        if action:
            return action[0]
    if service == "s3":
        return s3_operation(method, "/" in path.strip("/"), query, headers)
    return f"{method} {path}"


def s3_operation(method: str, has_key: bool, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The name in S3's API of a request, path style. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html"""
    copied = "x-amz-copy-source" in headers
    if not has_key:
        return _bucket_operation(method, query)
    if "uploadId" in query:
        part = "UploadPartCopy" if copied else "UploadPart"
        parts = {"PUT": part, "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
        return parts.get(method, method)
    if "uploads" in query:
        return "CreateMultipartUpload"
    suffix = "Tagging" if "tagging" in query else ""
    verbs = {"PUT": "CopyObject" if copied else "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}
    return {**verbs, "DELETE": "DeleteObject"}.get(method, method) + suffix


def _bucket_operation(method: str, query: Mapping[str, str]) -> str:
    if method == "GET":
        listing = {"list-type": "ListObjectsV2", "versions": "ListObjectVersions", "uploads": "ListMultipartUploads"}
        named = next((name for marker, name in listing.items() if marker in query), None)
        return named or ("GetBucket " + next(iter(query)) if query else "ListObjects")
    if method == "POST":
        return "DeleteObjects" if "delete" in query else "PostObject"
    verbs = {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}
    return " ".join([verbs.get(method, method), *query]) if query else verbs.get(method, method)


async def _refuse(send: Send, scope: Scope, refusal: Refusal) -> None:
    """As the service writes its errors: JSON where the request was JSON, else XML."""
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    code, message = refusal.code, refusal.message
    if "x-amz-target" in headers:
        kind, text = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
    else:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        query = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        kind, text = "application/xml", f"<ErrorResponse>{error}</ErrorResponse>" if query else error
    body = b"" if scope["method"] == "HEAD" else text.encode()
    named = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": named})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(send: Send) -> None:
    """Close the connection without an answer. ASGI has no word for it: the server's own stream does."""
    from hypercorn.events import Closed

    stream = send.__self__
    stream.closed = True
    await stream.send.__self__.send(Closed())
