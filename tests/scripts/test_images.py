"""The image's recipe, bill of materials and vulnerabilities. The image itself: tests/services/test_image.py."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from cryptography import x509
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from scripts.images import build, sbom, trim
from services.kyc import matching

PROJECT = Path(__file__).resolve().parents[2]
SCHEMAS = PROJECT / "tests" / "fixtures" / "cyclonedx"
DOCKERFILE = PROJECT / "services" / "Dockerfile"


def valid(document: dict[str, Any]) -> None:
    """By CycloneDX's own schema."""
    files = {file.name: json.loads(file.read_text()) for file in SCHEMAS.glob("*.json")}
    names = {f"http://cyclonedx.org/schema/{name}": content for name, content in files.items()}
    registry: Any = Registry().with_resources(
        (name, Resource.from_contents(content)) for name, content in names.items()
    )
    validator = Draft7Validator(files["bom-1.6.SNAPSHOT.schema.json"], registry=registry)
    assert [error.message for error in validator.iter_errors(document)] == []


def test_hadolint_finds_nothing_in_the_recipe(tmp_path: Path) -> None:
    """It is GPL and no part of any set of ours: installed for this look, by its hash."""
    locked = PROJECT / "requirements" / "hadolint.txt"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--target", tmp_path, "--require-hashes", "-r", locked], check=True
    )
    hadolint = [str(tmp_path / "bin" / "hadolint"), "--failure-threshold", "style"]
    found = subprocess.run([*hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")
    spoiled = tmp_path / "Dockerfile"
    spoiled.write_text(DOCKERFILE.read_text().replace("USER 10001:10001", "USER root"))
    assert subprocess.run([*hadolint, str(spoiled)], capture_output=True, check=False).returncode != 0


def test_the_base_is_an_argument_pinned_by_digest_and_both_stages_stand_on_it() -> None:
    lines = DOCKERFILE.read_text().splitlines()
    (base,) = (line for line in lines if line.startswith("ARG BASE="))
    image, _, digest = base.partition("@sha256:")
    assert image.endswith("python:3.11-slim-bookworm") and len(digest) == 64
    assert [line for line in lines if line.startswith("FROM ")] == ["FROM ${BASE} AS build", "FROM ${BASE}"]
    assert not [line for line in lines if "http" in line and not line.startswith("#")], "the build fetches by pip alone"


def test_every_region_that_an_environment_may_be_in_has_its_authorities() -> None:
    found = x509.load_pem_x509_certificates((PROJECT / "packaging" / "image" / "rds.pem").read_bytes())
    subjects = [certificate.subject.rfc4514_string() for certificate in found]
    assert len(set(subjects)) == len(subjects) == 87
    for region in ("ap-south-1", "ap-south-2"):
        for kind in ("RSA2048", "RSA4096", "ECC384"):
            assert any(f"{region} Root CA {kind}" in subject for subject in subjects), (region, kind)
    assert all("Amazon RDS" in subject for subject in subjects)
    for certificate in found:
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        certificate.verify_directly_issued_by(certificate)
        assert certificate.not_valid_after_utc.year > 2060


@pytest.mark.slow
def test_every_api_of_aws_that_a_service_asks_stays_in_the_image() -> None:
    """A client of AWS is called with the API's name, whoever makes it: boto3, or a wrapper of ours."""
    known = set(Session().get_available_services())
    asked = {
        argument.value
        for file in (PROJECT / "services").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and "client" in ast.unparse(call.func).lower()
        for argument in call.args
        if isinstance(argument, ast.Constant) and argument.value in known
    }
    assert "kms" in asked and asked <= set(trim.KEPT)


def test_what_no_process_loads_is_taken_out(tmp_path: Path) -> None:
    for name in ("botocore/data/kms/x", "botocore/data/ec2/x", "Cryptodome/SelfTest/x", "jsonschema/tests/x", "a/b"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "botocore/data/endpoints.json").touch()
    trim.trim(tmp_path)
    left = sorted(file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file())
    assert left == ["a/b", "botocore/data/endpoints.json", "botocore/data/kms/x"]


def test_of_a_wheel_of_models_those_stay_that_kyc_loads(tmp_path: Path) -> None:
    """What it loads, by the names in its code: the model of 68 landmarks was trained on pictures that forbid commercial use."""
    models = tmp_path / "face_recognition_models" / "models"
    models.mkdir(parents=True)
    came = files("face_recognition_models") / "models"
    names = [each.name for each in came.iterdir()]
    for name in names:
        (models / name).touch()
    trim.trim(tmp_path)
    assert {each.name for each in models.iterdir()} == set(matching.MODELS) < set(names)


def test_a_shared_library_is_cut_off_behind_what_is_loaded_and_loads_still(tmp_path: Path) -> None:
    from yaml import _yaml

    origin = Path(_yaml.__file__)
    library = tmp_path / "packages" / origin.name
    library.parent.mkdir()
    shutil.copy(origin, library)
    (library.parent / "no.so").write_text("#!ELF")
    trim.trim(library.parent)
    assert library.stat().st_size < origin.stat().st_size
    assert (library.parent / "no.so").read_text() == "#!ELF"
    once = library.read_bytes()
    trim.trim(library.parent)
    assert library.read_bytes() == once
    program = f"import sys; sys.path.insert(0, {str(library.parent)!r}); import _yaml; print(_yaml.__file__)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == str(library)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The files of an image that has one package of Debian's and two of Python's."""
    tree = tmp_path / "root"
    status = tree / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    status.write_text(
        "Package: libssl3\nStatus: install ok installed\nArchitecture: arm64\n"
        "Source: openssl (3.0.17-1)\nVersion: 3.0.17-1+b2\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    )
    release = tree / "etc/os-release"
    release.parent.mkdir()
    release.write_text('ID=debian\nVERSION_ID="12"\n')
    for name, more in (
        ("PyYAML", "License-Expression: MIT"),
        ("click", "Classifier: License :: OSI Approved :: BSD License"),
    ):
        metadata = tree / f"venv/lib/python3.11/site-packages/{name}-8.1.dist-info/METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Name: {name}\nVersion: 8.1\n{more}\n\nText\n")
    return tree


def test_the_bill_names_each_package_with_version_licence_and_purl(root: Path) -> None:
    bill = sbom.document(root, "localhost/matchday/services:local", "sha256:" + "a" * 64)
    valid(bill)
    assert [(part["purl"], part.get("licenses")) for part in bill["components"]] == [
        ("pkg:deb/debian/libssl3@3.0.17-1%2Bb2?arch=arm64&distro=debian-12", None),
        ("pkg:pypi/click@8.1", [{"license": {"name": "BSD License"}}]),
        ("pkg:pypi/pyyaml@8.1", [{"expression": "MIT"}]),
    ]
    assert bill == sbom.document(root, "localhost/matchday/services:local", "sha256:" + "a" * 64)


def test_a_file_counts_once_however_many_names_it_has(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to("a")
    assert build.size(tmp_path) == 1001


class Osv(ThreadingHTTPServer):
    """As OSV answers: identifiers by query, in pages of one; advisories by identifier."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.known: dict[tuple[str, str, str], list[str]] = {}
        self.advisories: dict[str, dict[str, Any]] = {}
        self.broken = False

    def knows(self, ecosystem: str, name: str, version: str, identifier: str, fixed: str | None) -> None:
        self.known.setdefault((ecosystem, name, version), []).append(identifier)
        events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
        affected = {
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "GIT", "events": [{"fixed": "deadbeef"}]}, {"type": "ECOSYSTEM", "events": events}],
        }
        self.advisories[identifier] = {"id": identifier, "summary": f"About {name}", "affected": [affected]}


class Handler(BaseHTTPRequestHandler):
    server: Osv

    def do_GET(self) -> None:
        self.answer(self.server.advisories[self.path.removeprefix("/v1/vulns/")])

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["queries"]
        self.answer({"results": [self.result(query) for query in asked]})

    def result(self, query: dict[str, Any]) -> dict[str, Any]:
        package = query["package"]
        found = self.server.known.get((package["ecosystem"], package["name"], query["version"]), [])
        page = int(query.get("page_token", 0))
        more = {"next_page_token": str(page + 1)} if page + 1 < len(found) else {}
        return {"vulns": [{"id": name} for name in found[page : page + 1]], **more} if found else {}

    def answer(self, content: Any) -> None:
        self.send_response(500 if self.server.broken else 200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def osv() -> Iterator[Osv]:
    with Osv() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def look(directory: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.images.vulnerabilities", str(directory)]
    return subprocess.run(command, cwd=PROJECT, env={"OSV_URL": url}, capture_output=True, text=True, check=False)


def test_what_can_be_mended_is_refused_and_all_of_it_reported(root: Path, osv: Osv, tmp_path: Path) -> None:
    bill = sbom.document(root, "image", "sha256:" + "a" * 64)
    (tmp_path / "sbom.cdx.json").write_text(json.dumps(bill))
    url = f"http://127.0.0.1:{osv.server_port}"
    clean = look(tmp_path, url)
    assert (clean.returncode, clean.stderr) == (0, "")

    osv.knows("Debian:12", "openssl", "3.0.17-1", "DEBIAN-CVE-2026-1", None)
    osv.knows("Debian:12", "openssl", "3.0.17-1", "DEBIAN-CVE-2026-2", None)
    assert look(tmp_path, url).returncode == 0, "nothing that somebody could do yet"
    osv.knows("PyPI", "click", "8.1", "GHSA-1", "8.2")
    refused = look(tmp_path, url)
    assert refused.returncode == 1
    assert refused.stderr == "error: GHSA-1: pkg:pypi/click@8.1: mended in 8.2\n"
    report = json.loads((tmp_path / "vulnerabilities.cdx.json").read_text())
    valid(report)
    assert [entry["id"] for entry in report["vulnerabilities"]] == ["DEBIAN-CVE-2026-1", "DEBIAN-CVE-2026-2", "GHSA-1"]
    assert report["components"] == bill["components"]

    osv.broken = True
    unknown = look(tmp_path, url)
    assert unknown.returncode == 2 and "nothing was checked" in unknown.stderr
    assert not (tmp_path / "vulnerabilities.cdx.json").exists(), "an old report is none of today's image"
