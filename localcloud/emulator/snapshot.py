"""Saving and loading of everything moto holds: one file, readable by every release of the same major version of moto.

moto keeps its state in plain objects: one backend per service, account and Region. They refer to one another across
services (a load balancer knows its subnets), so they are pickled together. What pickle cannot take by itself (locks, private
keys, small local functions) is taken apart here. A snapshot is trusted as much as the directory it lies in: it is written
with mode 0600 and read only from there.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import pickle
import platform
import sys
import threading
import types
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.core.base_backend import BackendDict

FORMAT = 1
_MAGIC = b"matchday-emulator-snapshot\n"
_LOCKS: dict[type, Callable[[], Any]] = {
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
}


class SnapshotRefused(Exception):
    """A snapshot that this process must not load; the message says why. `damaged`: not because of who wrote it."""

    def __init__(self, message: str, *, damaged: bool = True) -> None:
        super().__init__(message)
        self.damaged = damaged


def _stamp() -> dict[str, Any]:
    return {"format": FORMAT, "moto": version("moto"), "python": platform.python_version()}


def _make_lock(kind: str) -> Any:
    return threading.RLock() if kind == "RLock" else threading.Lock()


def _make_key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, password=None)


def _make_certificate(pem: bytes) -> Any:
    return x509.load_pem_x509_certificate(pem)


def _make_function(module: str, path: str, position: int, defaults: Any, closure: tuple[Any, ...]) -> Any:
    """A function made inside another one: by where its code stands, since bytecode is of one Python version."""
    outer, _, name = path.rpartition(".<locals>.")
    place: Any = importlib.import_module(module)
    for step in outer.split("."):
        place = getattr(place, step)
    code = _codes(place, name)[position]
    cells = tuple(types.CellType(value) for value in closure)
    return types.FunctionType(code, vars(importlib.import_module(module)), name, defaults, cells)


def _codes(function: Any, name: str) -> list[types.CodeType]:
    return [c for c in function.__code__.co_consts if isinstance(c, types.CodeType) and c.co_name == name]


def _take_function_apart(function: types.FunctionType) -> tuple[Any, ...]:
    outer, _, name = function.__qualname__.rpartition(".<locals>.")
    place: Any = sys.modules[function.__module__]
    for step in outer.split("."):
        place = getattr(place, step)
    closure = tuple(cell.cell_contents for cell in function.__closure__ or ())
    position = _codes(place, name).index(function.__code__)
    return _make_function, (function.__module__, function.__qualname__, position, function.__defaults__, closure)


def _make_defaultdict(kind: type[defaultdict[Any, Any]], factory: Any) -> Any:
    made = kind.__new__(kind)
    made.default_factory = factory
    return made


class _Pickler(pickle.Pickler):
    """Pickle, and the five kinds of object in moto's backends that it refuses or cannot build again."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) in _LOCKS:
            return _make_lock, (_LOCKS[type(obj)].__name__,)
        if isinstance(obj, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            pem = obj.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            return _make_key, (pem,)
        if isinstance(obj, x509.Certificate):
            return _make_certificate, (obj.public_bytes(serialization.Encoding.PEM),)
        if isinstance(obj, defaultdict) and type(obj) is not defaultdict:  # its constructor takes other arguments
            return _make_defaultdict, (type(obj), obj.default_factory), obj.__dict__, None, iter(obj.items())
        if isinstance(obj, types.FunctionType) and "<locals>" in obj.__qualname__:
            return _take_function_apart(obj)
        return NotImplemented


def _backend_dicts() -> Iterator[tuple[str, str, Any]]:
    """(module, attribute, BackendDict) of every service that has been used."""
    for backend_dict in vars(BackendDict)["_instances"]:
        module = backend_dict.backend.__module__
        for attribute, value in vars(sys.modules[module]).items():
            if value is backend_dict:
                yield module, attribute, backend_dict
                break
        else:
            raise RuntimeError(
                f"moto service {backend_dict.service_name}: {module} has no attribute that holds its backends"
            )


def _culprit(state: list[tuple[str, str, str, dict[str, Any]]]) -> str:
    """The first service whose backends cannot be pickled by themselves."""
    for module, _, _, regions in state:
        try:
            _Pickler(io.BytesIO(), protocol=pickle.HIGHEST_PROTOCOL).dump(regions)
        except Exception:
            return module
    return "the services together"


def save(path: Path, generation: int = 0) -> None:
    """Write all backends to `path`: all or nothing, mode 0600. `generation` counts the snapshots of one emulator."""
    state = [
        (module, attribute, account, dict(regions))
        for module, attribute, backend_dict in _backend_dicts()
        for account, regions in backend_dict.items()
    ]
    buffer = io.BytesIO()
    try:
        _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(state)
    except Exception as error:
        raise RuntimeError(f"{_culprit(state)} cannot be saved: {error}") from error
    body = zlib.compress(buffer.getbuffer(), 1)
    seal = {"generation": generation, "sha256": hashlib.sha256(body).hexdigest()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with draft.open("wb") as file:
        file.write(_MAGIC + json.dumps(_stamp()).encode() + b"\n" + json.dumps(seal).encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def check(path: Path) -> tuple[int, bytes]:
    """The generation and the packed content of a snapshot that is whole; SnapshotRefused says what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotRefused(f"{path} cannot be read: {error.strerror}") from error
    if not content.startswith(_MAGIC):
        raise SnapshotRefused(f"{path} is not a snapshot of this emulator")
    header, _, rest = content[len(_MAGIC) :].partition(b"\n")
    line, _, body = rest.partition(b"\n")
    try:
        stamp, seal = json.loads(header), json.loads(line)
        generation, digest = int(seal["generation"]), str(seal["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise SnapshotRefused(f"{path} has no readable header") from error
    if not _readable(stamp):
        wrote = ", ".join(f"{key} {value}" for key, value in stamp.items())
        runs = ", ".join(f"{key} {value}" for key, value in _stamp().items())
        raise SnapshotRefused(f"it was written by {wrote}; this is {runs}", damaged=False)
    if hashlib.sha256(body).hexdigest() != digest:
        raise SnapshotRefused(f"{path} is damaged: its content is not what was written")
    return generation, body


def _readable(stamp: Any) -> bool:
    """Whether a release of the same major version of moto wrote it, in this format. Objects are pickled by name: the
    attributes that another release expects are added by `_complete`, and what fails to load all the same is refused."""
    if not isinstance(stamp, dict) or stamp.get("format") != FORMAT:
        return False
    return str(stamp.get("moto")).split(".")[0] == version("moto").split(".")[0]


def load(path: Path) -> int:
    """Put the state in `path` in the place of this process's; returns its generation.

    SnapshotRefused leaves the process as it was.
    """
    generation, body = check(path)
    try:
        state = pickle.loads(zlib.decompress(body))  # noqa: S301 - our own file; see the module's docstring
        targets = [
            (vars(importlib.import_module(module))[attribute][account], regions)
            for module, attribute, account, regions in state
        ]
        for _, regions in targets:
            for region, backend in regions.items():
                _complete(backend, region)
    except Exception as error:  # whatever a pickle of another release raises, the answer is the same
        raise SnapshotRefused(f"{path} cannot be read: {type(error).__name__}: {error}") from error
    for target, regions in targets:
        for region, backend in regions.items():
            target[region] = backend
    return generation


def _complete(backend: Any, region: str) -> None:
    """Add what a backend of this release has and that of the snapshot's has not."""
    fresh = type(backend)(region, backend.account_id)
    for name, value in vars(fresh).items():
        if name not in vars(backend):
            setattr(backend, name, value)
