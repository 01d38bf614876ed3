"""Which clone has which /16 of the loopback range: one list for all clones of a user, so that no two choose the same.

A clone keeps its network while its directory exists, also while it does not run: its addresses are in the outputs of its
resources. Another user's clones are seen while they run, by the port that each supervisor holds.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from localcloud.runtime.state import cache_directory, write_atomically

#: A port on <network>.0.1 that the supervisor of a clone holds while it runs.
CLAIM_PORT = 47000

#: Second octets to choose from: below 64 and above 223 are left to others (systemd-resolved sits on 127.0.0.53).
_OCTETS = range(64, 224)


class NoNetworkLeft(RuntimeError):
    """Every network has a clone."""


def take(directory: Path) -> ipaddress.IPv4Network:
    """The network of the state directory `directory`: the one it had, else a free one, beginning at a hash of its path.

    When all are taken, the oldest of a test or a preview (a directory below the temporary one) that does not run is taken over.
    """
    place = cache_directory()
    place.mkdir(parents=True, exist_ok=True)
    file = place / "networks.json"
    with (place / "networks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        taken = {octet: owner for octet, owner in _read(file).items() if _is_there(Path(owner))}
        owner = str(directory.resolve())
        for octet in _candidates(owner, taken):
            network = ipaddress.IPv4Network(f"127.{octet}.0.0/16")
            if not _claimed(network):
                taken.pop(octet, None)  # the newest stands last
                write_atomically(file, json.dumps(taken | {octet: owner}, indent=1))
                return network
    raise NoNetworkLeft(
        f"all {len(_OCTETS)} loopback networks have a clone ({file}): remove the .matchday of one that is not needed"
    )


def _is_there(owner: Path) -> bool:
    """Whether a clone's directory exists; one that this user may not look at (made as root) does, for all that is known."""
    try:
        return owner.exists()
    except OSError:
        return True


def _read(file: Path) -> dict[int, str]:
    """The list; an unreadable one is begun anew, since what runs is seen anyway."""
    try:
        return {
            int(octet): str(owner) for octet, owner in json.loads(file.read_text()).items() if int(octet) in _OCTETS
        }
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _candidates(owner: str, taken: dict[int, str]) -> Iterator[int]:
    yield from [octet for octet, other in taken.items() if other == owner]
    start = int.from_bytes(hashlib.sha256(owner.encode()).digest()[:4])
    for step in range(len(_OCTETS)):
        octet = _OCTETS[(start + step) % len(_OCTETS)]
        if octet not in taken:
            yield octet
    passing = Path(tempfile.gettempdir()).resolve()
    yield from [octet for octet, other in taken.items() if Path(other).is_relative_to(passing)]


def _claimed(network: ipaddress.IPv4Network) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(network[1]), CLAIM_PORT))
        except OSError:
            return True
    return False
