"""Saving and loading of everything moto holds: one file, bound to the versions of moto and Python that wrote it.

moto keeps its state in plain objects: one backend per service, account and Region. They refer to one another across
services (a load balancer knows its subnets), so they are pickled together. What pickle cannot take by itself (locks, private
keys, small local functions) is taken apart here. A snapshot is trusted as much as the directory it lies in: it is written
with mode 0600 and read only from there.
"""

from __future__ import annotations

import importlib
import io
import json
import marshal
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
    """A snapshot that this process must not load; the message says why."""


def _stamp() -> dict[str, Any]:
    return {"format": FORMAT, "moto": version("moto"), "python": platform.python_version()}


def _make_lock(kind: str) -> Any:
    return threading.RLock() if kind == "RLock" else threading.Lock()


def _make_key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, password=None)


def _make_certificate(pem: bytes) -> Any:
    return x509.load_pem_x509_certificate(pem)


def _make_function(code: bytes, module: str, defaults: tuple[Any, ...] | None, closure: tuple[Any, ...]) -> Any:
    cells = tuple(types.CellType(value) for value in closure)
    loaded = marshal.loads(code)  # noqa: S302 - from our own file; see the module's docstring
    return types.FunctionType(loaded, vars(importlib.import_module(module)), loaded.co_name, defaults, cells)


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
        if isinstance(obj, types.FunctionType) and ("<locals>" in obj.__qualname__ or "<lambda>" in obj.__qualname__):
            closure = tuple(cell.cell_contents for cell in obj.__closure__ or ())
            return _make_function, (marshal.dumps(obj.__code__), obj.__module__, obj.__defaults__, closure)
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


def save(path: Path) -> None:
    """Write all backends to `path`: all or nothing, mode 0600."""
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
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with draft.open("wb") as file:
        file.write(_MAGIC + json.dumps(_stamp()).encode() + b"\n")
        file.write(zlib.compress(buffer.getbuffer(), 1))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load(path: Path) -> None:
    """Put the state in `path` in the place of this process's; SnapshotRefused leaves the process as it was."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotRefused(f"{path} cannot be read: {error.strerror}") from error
    if not content.startswith(_MAGIC):
        raise SnapshotRefused(f"{path} is not a snapshot of this emulator")
    header, _, body = content[len(_MAGIC) :].partition(b"\n")
    try:
        stamp = json.loads(header)
    except ValueError as error:
        raise SnapshotRefused(f"{path} has no readable header") from error
    if stamp != _stamp():
        wrote = ", ".join(f"{key} {value}" for key, value in stamp.items())
        runs = ", ".join(f"{key} {value}" for key, value in _stamp().items())
        raise SnapshotRefused(f"it was written by {wrote}; this is {runs}")
    try:
        state = pickle.loads(zlib.decompress(body))  # noqa: S301 - our own file; see the module's docstring
        targets = [
            (vars(importlib.import_module(module))[attribute][account], regions)
            for module, attribute, account, regions in state
        ]
    except Exception as error:  # whatever a damaged pickle raises, the answer is the same
        raise SnapshotRefused(f"{path} is damaged: {type(error).__name__}: {error}") from error
    for target, regions in targets:
        for region, backend in regions.items():
            target[region] = backend
