"""A registry of images over HTTP, as far as delivery needs it: small blobs and manifests, of one repository.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

#: Bytes of an answer that is read: manifests and signatures have thousands.
_LARGEST = 1_000_000

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
#: Images and lists of them, as OCI and as Docker write them.
_ANY = ", ".join(
    (
        _MANIFEST,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_LOOPBACK = re.compile(r"127\.\d+\.\d+\.\d+:\d+/.+")


class Refused(RuntimeError):
    """The registry's answer, in words."""


def digest(content: bytes) -> str:
    """Its name in a registry."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Repository:
    """One repository, `<host>/<name>`, by the registry's log-in; one on a loopback address has none, and speaks plain HTTP."""

    def __init__(self, reference: str, user: str = "", password: str = "") -> None:
        host, _, name = reference.partition("/")
        scheme = "http" if _LOOPBACK.fullmatch(reference) else "https"
        self.reference = reference
        # Blobs of ECR are read from S3, where the log-in does not go along: httpx leaves it out for another host.
        self._http = httpx.Client(
            base_url=f"{scheme}://{host}/v2/{name}",
            auth=(user, password) if user else None,
            timeout=30,
            follow_redirects=True,
        )

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def manifest(self, tag: str) -> dict[str, Any] | None:
        """The manifest under a tag; None where there is none. Raises Refused."""
        answer = self._ask("GET", f"/manifests/{tag}", 200, 404, headers={"Accept": _MANIFEST})
        if answer.status_code == 404:
            return None
        try:
            found: dict[str, Any] = json.loads(answer.content)
        except ValueError as error:
            raise Refused(f"{self.reference}:{tag}: no JSON") from error
        return found

    def holds(self, name: str) -> bool:
        """Whether there is an image, or a list of them, with this digest. Raises Refused."""
        return self._ask("HEAD", f"/manifests/{name}", 200, 404, headers={"Accept": _ANY}).status_code == 200

    def blob(self, name: str) -> bytes:
        """A blob by its digest, which it has. Raises Refused."""
        content = self._ask("GET", f"/blobs/{name}", 200).content
        if digest(content) != name:
            raise Refused(f"{self.reference}: what was sent for {name} is {digest(content)}")
        return content

    def put_blob(self, content: bytes) -> str:
        """Keep a blob; its digest. Raises Refused."""
        name = digest(content)
        begun = self._ask("POST", "/blobs/uploads/", 202)
        place = begun.url.join(begun.headers["location"]).copy_add_param("digest", name)
        self._ask("PUT", str(place), 201, content=content, headers={"Content-Type": "application/octet-stream"})
        return name

    def put_manifest(self, tag: str, manifest: Mapping[str, Any]) -> None:
        """Keep a manifest under a tag. Raises Refused."""
        content = json.dumps(manifest, separators=(",", ":")).encode()
        self._ask("PUT", f"/manifests/{tag}", 201, content=content, headers={"Content-Type": _MANIFEST})

    def _ask(self, method: str, path: str, *accepted: int, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise Refused(f"{self.reference}: {method} {path}: {type(error).__name__}") from error
        if answer.status_code not in accepted or len(answer.content) > _LARGEST:
            raise Refused(f"{self.reference}: {method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer
