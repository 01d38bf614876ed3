"""A headless Chromium that a test types into: its DevTools protocol over two pipes, without a port or a package."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60.0

#: Keys that are no characters: name → code and the text that they enter.
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "Escape": (27, ""), "ArrowDown": (40, "")}


class Page:
    """One page."""

    def __init__(self, reader: asyncio.StreamReader, write: Any) -> None:
        self._reader, self._write = reader, write
        self._numbers, self._session = itertools.count(1), ""
        self._loaded: set[str] = set()
        self.said: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command, and what it answers."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        async with asyncio.timeout(SECONDS):
            while True:
                found = await self._read()
                if found.get("id") == number:
                    assert "error" not in found, found
                    result: dict[str, Any] = found["result"]
                    return result
                self._note(found)

    def _note(self, event: dict[str, Any]) -> None:
        """What the browser complains of: refused by the page's policy, an exception, an error in the console."""
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.said.append(event["params"]["entry"]["text"])
        if event.get("method") == "Page.lifecycleEvent" and event["params"]["name"] == "load":
            self._loaded.add(event["params"]["loaderId"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.said.append(str(event["params"]["exceptionDetails"]))

    async def open(self, url: str) -> None:
        """Have one page, at `url`."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        self._session = session
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.setLifecycleEventsEnabled", enabled=True)
        gone = await self.call("Page.navigate", url=url)
        assert "errorText" not in gone, gone
        loader = gone["loaderId"]
        async with asyncio.timeout(SECONDS):
            while loader not in self._loaded:
                self._note(await self._read())

    async def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self._reader.readuntil(b"\0"))[:-1])
        return found

    async def value(self, expression: str) -> Any:
        """Of a JavaScript expression."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> Any:
        """The value of an expression once it is true: a page says nothing when it is done."""
        look = (
            f"const look = () => {{ const found = ({expression}); found ? done(found) : setTimeout(look, 50) }}; look()"
        )
        return await self.value(f"new Promise(done => {{ {look} }})")

    async def press(self, key: str) -> None:
        """A key down and up."""
        code, text = KEYS[key]
        given = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **given, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    async def type(self, text: str) -> None:
        """Characters into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def tab_to(self, test: str) -> None:
        """Tab until `test`, an expression on `e`, the element that has the focus, is true."""
        for _ in range(60):
            if await self.value(f"(e => Boolean({test}))(document.activeElement)"):
                return
            await self.press("Tab")
        raise AssertionError(
            f"no Tab leads to {test}; the focus is on {await self.value('document.activeElement.outerHTML')}"
        )


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Page]:
    """A browser with a profile of its own in `folder`; skips where none is installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    ours_in, theirs_out = os.pipe()
    theirs_in, ours_out = os.pipe()

    def pipes() -> None:
        os.dup2(theirs_in, 3)
        os.dup2(theirs_out, 4)

    command = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'profile'}",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        preexec_fn=pipes,
        pass_fds=(3, 4),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb"))
    try:
        yield Page(reader, ours_out)
    finally:
        os.close(ours_out)
        transport.close()
        process.kill()
        await process.wait()
