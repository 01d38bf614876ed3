"""The journal: one file of the changing requests since a snapshot, each on disk before it is answered.

A record is its length and CRC-32 (four bytes each, big-endian), one line of JSON (`Entry` without the body) and the body.
A file whose last record is cut off (the process was killed while it wrote) is read up to there.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD = struct.Struct(">II")

#: Who made a request: the engine, whose writes are undone with a cut-off run, or anyone else.
ENGINE, OTHER = "engine", "other"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A request that changed something, and what moto drew while it answered it."""

    origin: str
    time: float
    seed: str
    keys: list[str]
    environ: dict[str, Any]
    body: bytes

    @property
    def name(self) -> str:
        """What was asked, for a message."""
        target = str(self.environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]
        return target or f"{self.environ.get('REQUEST_METHOD')} {self.environ.get('PATH_INFO')}"

    def record(self) -> bytes:
        head = {name: value for name, value in vars(self).items() if name != "body"}
        payload = json.dumps(head).encode() + b"\n" + self.body
        return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read(path: Path, after: int = 0) -> Iterator[tuple[int, Entry]]:
    """(offset of its end, entry) of each whole record that begins at byte `after` or later."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(after)
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            line, _, body = payload.partition(b"\n")
            yield file.tell(), Entry(**json.loads(line), body=body)


def drop(path: Path, after: int, origin: str) -> int:
    """Take the entries of `origin` that begin at byte `after` or later out of the file; returns how many. All or nothing."""
    entries = [entry for _, entry in read(path, after)]
    kept = [entry for entry in entries if entry.origin != origin]
    if len(kept) < len(entries):
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        with path.open("rb") as file, draft.open("wb") as out:
            out.write(file.read(after))
            out.writelines(entry.record() for entry in kept)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    return len(entries) - len(kept)


class Journal:
    """A journal that is written to. Entries that come together share one fsync."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch(mode=0o600)
        whole, self.engine_wrote = 0, False
        for whole, entry in read(path):  # noqa: B007 - the last one's end is what is wanted
            self.engine_wrote |= entry.origin == ENGINE
        self._file = os.open(path, os.O_WRONLY)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, whole, os.SEEK_SET)
        self._state = threading.Condition()
        self._syncing = False
        self._synced = self.size = whole
        self.broken = ""

    def append(self, entry: Entry) -> int:
        """Write an entry behind the others; returns what to wait for. OSError leaves the file as it was."""
        record = entry.record()
        with self._state:
            try:
                written = os.write(self._file, record)
                if written < len(record):  # a full disk takes a part
                    os.write(self._file, record[written:])
            except OSError as error:
                os.ftruncate(self._file, self.size)
                os.lseek(self._file, self.size, os.SEEK_SET)
                self.broken = error.strerror or str(error)
                raise
            self.size += len(record)
            self.engine_wrote |= entry.origin == ENGINE
            return self.size

    def wait(self, size: int) -> None:
        """Return when everything up to `size` is on disk."""
        with self._state:
            while self._synced < size:
                if self._syncing:
                    self._state.wait()
                    continue
                self._syncing, upto = True, self.size
                self._state.release()
                try:
                    os.fdatasync(self._file)
                finally:
                    self._state.acquire()
                    self._syncing = False
                    self._state.notify_all()
                self._synced = max(self._synced, upto)

    def close(self) -> None:
        self.wait(self.size)
        os.close(self._file)
