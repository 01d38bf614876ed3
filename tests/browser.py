"""Headless Chromium for tests of pages, driven by its own protocol over a pipe: no driver, no port, nothing downloaded."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: What starts it where it is installed: Debian's name, then others'.
NAMES = ("chromium", "chromium-browser", "google-chrome")

#: It asks nobody anything: no update, no start page, no QUIC, no sync.
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip

SECONDS = 60


class NoBrowser(RuntimeError):
    """There is no Chromium here."""

    def __init__(self) -> None:
        super().__init__(f"none of {', '.join(NAMES)} is installed here; as root: apt-get install chromium")


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A method of the DevTools protocol."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, url: str) -> None:
        """Go there, and wait until all is loaded."""
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.protocol !== 'about:'")

    def value(self, expression: str) -> Any:
        """What JavaScript makes of an expression, awaited; AssertionError with what it threw."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true; its value."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                if found := self.value(expression):
                    return found
            except (AssertionError, ProtocolError):  # the page is just changing
                pass
            time.sleep(0.1)
        raise AssertionError(f"not within {SECONDS} s: {expression}")

    def press(self, key: str, code: int) -> None:
        """A key, down and up."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def scheme(self, name: str) -> None:
        """`light` or `dark`, as the person's system would say."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, file: Path, width: int = 1280, height: int = 1600) -> None:
        """A picture of the page's beginning."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


class ProtocolError(RuntimeError):
    """The browser refused a call."""


class Browser:
    """A running Chromium."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = os.fdopen(to, "wb", buffering=0), os.fdopen(back, "rb")
        self._number = 0
        self._rest = b""

    def page(self) -> Page:
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One call, and its answer; what it tells meanwhile is not for us."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._to.write(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ProtocolError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def _next(self) -> bytes:
        while b"\0" not in self._rest:
            piece = os.read(self._back.fileno(), 1 << 20)
            assert piece, "the browser has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return message


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium of its own, with a profile that goes with it. NoBrowser where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise NoBrowser
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="matchday-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_as_three_and_four(to_read, back_write),
            close_fds=False,
        )
        for ours in (to_read, back_write):
            os.close(ours)
        try:
            yield Browser(to_write, back_read)
        finally:
            process.terminate()
            process.wait(SECONDS)


def _as_three_and_four(read: int, write: int) -> Callable[[], None]:
    """Where Chromium expects the pipes; aside first, as they may be each other's places."""

    def place() -> None:
        read_aside, write_aside = os.dup(read), os.dup(write)
        os.dup2(read_aside, 3)
        os.dup2(write_aside, 4)

    return place
