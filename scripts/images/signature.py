"""Images are signed by a KMS key of the account, and one without its signature is not deployed.

    python -m scripts.images.signature sign|verify FILE REPOSITORY     (FILE: what scripts.images.publish join wrote)

Signed is the digest of each list, in cosign's form (github.com/sigstore/cosign, specs/SIGNATURE_SPEC.md): an image of the tag
`sha256-<digest>.sig` beside it, whose layers are payloads with their signatures. `cosign verify --key awskms:///<alias>` reads
it, too. The key's private half never leaves KMS. Exit code 1: an image has no signature of ours; 2: it could not be done.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.names import PROJECT, key_alias
from scripts.images import buildah, publish
from scripts.images.registry import Refused, Repository

#: The key of the account's images (components/delivery/pipeline.py), and how it signs.
ALIAS, _ALGORITHM = key_alias(PROJECT, "account", "image-signing"), "ECDSA_SHA_256"

_TYPE = "cosign container image signature"
_LAYER, _ANNOTATION = "application/vnd.dev.cosign.simplesigning.v1+json", "dev.cosignproject.cosign/signature"
_MANIFEST, _CONFIG = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json"


class Unsigned(RuntimeError):
    """An image has no signature of ours."""


def tag(image: str) -> str:
    """Where the signatures of the image with this digest are.

    >>> tag("sha256:abc")
    'sha256-abc.sig'
    """
    return f"{image.replace(':', '-')}.sig"


def payload(repository: str, image: str) -> bytes:
    """What is signed of an image."""
    said = {"identity": {"docker-reference": repository}, "image": {"docker-manifest-digest": image}, "type": _TYPE}
    return json.dumps({"critical": said, "optional": None}, separators=(",", ":")).encode()


def sign(repository: Repository, image: str, kms: Any) -> None:
    """Put the image's signature beside it; nothing where there is one of ours. Raises registry.Refused."""
    try:
        verify(repository, image, kms)
    except Unsigned:
        pass
    else:
        return  # tags are given once: the same commit again finds what the first run signed
    content = payload(repository.reference, image)
    signed = kms.sign(KeyId=ALIAS, Message=content, MessageType="RAW", SigningAlgorithm=_ALGORITHM)["Signature"]
    layer = repository.put_blob(content)
    config = {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer]}}
    text = json.dumps(config, separators=(",", ":")).encode()
    described = {"mediaType": _CONFIG, "size": len(text), "digest": repository.put_blob(text)}
    annotations = {_ANNOTATION: base64.b64encode(signed).decode()}
    layers = [{"mediaType": _LAYER, "size": len(content), "digest": layer, "annotations": annotations}]
    manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described, "layers": layers}
    repository.put_manifest(tag(image), manifest)


def verify(repository: Repository, image: str, kms: Any) -> None:
    """Hold the image's signatures against the key. Raises Unsigned where none is ours and of this digest, or Refused."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(kms.get_public_key(KeyId=ALIAS)["PublicKey"])
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Unsigned(f"{ALIAS} is no key of an elliptic curve")
    for layer in (repository.manifest(tag(image)) or {}).get("layers", ()):
        try:
            content = repository.blob(layer["digest"])
            signed = base64.b64decode(layer["annotations"][_ANNOTATION], validate=True)
            key.verify(signed, content, ec.ECDSA(hashes.SHA256()))
            said = json.loads(content)["critical"]
        except (InvalidSignature, KeyError, TypeError, ValueError):
            continue
        if said == json.loads(payload(repository.reference, image))["critical"]:
            return
    raise Unsigned(
        f"{repository.reference}@{image} has no signature by {ALIAS}; accepted: images of this repository's `deploy`"
    )


def each(repository: str, images: Mapping[str, Any], act: Any) -> None:
    """`act(repository, digest, kms)` for the digest of the services' list and of each other. Raises Unsigned or Refused."""
    import boto3

    user, password = publish.credentials(repository)
    kms = boto3.client("kms")
    with Repository(repository, user, password) as opened:
        for image in (images["digest"], *images["targets"].values()):
            act(opened, image, kms)


def main(words: list[str]) -> int:
    """The script."""
    from botocore.exceptions import BotoCoreError, ClientError

    match words:
        case ["sign" | "verify" as what, file, repository]:
            act = sign if what == "sign" else verify
        case _:
            sys.stderr.write("error: usage: signature sign|verify FILE REPOSITORY\n")
            return 2
    try:
        each(repository, json.loads(Path(file).read_text()), act)
    except Unsigned as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 1
    except (Refused, buildah.Failed, OSError, ValueError, KeyError, BotoCoreError, ClientError) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
