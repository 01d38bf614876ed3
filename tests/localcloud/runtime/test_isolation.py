"""Nothing of the user's environment reaches the provider, and nothing of the provider leaves the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.runtime.aws import Clients, EndpointRefused, check_endpoint

FOREIGN = [
    "https://sts.amazonaws.com:443", "http://192.0.2.7:5000", "http://0.0.0.0:5000", "http://127.0.0.1", "127.0.0.1:5000",
    "http://no-such-host.invalid:5000",
]  # fmt: skip


@pytest.mark.parametrize("endpoint", FOREIGN)
def test_an_endpoint_elsewhere_is_refused(endpoint: str) -> None:
    with pytest.raises(EndpointRefused, match="endpoint"):
        check_endpoint(endpoint)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:5000", "http://127.93.0.2:5000", "http://localhost:5000"])
def test_loopback_is_accepted(endpoint: str) -> None:
    assert check_endpoint(endpoint)[1] == 5000


def test_the_process_refuses_an_endpoint_elsewhere_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localcloud.provider", "--endpoint", "http://192.0.2.7:5000"]
    directories = ["--store", str(tmp_path), "--addresses", str(tmp_path)]
    result = subprocess.run([*command, *directories], capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "only loopback addresses are accepted" in result.stderr


def test_a_request_that_would_leave_the_machine_is_stopped(endpoint: str) -> None:
    client = Clients(endpoint).client("sts", "ap-south-1")
    client.meta.events.register_first(
        "before-sign", lambda request, **_: setattr(request, "url", "http://sts.example.test/")
    )
    with pytest.raises(EndpointRefused, match="leaves this machine"):
        client.get_caller_identity()


ASK = """
import sys
from localcloud.runtime.aws import Clients, isolate_environment
isolate_environment()
client = Clients(sys.argv[1]).client("s3", "ap-south-1")
seen = []
watch = lambda request, **_: seen.append((request.url, request.headers["Authorization"]))
client.meta.events.register_first("before-send", watch)
client.list_buckets()
url, signed = seen[0]
print(url, signed if isinstance(signed, str) else signed.decode())
"""


def test_nothing_of_the_users_environment_is_used(endpoint: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-3\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAREALREALREAL\naws_secret_access_key = real\n"
    )
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real-token",
        "AWS_PROFILE": "no-such-profile",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ENDPOINT_URL": "http://192.0.2.7:5000",
        "AWS_ENDPOINT_URL_S3": "http://192.0.2.7:5000",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "LOCALSTACK_HOST": "192.0.2.7:4566",
        "USE_SSL": "true",
        "HTTP_PROXY": "http://192.0.2.7:3128",
        "http_proxy": "http://192.0.2.7:3128",
    }
    command = [sys.executable, "-c", ASK, endpoint]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(endpoint)
    assert "Credential=test/" in result.stdout
    assert "/ap-south-1/s3/" in result.stdout
    assert "real" not in result.stdout.lower()
