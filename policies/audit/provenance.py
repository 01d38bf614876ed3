"""Where evidence comes from: who made it, from which commit, by which pack, register and levels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from policies import exceptions, levels

PACK = Path(__file__).parents[1]
#: What the pack consists of; documents that can differ between environments have digests of their own.
_PARTS = ("*.py", "*.yaml", "*.txt")


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def pack_files() -> dict[str, str]:
    """Every file of the pack and its digest, by path inside the pack."""
    found = {path for part in _PARTS for path in PACK.rglob(part) if "__pycache__" not in path.parts}
    apart = {exceptions.REGISTER, levels.LEVELS}
    return {str(path.relative_to(PACK)): digest(path.read_bytes()) for path in sorted(found - apart)}


def pack_list() -> str:
    """The pack's files as `sha256sum` writes them: the document that the pack's digest is of."""
    return "".join(f"{value}  policies/{name}\n" for name, value in pack_files().items())


@dataclass(frozen=True)
class Provenance:
    """Who made an audit and from what; "" where it is not known.

    operator: who ran it; commit: of the repository; dirty: whether the working tree differed from it; period: what time the
    audit is evidence for, as its owner says; versions: of the command and the engine.
    """

    operator: str = ""
    commit: str = ""
    dirty: bool | None = None
    period: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    register_path: Path = exceptions.REGISTER
    levels_path: Path = levels.LEVELS

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the documents that lie beside the evidence, by their name there."""
        return {
            "pack.sha256": digest(pack_list().encode()),
            "exceptions.yaml": digest(self.register_path.read_bytes()),
            "levels.yaml": digest(self.levels_path.read_bytes()),
        }
