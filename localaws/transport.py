"""Requests count as TLS: they never leave 127.0.0.1.

AWS is reached by HTTPS, and the lake's policies deny everything else (`aws:SecureTransport`). Here there is no network
to protect and no certificate to trust, so the answer to that question is the one that AWS would give; also for what one
service of the emulator delivers to another outside any request.
"""

from contextvars import ContextVar

from ministack import app
from ministack.core import iam_evaluator


def install() -> None:
    """Let every origin be remembered as secure."""
    iam_evaluator._request_origin = ContextVar("lakegate_request_origin", default=("127.0.0.1", True))
    app.pin_request_origin = _pin_as_secure


def _pin_as_secure(source_ip: str, secure_transport: bool) -> None:
    iam_evaluator.pin_request_origin(source_ip, True)
