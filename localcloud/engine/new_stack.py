"""An empty stack for the file backend, as `pulumi stack init` leaves it, without the two seconds that the CLI takes for it.

Formats of CLI 3.x: the checkpoint of version 3 (sdk/go/common/apitype), layout 1 of the backend (pkg/backend/diy/meta.go), and
the passphrase's salt with a known text that proves the passphrase (pkg/secrets/passphrase, sdk/go/common/resource/config).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from localcloud.runtime.state import write_atomically

_ROUNDS = 1_000_000
_PROOF = b"pulumi"


def salt(passphrase: str) -> str:
    """A new `encryptionsalt` of a stack's file: "v1:salt:v1:nonce:proof", each in base64. The rounds take half a second."""
    drawn, nonce = secrets.token_bytes(8), secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), drawn, _ROUNDS, 32)
    proof = AESGCM(key).encrypt(nonce, _PROOF, None)
    return ":".join(["v1", _text(drawn), "v1", _text(nonce), _text(proof)])


def write(backend: Path, project: str, stack: str) -> None:
    """Put the stack, without a resource, into the backend."""
    root = backend / ".pulumi"
    stacks = root / "stacks" / project
    stacks.mkdir(parents=True, exist_ok=True)
    if not (root / "meta.yaml").exists():
        (root / "meta.yaml").write_text("version: 1\n")
    checkpoint = {"stack": f"organization/{project}/{stack}"}
    write_atomically(stacks / f"{stack}.json", json.dumps({"version": 3, "checkpoint": checkpoint}))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
