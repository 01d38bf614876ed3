"""What the CDN's default behaviour is here: the site's bucket answers what no service's path takes.

Which bucket that is lies in a file of the state directory, written by whoever filled it. The listener's own default rule
answers what the bucket has not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.dataplane.model import ListenerRule

Route = dict[str, Any]

#: The emulator wants a signature of the right form; whose it is does not matter to it.
_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/ap-south-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True, kw_only=True)
class Site:
    """The bucket and the emulator (host:port) that holds it."""

    bucket: str
    emulator: str


def note(directory: Path) -> Path:
    """The file that names the bucket, in the ingress's directory."""
    return directory / "site-bucket"


def read(directory: Path, emulator: str) -> Site | None:
    """The site that was published; None before the first time."""
    try:
        bucket = note(directory).read_text().strip()
    except FileNotFoundError:
        return None
    return Site(bucket=bucket, emulator=emulator.removeprefix("http://").rstrip("/")) if bucket else None


def route(site: Site, otherwise: Sequence[Route]) -> Route:
    """GET and HEAD go to the bucket, a folder to its index.html; `otherwise` handles what is not there."""
    ask: Route = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": site.emulator}],
        "headers": {
            "request": {
                "set": {"Authorization": [_SIGNED], "Host": [site.emulator]},
                "delete": ["Cookie", "Range", "X-Forwarded-*"],
            }
        },
        "handle_response": [{"match": {"status_code": [403, 404]}, "routes": [{"handle": list(otherwise)}]}],
    }
    index: Route = {
        "match": [{"path": ["*/"]}],
        "handle": [{"handler": "rewrite", "uri": "{http.request.uri.path}index.html"}],
    }
    bucket: Route = {"handle": [{"handler": "rewrite", "uri": f"/{site.bucket}{{http.request.uri.path}}"}, ask]}
    return {
        "match": [{"method": ["GET", "HEAD"]}],
        "handle": [{"handler": "subroute", "routes": [index, bucket]}],
        "terminal": True,
    }


def answers(rule: ListenerRule) -> bool:
    """Whether a default rule only says that there is nothing: then the site may come before it."""
    return rule.priority == "default" and all(action["Type"] == "fixed-response" for action in rule.actions)
