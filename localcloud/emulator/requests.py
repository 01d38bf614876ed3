"""What the journal must know of an AWS request: whether it may change something, who sent it, and how to send it again."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

from localcloud.emulator.journal import ENGINE, OTHER

#: Operations whose names begin so only read, in every AWS API that the platform uses.
_READING = (
    "BatchGet", "Check", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Preview", "Query", "Scan", "Search",
    "Select", "Simulate", "Test", "Validate", "Verify",
)  # fmt: skip

#: Operations that compute something and keep nothing.
_COMPUTING = {"Encrypt", "Decrypt", "ReEncrypt", "Sign", "GenerateRandom", "GenerateMac"}
_COMPUTING_PREFIX = "GenerateDataKey"

#: In the User-Agent of whoever acts for the engine (localcloud/provider).
ENGINE_AGENT = "matchday-provider"

#: Operations that write what programs do with what is deployed: lines, measures, messages.
_USING = {
    "PutLogEvents", "PutMetricData", "Publish", "PublishBatch", "SendMessage", "SendMessageBatch", "ReceiveMessage",
    "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
}  # fmt: skip

_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)")
_KEPT = {
    "CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "QUERY_STRING", "RAW_URI", "REMOTE_ADDR", "REQUEST_METHOD",
    "REQUEST_URI", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.url_scheme",
}  # fmt: skip


def take_body(environ: dict[str, Any]) -> bytes:
    """Read the request's whole body and leave it there to be read again."""
    source = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body: bytes = source.read()
    else:
        body = source.read(int(environ.get("CONTENT_LENGTH") or 0))
    if "HTTP_TRANSFER_ENCODING" in environ:
        del environ["HTTP_TRANSFER_ENCODING"]
        environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def action(environ: dict[str, Any], body: bytes) -> str:
    """The API operation that a request names; empty where method and path say it (S3, CloudFront, Route 53 …)."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    path: str = environ.get("PATH_INFO", "")
    # Only where the Query protocol speaks: an object may hold such a text, too.
    if path == "/" and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        found = _ACTION.search(body[:4096])
        return found[1].decode() if found else ""
    if path.startswith("/service/") and "/operation/" in path:  # Smithy RPC
        return path.rpartition("/")[2]
    return ""


def may_change(environ: dict[str, Any], body: bytes) -> bool:
    """Whether a request may change what the emulator holds; of what is not known, it is assumed."""
    name = action(environ, body)
    if not name:
        return environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS")
    return not (name.startswith((*_READING, _COMPUTING_PREFIX)) or name in _COMPUTING)


def without_effect(environ: dict[str, Any], answer: list[bytes]) -> bool:
    """A poll of a queue that got no message: there may be many a second."""
    return action(environ, b"") == "ReceiveMessage" and b"MessageId" not in b"".join(answer)


def uses_only(environ: dict[str, Any], body: bytes) -> bool:
    """Whether a request leaves what is deployed as it is: whoever follows that need not look again."""
    return action(environ, body) in _USING


def origin(environ: dict[str, Any]) -> str:
    """Who sent it."""
    return ENGINE if ENGINE_AGENT in environ.get("HTTP_USER_AGENT", "") else OTHER


def recorded(environ: dict[str, Any]) -> dict[str, Any]:
    """What of a request's environment is needed to ask it again."""
    return {
        name: value
        for name, value in environ.items()
        if name in _KEPT or (name.startswith(("HTTP_", "moto.")) and isinstance(value, (str, dict)))
    }


def rebuilt(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The environment of a request that is asked again."""
    return {
        **environ,
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
