"""The network namespace of one task, for Python processes: imported by the interpreter at its start from PYTHONPATH.

In ECS (awsvpc) a task has an interface of its own and a hosts file that the agent writes. Here it has a loopback address of
its own: binding to every interface or to localhost, and connecting to localhost, mean that address; Service Connect names
are looked up in `network.json` beside this file, read again when it changes. Connections that the security groups of both
sides do not allow are dropped. Every other address is left alone.

It runs in the image's interpreter, not in the local cloud's, and at the start of each process (health checks too): so
standard library only, and few modules of that (pathlib is left out: it would cost each start some milliseconds).
"""
# ruff: noqa: PTH100, PTH116, PTH118, PTH120, PTH123

import json
import os
import signal
import socket
import threading
from typing import Any

_WILDCARDS = ("", "0.0.0.0", "::", "<any>")  # noqa: S104 - compared, not bound
_LOCAL = ("localhost", "127.0.0.1", "::1", "localhost.localdomain")
_PR_SET_PDEATHSIG = 1

Address = Any
_read: dict[str, Any] = {"file": "", "stamp": None, "network": {}, "turn": os.getpid()}


def enter(directory: str) -> None:
    """Be in the network namespace of the task whose sandbox is `directory`: at the start, and in what is forked for a task."""
    global _ADDRESS
    _read.update(file=os.path.join(directory, "network.json"), stamp=None, turn=os.getpid())
    _ADDRESS = _network()["address"]


def _network() -> dict[str, Any]:
    stamp = os.stat(_read["file"]).st_mtime_ns
    if stamp != _read["stamp"]:
        with open(_read["file"]) as file:  # replaced by rename, so never half-written
            _read["network"] = json.load(file)
        _read["stamp"] = stamp
    network: dict[str, Any] = _read["network"]
    return network


_ADDRESS: str = ""
enter(os.path.dirname(os.path.abspath(__file__)))

_bind, _connect, _connect_ex = socket.socket.bind, socket.socket.connect, socket.socket.connect_ex
_getaddrinfo, _gethostbyname_ex = socket.getaddrinfo, socket.gethostbyname_ex


def _text(host: Any) -> Any:
    return host.decode("idna") if isinstance(host, (bytes, bytearray)) else host


def _ports(host: Any) -> Any:
    """What Service Connect knows of a name: targets by port; None if it is no such name."""
    return _network()["names"].get(host.lower().rstrip(".")) if isinstance(host, str) else None


def _targets(host: str, port: Any) -> list[tuple[str, int]]:
    """The addresses behind a Service Connect name, each first in its turn."""
    found = [(str(address), int(number)) for address, number in _ports(host).get(str(port), ())]
    if not found:
        raise socket.gaierror(socket.EAI_AGAIN, f"Service Connect: no healthy task serves {host}:{port}")
    _read["turn"] += 1
    first = _read["turn"] % len(found)
    return found[first:] + found[:first]


def _mapped(sock: socket.socket, address: Address, places: tuple[str, ...]) -> Address:
    """`address` with its host replaced by the task's if it is one of `places`."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple) or len(address) < 2:
        return address
    if _text(address[0]) not in places:
        return address
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return (f"::ffff:{_ADDRESS}", *address[1:])
    return (_ADDRESS, *address[1:])


def _destination(sock: socket.socket, address: Address) -> Address:
    address = _mapped(sock, address, (*_LOCAL, *_WILDCARDS))
    if sock.family != socket.AF_INET or not isinstance(address, tuple):
        return address
    if _ports(_text(address[0])) is not None:
        address = _targets(_text(address[0]), address[1])[0]
    network, host = _network(), _text(address[0])
    # Within a task nothing passes a security group.
    allowed = None if host == _ADDRESS else network.get("flows", {}).get(host)
    # It drops what it does not allow: the caller hears nothing until its own patience ends.
    if allowed is not None and not any(first <= address[1] <= last for first, last in allowed):
        return tuple(network["nowhere"])
    return address


def bind(self: socket.socket, address: Address, /) -> None:
    """socket.bind: every interface and localhost are the task's address."""
    _bind(self, _mapped(self, address, (*_WILDCARDS, *_LOCAL)))


def connect(self: socket.socket, address: Address, /) -> None:
    """socket.connect: localhost is the task's address, a Service Connect name one of its tasks."""
    _connect(self, _destination(self, address))


def connect_ex(self: socket.socket, address: Address, /) -> int:
    """socket.connect_ex, as connect."""
    return _connect_ex(self, _destination(self, address))


def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:  # noqa: A002 - socket's names
    """socket.getaddrinfo, where this task's names and localhost are known."""
    name = _text(host)
    if family in (socket.AF_UNSPEC, socket.AF_INET):
        if name is None or name in _LOCAL or name in _WILDCARDS:
            return _getaddrinfo(_ADDRESS, port, socket.AF_INET, type, proto, flags)
        if _ports(name) is not None:
            places = _targets(name, port)
            return [
                row
                for address, number in places
                for row in _getaddrinfo(address, number, socket.AF_INET, type, proto, flags)
            ]
    return _getaddrinfo(host, port, family, type, proto, flags)


def gethostbyname_ex(host: str) -> tuple[str, list[str], list[str]]:
    """socket.gethostbyname_ex, where this task's names and localhost are known."""
    if host in _LOCAL:
        return host, [], [_ADDRESS]
    ports = _ports(host)
    if ports is None:
        return _gethostbyname_ex(host)
    addresses = sorted({address for places in ports.values() for address, _ in places})
    if not addresses:
        raise socket.gaierror(socket.EAI_AGAIN, f"Service Connect: no healthy task serves {host}")
    return host, [], addresses


def gethostbyname(host: str) -> str:
    """socket.gethostbyname, as gethostbyname_ex."""
    return gethostbyname_ex(host)[2][0]


_REPLACED: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (socket.socket, (bind, connect, connect_ex)),
    (socket, (getaddrinfo, gethostbyname, gethostbyname_ex)),
)
for _owner, _functions in _REPLACED:
    for _function in _functions:
        setattr(_owner, _function.__name__, _function)


def _before_fork() -> None:
    import ctypes  # only a process that forks pays for it; the child must not import

    _read["libc"] = ctypes.CDLL(None)
    # The kernel ties a parent-death signal to the thread that forked. From any other than the main thread it would come too
    # early, when that thread ends; such children are left to the supervisor's guardian.
    _read["parent"] = os.getpid() if threading.current_thread() is threading.main_thread() else None


def _die_with_parent() -> None:
    if _read["parent"] is not None:
        _read["libc"].prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != _read["parent"]:
            os._exit(1)


os.register_at_fork(before=_before_fork, after_in_child=_die_with_parent)
