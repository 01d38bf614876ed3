"""scripts/setup-venv.sh and the Makefile as they are, on a tiny project: intercepted TLS, proxies, no network, a moved clone.

The package index is a loopback server with a certificate of a private authority, reached only through a proxy: its host name
resolves nowhere else. What is installed from it: a `uv` that hands over to the real one, and one dependency.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.server
import io
import os
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = pytest.mark.process

PROJECT = Path(__file__).resolve().parents[2]
HOST = "packages.example.test"
GO_MODULE = "example.test/tiny"
UV = Path(sys.executable).with_name("uv")

#: A build backend that needs no package: the project's own console script, and nothing else.
BACKEND = """
import base64, hashlib, os, zipfile
def _wheel(directory):
    name = "tiny-1.0-py3-none-any.whl"
    script = "#!/bin/sh\\nexec echo matchday \\"$@\\"\\n"
    here = os.getcwd()
    files = {
        "tiny.pth": here,
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\\nmatchday = echoing:main\\n",
    }
    record = "".join(f"{n},,\\n" for n in files) + "tiny-1.0.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as z:
        for n, text in {**files, "tiny-1.0.dist-info/RECORD": record}.items():
            z.writestr(n, text)
    return name
def build_editable(directory, config_settings=None, metadata_directory=None): return _wheel(directory)
def build_wheel(directory, config_settings=None, metadata_directory=None): return _wheel(directory)
def get_requires_for_build_editable(config_settings=None): return []
"""


def _wheel(name: str, files: Mapping[str, str]) -> bytes:
    info = f"{name}-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}\n")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": "".join(lines) + f"{info}/RECORD,,\n"}.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = 0o100755 << 16  # a regular file that may be run
            archive.writestr(entry, text)
    return packed.getvalue()


def _module() -> dict[str, bytes]:
    """What a Go module proxy answers for one module."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{GO_MODULE}@v1.0.0/go.mod", f"module {GO_MODULE}\n")
        archive.writestr(f"{GO_MODULE}@v1.0.0/tiny.go", "package tiny\n")
    base = f"/go/{GO_MODULE}/@v/v1.0.0"
    return {
        f"{base}.info": b'{"Version": "v1.0.0"}',
        f"{base}.mod": f"module {GO_MODULE}\n".encode(),
        f"{base}.zip": packed.getvalue(),
    }


WHEELS = {
    "uv": _wheel("uv", {"uv-1.0.data/scripts/uv": f'#!/bin/sh\nexec {UV} "$@"\n'}),
    "dependency": _wheel("dependency", {"dependency.py": "there = True\n"}),
}


@dataclass
class Network:
    """An index behind TLS of a private authority, and the one proxy that leads to it."""

    authority: Path
    proxy: str
    tunnels: list[str] = field(default_factory=list)

    def environment(self, home: Path, *, lower: bool = False) -> dict[str, str]:
        """What a person would set here, as the pages say: the proxy and the authority; and where the index is."""
        names = {"HTTPS_PROXY": self.proxy, "NO_PROXY": "localhost"}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHON": sys.executable,
            "PIP_INDEX_URL": f"https://{HOST}/simple",
            "UV_DEFAULT_INDEX": f"https://{HOST}/simple",
            "UV_CACHE_DIR": str(home / "uv"),
            "PIP_CACHE_DIR": str(home / "pip"),
            "SSL_CERT_FILE": str(self.authority),
            **{(name.lower() if lower else name): value for name, value in names.items()},
        }


def _certificates(directory: Path) -> tuple[Path, Path]:
    """(the authority's certificate, the server's chain with its key)."""
    now = datetime.datetime.now(datetime.UTC)

    def build(
        subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, authority: bool
    ) -> x509.CertificateBuilder:
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        return (
            made
            if authority
            else made.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        )

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ours = build("Interception", "Interception", root, authority=True).sign(root, hashes.SHA256())
    served = build(HOST, "Interception", leaf, authority=False).sign(root, hashes.SHA256())
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    authority, chain = directory / "authority.pem", directory / "server.pem"
    authority.write_bytes(ours.public_bytes(pem))
    chain.write_bytes(served.public_bytes(pem) + leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return authority, chain


class Index(http.server.BaseHTTPRequestHandler):
    """The simple API of one version of each wheel, and a Go module."""

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        content = _module().get(self.path)
        if parts[0] == "simple" and parts[-1] in WHEELS:
            name = parts[-1]
            digest = hashlib.sha256(WHEELS[name]).hexdigest()
            link = f"/files/{name}-1.0-py3-none-any.whl"
            content = f'<a href="{link}#sha256={digest}">{link.rpartition("/")[2]}</a>'.encode()
        elif parts[0] == "files":
            content = WHEELS.get(parts[-1].partition("-")[0])
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", "text/html" if parts[0] == "simple" else "application/octet-stream")
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    directory = tmp_path_factory.mktemp("network")
    authority, chain = _certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    index = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    index.socket = context.wrap_socket(index.socket, server_side=True)
    made = Network(authority, "")

    class Proxy(socketserver.StreamRequestHandler):
        """CONNECT to the index's name and to nothing else."""

        def handle(self) -> None:
            target = self.rfile.readline().split()[1].decode()
            while self.rfile.readline().strip():
                pass
            made.tunnels.append(target)
            if target != f"{HOST}:443":
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with socket.create_connection(index.server_address[:2]) as there:  # type: ignore[arg-type] # TCP over IPv4
                back = threading.Thread(target=_copy, args=(there, self.connection))
                back.start()
                _copy(self.connection, there)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    proxy = Server(("127.0.0.1", 0), Proxy)
    made.proxy = f"http://127.0.0.1:{proxy.server_address[1]}"
    for server in (index, proxy):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    for server in (index, proxy):
        server.shutdown()
        server.server_close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _project(directory: Path) -> Path:
    """The real script and Makefile with requirements of one package each."""
    (directory / "scripts").mkdir(parents=True)
    shutil.copy(PROJECT / "scripts" / "setup-venv.sh", directory / "scripts")
    shutil.copy(PROJECT / "Makefile", directory)
    (directory / "requirements").mkdir()
    for file, name in (("uv", "uv"), ("dev", "dependency")):
        digest = hashlib.sha256(WHEELS[name]).hexdigest()
        (directory / "requirements" / f"{file}.txt").write_text(f"{name}==1.0 --hash=sha256:{digest}\n")
    (directory / "backend.py").write_text(BACKEND)
    (directory / "echoing.py").write_text("import sys\ndef main(): print('matchday', *sys.argv[1:])\n")
    (directory / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny"\nversion = "1.0"\n'
    )
    (directory / "localcloud" / "engine").mkdir(parents=True)
    (directory / "localcloud" / "__init__.py").touch()
    (directory / "localcloud" / "engine" / "__init__.py").touch()
    (directory / "localcloud" / "engine" / "__main__.py").touch()  # the Pulumi CLI is another matter
    return directory


def _make(directory: Path, environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=directory,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_pip_and_uv_go_through_the_proxy_and_trust_the_named_authority(network: Network, tmp_path: Path) -> None:
    directory, environment = _project(tmp_path / "clone"), network.environment(tmp_path / "home")
    done = _make(directory, environment, "up", "PORT=8090", "ARGS=--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(network.tunnels) == {f"{HOST}:443"}
    assert "first run takes" in done.stdout
    assert done.stdout.splitlines()[-1] == "matchday up --port 8090 --json"
    assert (next((directory / ".venv" / "lib").glob("python*")) / "site-packages" / "dependency.py").exists()
    # Nothing is done twice, and a clone that was moved is seen and mended.
    again = _make(directory, environment, "up")
    assert again.stdout.splitlines() == ["matchday up"]
    moved = directory.rename(tmp_path / "elsewhere")
    done = _make(moved, environment, "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "made elsewhere" in done.stdout
    assert done.stdout.splitlines()[-1] == "matchday up"
    # Proxies named in lower case do as well.
    network.tunnels.clear()
    (installed,) = (moved / ".venv" / "lib").glob("python*/site-packages/dependency.py")
    installed.unlink()
    shutil.rmtree(tmp_path / "home")
    next((moved / ".venv").glob(".requirements-*")).unlink()
    shutil.rmtree(next(installed.parent.glob("dependency-1.0.dist-info")))
    done = _make(moved, network.environment(tmp_path / "home", lower=True), "setup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert installed.exists()
    assert set(network.tunnels) == {f"{HOST}:443"}


def test_no_network_is_a_sentence_that_names_the_variables(network: Network, tmp_path: Path) -> None:
    directory, environment = _project(tmp_path / "clone"), network.environment(tmp_path / "home")
    done = _make(directory, {**environment, "HTTPS_PROXY": "http://127.0.0.1:9"}, "up")
    assert done.returncode != 0
    sentence = next(line for line in done.stderr.splitlines() if "first run needs a network" in line)
    assert "HTTPS_PROXY" in sentence
    assert "SSL_CERT_FILE" in sentence
    assert "setup: uv could not be installed" in done.stderr


def test_an_authority_that_nobody_named_is_not_trusted(network: Network, tmp_path: Path) -> None:
    environment = network.environment(tmp_path / "home")
    del environment["SSL_CERT_FILE"]
    done = subprocess.run(
        [UV, "pip", "install", "--target", str(tmp_path / "there"), "dependency"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "certificate" in done.stderr.lower()


def test_go_trusts_the_same_authority(network: Network, tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go on this machine")
    done = subprocess.run(
        [go, "mod", "download", "-json", f"{GO_MODULE}@v1.0.0"],
        cwd=tmp_path,
        env={
            **network.environment(tmp_path / "home"), "GOPROXY": f"https://{HOST}/go", "GOSUMDB": "off",
            "GOPATH": str(tmp_path / "go"), "GOFLAGS": "-modcacherw",
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_down_without_a_virtual_environment_stops_what_runs(tmp_path: Path) -> None:
    directory = _project(tmp_path / "clone")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = _make(directory, environment, "down")
    assert (done.returncode, done.stderr) == (0, "")
    assert "not running" in done.stdout
    words = ["localcloud.dataplane", "--state", f"{directory}/.matchday", "--ingress", "x"]
    script = "import time; print('up', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script, *words], stdout=subprocess.PIPE) as supervisor:
        try:
            assert supervisor.stdout is not None
            supervisor.stdout.readline()
            done = _make(directory, environment, "down")
            assert done.returncode == 0
            assert "the data is kept" in done.stdout
            assert supervisor.wait(60) == -signal.SIGTERM
        finally:
            supervisor.kill()
