"""Images are signed by a key of KMS beside them in a registry; what has no signature of ours, whatever it has, is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.images import signature
from scripts.images.registry import Repository
from tests.engine.engines import REGION, FarEnd
from tests.scripts.registry_stand_in import Registry, registry

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def signing_key(far: FarEnd) -> Any:
    """KMS with the account's key of images, as its stack makes it."""
    kms = far.client("kms")
    try:
        kms.describe_key(KeyId=signature.ALIAS)
    except ClientError:
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=signature.ALIAS, TargetKeyId=key)
    return kms


def variables(far: FarEnd) -> dict[str, str]:
    """What leads the scripts to the emulator, as a job's identity leads them to AWS."""
    return {
        "AWS_ENDPOINT_URL": far.cloud.endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "of-the-job",
        "AWS_SECRET_ACCESS_KEY": "of-the-job",
    }


@pytest.fixture
def kms(far_end: FarEnd, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in variables(far_end).items():
        monkeypatch.setenv(name, value)
    return signing_key(far_end)


@pytest.fixture
def held() -> Iterator[Registry]:
    with registry() as started:
        yield started


def images(directory: Path, digest: str, **targets: str) -> str:
    file = directory / f"{digest[7:12]}-{len(targets)}.json"
    file.write_text(json.dumps({"reference": "x", "digest": digest, "targets": targets}))
    return str(file)


@pytest.mark.usefixtures("kms")
def test_every_image_of_a_release_has_to_be_signed(
    held: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release, part = images(tmp_path, A, kyc=B), images(tmp_path, A)
    assert signature.main(["verify", release, held.repository]) == 1
    assert "has no signature by alias/matchday/account/image-signing" in capsys.readouterr().err
    assert signature.main(["sign", part, held.repository]) == 0
    assert signature.main(["verify", part, held.repository]) == 0
    assert signature.main(["verify", release, held.repository]) == 1, "kyc's is not"
    for _ in range(2):  # tags are given once: the second time there is nothing to do
        assert signature.main(["sign", release, held.repository]) == 0
    assert signature.main(["verify", release, held.repository]) == 0
    manifest = json.loads(held.tags[f"sha256-{'a' * 64}.sig"])
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json"
    critical = json.loads(held.blobs[layer["digest"]])["critical"]
    assert critical["image"] == {"docker-manifest-digest": A}
    assert critical["type"] == "cosign container image signature"


def forged(kms: Any, held: Registry, how: str) -> None:
    """Beside the image B: a signature that is none of ours of B."""
    with Repository(held.repository) as repository:
        signature.sign(repository, A, kms)
        manifest = json.loads(held.tags.pop(signature.tag(A)))
        (layer,) = manifest["layers"]
        content = held.blobs[layer["digest"]]
        if how == "another key":
            content = signature.payload(held.repository, B)
            signed = ec.generate_private_key(ec.SECP256R1()).sign(content, ec.ECDSA(hashes.SHA256()))
            layer["annotations"][signature._ANNOTATION] = base64.b64encode(signed).decode()
        elif how == "another image in the payload":
            content = content.replace(A.encode(), B.encode())
        elif how == "another repository":
            content = signature.payload("127.0.0.1:1/mallory/services", B)
            signed = kms.sign(
                KeyId=signature.ALIAS, Message=content, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
            )
            layer["annotations"][signature._ANNOTATION] = base64.b64encode(signed["Signature"]).decode()
        elif how == "no signature":
            layer["annotations"] = {}
        elif how == "no base64":
            layer["annotations"][signature._ANNOTATION] = "\u2603"
        elif how == "no layers":
            manifest["layers"] = []
        layer["digest"] = repository.put_blob(content)
        if how == "a blob of another digest":
            held.blobs[layer["digest"]] = b"{}"
        repository.put_manifest(signature.tag(B), manifest)


@pytest.mark.parametrize(
    ("how", "code"),
    [("the signature of another image", 1), ("another key", 1), ("another image in the payload", 1), ("another repository", 1),
     ("no signature", 1), ("no base64", 1), ("no layers", 1), ("a blob of another digest", 2)],
)  # fmt: skip
def test_a_signature_that_is_not_ours_is_none(kms: Any, held: Registry, tmp_path: Path, how: str, code: int) -> None:
    forged(kms, held, how)
    assert signature.main(["verify", images(tmp_path, B), held.repository]) == code


@pytest.mark.usefixtures("kms")
def test_what_cannot_be_asked_is_not_taken_for_signed(held: Registry, tmp_path: Path) -> None:
    release = images(tmp_path, A)
    assert signature.main(["verify", release, "127.0.0.1:1/matchday/services"]) == 2
    assert signature.main(["verify", str(tmp_path / "none.json"), held.repository]) == 2
    assert signature.main(["verify", release, "registry.example/matchday/services"]) == 2
    assert signature.main(["look", release, held.repository]) == 2
