"""A registry of images over HTTP, as the distribution specification has it: blobs by digest, manifests by tags given once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

NAME = "matchday/services"

#: A list of images, as AWS's collector is one: whoever sets up a repository copies it there.
COLLECTOR = b'{"schemaVersion": 2, "manifests": []}'


class Registry(ThreadingHTTPServer):
    """One repository: what it holds by digest and by tag."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.tags: dict[str, bytes] = {}

    @property
    def repository(self) -> str:
        return f"127.0.0.1:{self.server_port}/{NAME}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        kind, _, name = self.path.removeprefix(f"/v2/{NAME}/").partition("/")
        found = {"blobs": self.server.blobs, "manifests": self.server.tags}[kind].get(name)
        self.answer(404, b"{}") if found is None else self.answer(200, found)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        assert self.path == f"/v2/{NAME}/blobs/uploads/"
        self.answer(202, b"", Location=f"/v2/{NAME}/uploads/1?state=x")

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        asked = urlsplit(self.path)
        if asked.path.startswith(f"/v2/{NAME}/uploads/"):
            query = parse_qs(asked.query)
            assert query["state"] == ["x"], "its own query is kept"
            if query["digest"] != [f"sha256:{hashlib.sha256(content).hexdigest()}"]:
                return self.answer(400, b'{"errors": [{"code": "DIGEST_INVALID"}]}')
            self.server.blobs[query["digest"][0]] = content
            return self.answer(201, b"")
        tag = asked.path.removeprefix(f"/v2/{NAME}/manifests/")
        if tag in self.server.tags:
            return self.answer(400, b'{"errors": [{"code": "TAG_INVALID", "message": "immutable"}]}')
        self.server.tags[tag] = content
        return self.answer(201, b"")

    def answer(self, code: int, content: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def registry() -> Iterator[Registry]:
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
