"""How long kyc takes to read a card and to compare faces, and how many cases one worker checks in a minute.

A page and a frame are measured in this process, warm, beside what the libraries take for the same pictures by themselves; a
process for one file is measured as the worker starts it. Cases go the whole way (KMS and S3 of the emulator, PostgreSQL, both
processes for each picture, the stand-in of the provider), beside the bare sum of the processes.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import boto3
import numpy
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image
from rapidocr import RapidOCR

from benchmarks.figures import Figure
from benchmarks.services.servers import MASTER, PASSWORD, database_of, free_ports, process
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.partners.secure_id import SecureIdStandIn
from localcloud.partners.wire import serve
from localcloud.partners.world import Scenario, World
from services.common import database
from services.common.clock import SystemClock
from services.common.database import Sessions
from services.common.ids import uuid7
from services.common.outbox import messages
from services.common.settings import AppDatabaseSettings, load
from services.kyc import cards, cases, consents, matching
from services.kyc.checking import Toolbox, Tools, open_tools
from services.kyc.faces import Gesture
from services.kyc.models import Document
from services.kyc.notices import open_writer
from services.kyc.ocr import Ocr
from services.kyc.packing import packed
from services.kyc.providers import Providers, open_providers
from services.kyc.reader import Act
from services.kyc.sandbox import Sandbox
from services.kyc.schemas import ConsentRequest, PanRequest, Purpose
from services.kyc.states import DocumentKind, DocumentState
from services.kyc.store import upload_key
from services.kyc.tasks import jobs_with
from tests.services.kyc.card_pictures import Holder, Photo, taken
from tests.services.kyc.face_pictures import frame

PAGES, FRAMES, STARTS, CASES = 6, 12, 3, 8


def main() -> None:
    """Emit the figures."""
    asyncio.run(_run())


async def _run() -> None:
    _pages()
    _frames()
    bare = await _processes()
    async with _platform() as platform:
        await _cases(platform, bare)


def _median(act: Callable[[], object], times: int) -> tuple[float, float]:
    """Seconds, and seconds of CPU, of one time; the first does not count."""
    act()
    clocks, processors = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        act()
        clocks.append(time.perf_counter() - begun)
        processors.append(time.process_time() - used)
    return statistics.median(clocks), statistics.median(processors)


def _card(number: int) -> tuple[Holder, bytes]:
    drawn = random.Random(number)
    holder = Holder.drawn(drawn)
    return holder, taken(holder, Photo(newer=bool(number % 2), rotation=3, blur=1, noise=8), number)


def _pages() -> None:
    pictures = [Image.open(io.BytesIO(_card(number)[1])).convert("RGB") for number in range(PAGES)]
    ours, turn = Ocr(), iter(pictures * 4)
    clock, used = _median(lambda: cards.read(ours.lines(next(turn))), PAGES)
    bare = RapidOCR(params={"Global.log_level": "critical"})
    turn = iter(pictures * 4)
    by_itself, its_use = _median(lambda: bare(numpy.asarray(next(turn))[:, :, ::-1]), PAGES)
    against = "rapidocr as it comes, two threads"
    Figure(name="kyc.ocr.page", value=round(clock, 3), unit="s", reference=round(by_itself, 3), against=against).emit()
    Figure(name="kyc.ocr.cpu", value=round(used, 3), unit="s", reference=round(its_use, 3), against=against).emit()


def _frames() -> None:
    matcher, image = matching.Matcher(), Image.open(io.BytesIO(frame(1, size=640))).convert("RGB")
    clock, used = _median(lambda: matcher.faces(image), FRAMES)
    chip = numpy.asarray(image.resize((150, 150)))
    network, its_use = _median(lambda: matcher.described(chip), FRAMES)
    against = "the network alone, on a face that is cut out"
    Figure(
        name="kyc.face.frame",
        value=round(1000 * clock, 1),
        unit="ms",
        reference=round(1000 * network, 1),
        against=against,
    ).emit()
    Figure(
        name="kyc.face.cpu", value=round(1000 * used, 1), unit="ms", reference=round(1000 * its_use, 1), against=against
    ).emit()


async def _processes() -> float:
    """Seconds of the two processes that a card takes."""
    sandbox, card = Sandbox(), _card(0)[1]
    gestures = (None, Gesture.TURN_LEFT, Gesture.TILT_RIGHT)
    selfie = packed({}, {"document": card, **{str(at): frame(1, each) for at, each in enumerate(gestures)}})
    seconds = {}
    for act, content in ((Act.CLEAN, card), (Act.READ, card), (Act.FACES, selfie)):
        taken_by = []
        for _ in range(STARTS):
            begun = time.perf_counter()
            await sandbox.run(act, content)
            taken_by.append(time.perf_counter() - begun)
        seconds[act] = statistics.median(taken_by)
        Figure(name=f"kyc.process.{act.value}", value=round(seconds[act], 2), unit="s").emit()
    return seconds[Act.CLEAN] + seconds[Act.READ]


@dataclass
class _Platform:
    """A database of kyc's, and what its worker has."""

    sessions: Sessions
    tools: Tools


async def _cases(platform: _Platform, bare: float) -> None:
    """One worker, one case after the other, as its sandbox does one file at a time."""
    clock = SystemClock()
    for number in range(CASES):
        await _hand_in(platform, number)

    async def opened() -> Tools:
        return platform.tools

    jobs, begun = jobs_with(Toolbox(opened), Providers(open_providers), open_writer), time.perf_counter()
    while True:
        async with platform.sessions() as session, session.begin():
            handed = await messages.hand_out(session, 200)
        if not handed:
            break
        for each in handed:
            await jobs.handle(platform.sessions, clock, each.task, [each.id])
    seconds = (time.perf_counter() - begun) / CASES
    Figure(
        name="kyc.cases", value=round(60 / seconds, 1), unit="1/min", reference=round(60 / bare, 1),
        against="the processes for one picture alone",
    ).emit()  # fmt: skip


async def _hand_in(platform: _Platform, number: int) -> None:
    clock, player, document = SystemClock(), uuid7(), uuid7()
    holder, picture = _card(number)
    key = await platform.tools.vault.new(player)
    await platform.tools.store.put(upload_key(player, document), picture)
    async with platform.sessions() as session, session.begin():
        await consents.note(
            session,
            clock,
            player,
            Purpose.IDENTITY,
            ConsentRequest(version=consents.TEXTS[Purpose.IDENTITY], given=True),
        )
        session.add(_document(player, document, picture))
        await session.flush()
        body = PanRequest(
            pan=holder.number, name=holder.name, date_of_birth=holder.birth_date, document=document,
        )  # fmt: skip
        await cases.submit_pan(session, clock, platform.tools.digests, player, key, body)


def _document(player: UUID, document: UUID, picture: bytes) -> Document:
    return Document(
        id=document, player_id=player, kind=DocumentKind.PAN_CARD.value, state=DocumentState.AWAITED.value,
        media_type="image/jpeg", size=len(picture), sha256=hashlib.sha256(picture).digest(), masked=False,
        created_at=SystemClock().now(),
    )  # fmt: skip


@asynccontextmanager
async def _platform() -> AsyncIterator[_Platform]:
    """PostgreSQL, the emulator and the provider's stand-in, each of its own, and a worker's tools in this process."""
    names = ("CASHFREE_VERIFICATION_ID", "CASHFREE_VERIFICATION_SECRET")
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = free_ports(2)
        postgres = stack.enter_context(PostgresServer(directory / "postgres", "127.0.0.1", ports[0]))
        stack.callback(postgres.remove)
        postgres.set_master(MASTER, PASSWORD)
        stack.enter_context(process(["-m", "localcloud.emulator", "--port", str(ports[1])], {"TMPDIR": str(directory)}))
        stand_in = SecureIdStandIn(World("secure-id", Scenario(), time.time), dict.fromkeys(names, "bench").__getitem__)
        server = await serve("127.0.0.1", 0, stand_in.handle)
        stack.callback(server.close)
        await database_of(postgres, "kyc")
        os.environ |= {
            "SERVICE": "kyc", "PROCESS": "worker", "ENVIRONMENT": "bench", "LOG_LEVEL": "ERROR", "DATABASE_NAME": "kyc",
            "DATABASE_HOST": postgres.host, "DATABASE_PORT": str(postgres.port), "DATABASE_USER": "kyc_app",
            "DATABASE_PASSWORD": PASSWORD, "DATABASE_TLS": "disable", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "ap-south-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports[1]}", "BUCKET_DOCUMENTS": "kyc-documents-bench",
            "DIGEST_KEY": "bench" * 8, "SECURE_ID_URL": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            **dict.fromkeys(names, "bench"),
        }  # fmt: skip
        os.environ["DATA_KEY"] = await asyncio.to_thread(_made)
        engine = database.create_engine(load(AppDatabaseSettings), "bench", connections=4)
        stack.push_async_callback(engine.dispose)
        yield _Platform(database.create_sessions(engine), await open_tools())


def _made() -> str:
    """The bucket, and a key: its ARN. Waits for the emulator."""
    for _ in range(120):
        try:
            arn = str(boto3.client("kms").create_key()["KeyMetadata"]["Arn"])
            break
        except (BotoCoreError, ClientError):  # it starts
            time.sleep(0.5)
    boto3.client("s3").create_bucket(
        Bucket="kyc-documents-bench", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
    )
    return arn
