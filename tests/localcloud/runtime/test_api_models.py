"""botocore's API models are read once in a process, and kept parsed for the next."""

from __future__ import annotations

import subprocess
import sys

import botocore.session
import pytest
from botocore.loaders import JSONFileLoader

from localcloud.runtime import api_models


def test_two_sessions_share_what_was_read_and_know_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JSONFileLoader, "load_file", JSONFileLoader.load_file)  # put back after the test
    api_models.read_once()
    first, second = (botocore.session.Session().get_component("data_loader") for _ in range(2))
    assert first.load_service_model("sqs", "service-2") is second.load_service_model("sqs", "service-2")
    assert first.load_service_model("sqs", "service-2")["metadata"]["endpointPrefix"] == "sqs"
    assert JSONFileLoader().load_file("nowhere/such-a-model") is None


def test_a_client_of_the_local_cloud_needs_no_openssl_of_pythons_own() -> None:
    """Importing it takes a sixth of the time until a client is there, in every process; botocore falls back on `ssl`."""
    program = "import sys, localcloud.runtime.aws as ours; ours.Aws('http://127.0.0.1:9', 'ap-south-1').client('sqs'); "
    done = subprocess.run(
        [sys.executable, "-c", program + "print('OpenSSL' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
