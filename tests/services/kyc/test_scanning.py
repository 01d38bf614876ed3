"""The scanner's hook: clamd's protocol, that every file from outside comes by, and that no answer is no leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from services.common.settings import SettingsError
from services.kyc import sandbox as sandboxes
from services.kyc.reader import Act
from services.kyc.sandbox import LIMITS, Limits, PoisonError, Sandbox
from services.kyc.scanning import Clamd, ScannerAwayError, open_scanner
from tests.services.support import environ
from tests.tables import every_row

#: Not the test file of the European Institute for Computer Antivirus Research itself, which scanners of a machine delete.
BAD = b"a file with EVIL in it"


class Daemon:
    """A server that speaks as clamd does. `answer`: to what it was sent; None: it closes the connection."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes], bytes | None] = self.as_it_is
        self.seen: list[bytes] = []

    @staticmethod
    def as_it_is(content: bytes) -> bytes:
        return b"stream: Evil.Test FOUND\0" if b"EVIL" in content else b"stream: OK\0"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        content = b""
        while size := int.from_bytes(await reader.readexactly(4)):
            content += await reader.readexactly(size)
        self.seen.append(content)
        answer = self.answer(content)
        if answer is not None:
            writer.write(answer)
        writer.close()


@pytest.fixture
async def daemon() -> AsyncIterator[tuple[Daemon, Clamd]]:
    found = Daemon()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    yield found, Clamd("127.0.0.1", server.sockets[0].getsockname()[1], seconds=5)
    server.close()


async def test_what_is_found_is_refused_before_anything_opens_it(
    daemon: tuple[Daemon, Clamd], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, scanner = daemon
    opened: list[bytes] = []

    async def run(act: Act, limits: Limits, content: bytes) -> sandboxes.Found:
        opened.append(content)
        return sandboxes.Found({}, {})

    monkeypatch.setattr(sandboxes, "_run", run)
    sandbox = Sandbox(LIMITS, scanner)
    large = bytes(200_000)
    for content in (b"harmless", large, b""):
        await sandbox.run(Act.CLEAN, content)
    assert opened == found.seen == [b"harmless", large, b""]
    with pytest.raises(PoisonError, match="infected"):
        await sandbox.run(Act.CLEAN, BAD)
    assert opened == found.seen[:-1]
    for act in (Act.READ, Act.FACES):  # pictures of ours
        await sandbox.run(act, BAD)
    assert len(found.seen) == 4


async def test_no_answer_is_no_leave(daemon: tuple[Daemon, Clamd]) -> None:
    found, scanner = daemon
    answers = (None, b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: ", b"OK\0", b"x" * 5000)
    given = iter(answers)
    found.answer = lambda _: next(given)
    for _ in answers:
        with pytest.raises(ScannerAwayError):
            await Sandbox(LIMITS, scanner).run(Act.CLEAN, b"harmless")
    with pytest.raises(ScannerAwayError):
        await Clamd("127.0.0.1", 9).infected(b"harmless")


def test_which_scanner_there_is_the_environment_says() -> None:
    with environ({"CLAMD_ADDRESS": "127.0.0.1:3310"}):
        assert open_scanner() == Clamd("127.0.0.1", 3310)
    with environ({"CLAMD_ADDRESS": ""}):
        assert open_scanner() is None


@every_row("address", ("127.0.0.1", ":3310", "a b:1", "http://clamd:3310"))
def test_an_address_that_is_none(address: str) -> None:
    with environ({"CLAMD_ADDRESS": address}), pytest.raises(SettingsError, match="CLAMD_ADDRESS"):
        open_scanner()
