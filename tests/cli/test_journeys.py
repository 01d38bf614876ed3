"""Walks through the platform: who fills it does so from many addresses."""

from __future__ import annotations

import http.server
import threading
from typing import Any

import httpx

from cli.journeys import _viewers


def test_requests_come_from_each_address_in_turn() -> None:
    seen: list[str] = []

    class Notes(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(str(self.client_address[0]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Notes) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_address[1]}", transport=_viewers(3)) as client:
            for _ in range(4):
                assert client.get("/").status_code == 204
        server.shutdown()
    assert seen == ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.1"]
