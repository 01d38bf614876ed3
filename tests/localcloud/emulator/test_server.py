"""The emulator listens on loopback only and takes nothing from the user's environment."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from localcloud.runtime.aws import Clients
from tests.localcloud.emulator.conftest import Start
from tests.ports import free_port


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "localhost.example"])
def test_a_host_that_is_not_loopback_is_refused(host: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "localcloud.emulator",
        "--host",
        host,
        "--port",
        "0",
        "--snapshot",
        str(tmp_path / "s"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert f"{host} is not a loopback address" in result.stderr


def test_a_list_and_what_adds_to_it_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.setswitchinterval(1e-6)")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    command = [sys.executable, "-m", "localcloud.emulator", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            port = int(emulator.stdout.readline())
            cloudwatch = Clients(f"http://127.0.0.1:{port}").client("cloudwatch", "ap-south-1")

            def add(name: str) -> None:
                cloudwatch.put_metric_alarm(
                    AlarmName=name, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                    MetricName="m", Namespace="n", Period=60, Statistic="Sum",
                )  # fmt: skip
                cloudwatch.describe_alarms(AlarmNames=[name])

            names = [f"alarm-{number}" for number in range(240)]
            with ThreadPoolExecutor(8) as threads:
                list(threads.map(add, names))  # raises what any of them raised
            assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == len(names)
        finally:
            emulator.kill()


#: moto is imported once the file is there.
_HELD = """
import sys, time
from pathlib import Path
class Hold:
    def find_spec(self, name, path=None, target=None):
        while name == "moto" and not Path({go!r}).exists():
            time.sleep(0.01)
sys.meta_path.insert(0, Hold())
"""


def test_an_emulator_that_keeps_nothing_takes_requests_while_it_still_starts(tmp_path: Path) -> None:
    host, go = "127.0.0.1", tmp_path / "go"
    (tmp_path / "sitecustomize.py").write_text(_HELD.format(go=str(go)))
    port = free_port()
    command = [sys.executable, "-m", "localcloud.emulator", "--host", host, "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            client = None
            while client is None and emulator.poll() is None:
                with contextlib.suppress(ConnectionRefusedError):
                    client = socket.create_connection((host, port))
                time.sleep(0.01)
            assert client is not None
            client.sendall(b"GET /_matchday/health HTTP/1.0\r\n\r\n")
            second = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert second.returncode == 1
            assert f"{host}:{port}: Address already in use" in second.stderr
            go.touch()
            assert client.makefile().readline().split()[1] == "200"
            assert emulator.stdout.readline().strip() == str(port)
        finally:
            emulator.kill()


def test_a_connection_serves_one_request_after_another(start: Start, tmp_path: Path) -> None:
    host, port = start(tmp_path / "snapshot").url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    scope = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host"}
    sockets = set()
    for method, path, body, status in (
        ("PUT", "/bucket", b"", 200),
        ("PUT", "/bucket/key", b"content", 200),
        ("HEAD", "/bucket/key", None, 200),  # says how long the object is, and sends nothing
        ("GET", "/bucket/key", None, 200),
        ("DELETE", "/bucket/key", None, 204),
        ("GET", "/bucket/key", None, 404),
        ("GET", "/_matchday/health", None, 200),
    ):
        connection.request(method, path, body, scope)
        answer = connection.getresponse()
        content = answer.read()
        assert (answer.status, answer.will_close) == (status, False), (method, path, content)
        if path == "/bucket/key" and status == 200 and method != "PUT":
            assert answer.getheader("Content-Length") == "7"
            assert content == (b"content" if method == "GET" else b"")
        sockets.add(connection.sock.getsockname())
    assert len(sockets) == 1
    connection.request("POST", "/_matchday/snapshot", b"a body that nobody reads")
    assert connection.getresponse().will_close
    connection.close()


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_what_is_no_request_is_answered_so(start: Start, tmp_path: Path, sent: bytes) -> None:
    host, port = start(tmp_path / "snapshot").url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(sent)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_lines_measures_and_messages_leave_what_is_deployed_as_it_is(start: Start, tmp_path: Path) -> None:
    """Whoever follows it (the supervisor) reads everything anew when this value is another."""
    emulator = start(tmp_path / "snapshot")
    logs, sqs, s3, ssm = (emulator.client(name) for name in ("logs", "sqs", "s3", "ssm"))
    sns, cloudwatch = emulator.client("sns"), emulator.client("cloudwatch")

    def deployed() -> list[object]:
        found: list[object] = httpx.get(f"{emulator.url}/_matchday/health").json()["deployed"]
        return found

    seen = [deployed()]
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    for write in (
        lambda: ssm.put_parameter(Name="/p", Value="1", Type="String"),
        lambda: sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "7"}),
        lambda: s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}),
        lambda: s3.put_object(Bucket="bucket", Key="k", Body=b"v"),
    ):
        write()
        seen.append(deployed())
    assert len({str(value) for value in seen}) == len(seen)

    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}])
    cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
    sns.publish(TopicArn=topic, Message="m")
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    with pytest.raises(ClientError):
        ssm.put_parameter(Name="/p", Value="2", Type="String")  # it is there, and is not to be overwritten
    assert deployed() == seen[-1]

    emulator.process.kill()
    emulator.process.wait()
    emulator = start(tmp_path / "snapshot")
    assert deployed()[0] != seen[-1][0], "another process, which may have been given another snapshot"
