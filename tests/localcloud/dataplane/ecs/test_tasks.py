"""What happens inside a task: dependencies, secrets, health checks, its environment, its output and its end."""

from __future__ import annotations

import json
from typing import Any

import psutil
import pytest

from localcloud.dataplane.ecs.images import of_the_agent
from localcloud.runtime.errors import SupervisorError

from ..harness import Platform, alive, kill, until

pytestmark = pytest.mark.process


def depends(**conditions: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition} for name, condition in conditions.items()]}


def step(shared: Platform, name: str, *, code: int = 0, seconds: float = 0, **more: Any) -> dict[str, Any]:
    """A container that writes its name into the shared record, and ends."""
    shared.program(
        "step.py",
        """
        import os, sys, time
        time.sleep(float(os.environ["SECONDS"]))
        with open(os.environ["RECORD"], "a") as record: record.write(os.environ["NAME"] + "\\n")
        print("ran", os.environ["NAME"], flush=True)
        sys.exit(int(os.environ["CODE"]))
        """,
    )
    environment = {"NAME": name, "CODE": str(code), "SECONDS": str(seconds), **more.pop("environment", {})}
    return shared.container(name, "step.py", essential=False, environment=environment, **more)


def failure(shared: Platform, service: str) -> str:
    with pytest.raises(SupervisorError) as error:
        shared.converge()
    assert f"service {service}:" in str(error.value)
    shared.aws.client("ecs").delete_service(cluster="test", service=service, force=True)
    until(lambda: service not in {row["name"] for row in shared.running.status()["services"]})
    return str(error.value)


def logs(shared: Platform, service: str) -> str:
    return "\n".join(path.read_text() for path in (shared.config.state / "logs" / service).glob("*/*.log"))


def test_init_containers_run_in_order_before_the_process(shared: Platform) -> None:
    record = shared.root / "order"
    env = {"RECORD": str(record)}
    shared.deploy(
        "ordered",
        step(shared, "bootstrap", seconds=0.3, environment=env),
        step(shared, "migrate", environment=env, **depends(bootstrap="SUCCESS")),
        shared.web(**depends(migrate="SUCCESS")),
    )
    shared.converge()
    assert record.read_text().split() == ["bootstrap", "migrate"]
    assert shared.service_status("ordered")["tasks"][0]["health"] == "UNKNOWN"
    until(lambda: "bootstrap | ran bootstrap" in logs(shared, "ordered") and "web is up" in logs(shared, "ordered"))


def test_failed_init_container_names_itself(shared: Platform) -> None:
    env = {"RECORD": "/dev/null"}
    shared.deploy("badinit", step(shared, "migrate", code=7, environment=env), shared.web(**depends(migrate="SUCCESS")))
    assert "container web needs migrate to be SUCCESS, but it exited with code 7" in failure(shared, "badinit")


def test_containers_that_wait_for_each_other_are_refused(shared: Platform) -> None:
    containers = [step(shared, "second", **depends(web="START")), shared.web(**depends(second="START"))]
    shared.deploy("circle", *containers)
    assert "the task definition's containers depend on each other: " in failure(shared, "circle")


def test_complete_takes_any_exit_code_and_start_does_not_wait(shared: Platform) -> None:
    env = {"RECORD": "/dev/null"}
    shared.deploy(
        "lenient",
        step(shared, "once", code=7, environment=env),
        step(shared, "beside", seconds=30, environment=env),
        shared.web(**depends(once="COMPLETE", beside="START")),
    )
    shared.converge()


def test_healthy_waits_for_the_check_of_a_sidecar(shared: Platform) -> None:
    shared.program(
        "slowstart.py",
        "import os, time; time.sleep(1); open(os.environ['TMPDIR'] + '/ok', 'w').close(); time.sleep(60)",
    )
    check = {"command": ["CMD-SHELL", "test -f $TMPDIR/ok"], "interval": 5, "retries": 3}
    shared.deploy(
        "sidecar", shared.container("proxy", "slowstart.py", healthCheck=check), shared.web(**depends(proxy="HEALTHY"))
    )
    shared.converge()
    task = shared.service_status("sidecar")["tasks"][0]
    assert task["health"] == "HEALTHY"


def test_check_that_never_succeeds_stops_the_task(shared: Platform) -> None:
    check = {"command": ["CMD", "python", "-c", "raise SystemExit(1)"], "interval": 5, "retries": 1, "startPeriod": 0}
    shared.deploy("sick", shared.web(healthCheck=check))
    events = len(shared.events)
    until(
        lambda: any(
            event.detail == "Task failed container health checks"
            for event in shared.events[events:]
            if event.name.startswith("sick/")
        ),
    )
    shared.aws.client("ecs").delete_service(cluster="test", service="sick", force=True)


def test_secrets_come_whole_by_key_and_from_parameters(shared: Platform) -> None:
    secrets, ssm = shared.aws.client("secretsmanager"), shared.aws.client("ssm")
    plain = secrets.create_secret(Name="plain", SecretString="swordfish")["ARN"]
    pair = secrets.create_secret(Name="pair", SecretString=json.dumps({"user": "u", "password": "p"}))["ARN"]
    old = secrets.put_secret_value(SecretId=plain, SecretString="newer")["VersionId"]
    ssm.put_parameter(Name="/test/level", Value="debug", Type="SecureString")
    shared.program(
        "tell.py",
        "import json, os, time; print('ENV', json.dumps(dict(os.environ), sort_keys=True), flush=True); time.sleep(60)",
    )
    wanted = {
        "WHOLE": plain,
        "KEY": f"{pair}:password::",
        "PREVIOUS": f"{plain}::AWSPREVIOUS:",
        "VERSION": f"{plain}:::{old}",
        "PARAMETER": "arn:aws:ssm:ap-south-1:123456789012:parameter/test/level",
        "NAMED": "/test/level",
    }
    entries = [{"name": name, "valueFrom": source} for name, source in wanted.items()]
    shared.deploy("told", shared.container(program="tell.py", secrets=entries))
    shared.converge()
    line = until(lambda: next((line for line in logs(shared, "told").splitlines() if line.startswith("ENV ")), None))
    environment = json.loads(line[4:])
    assert {name: environment[name] for name in wanted} == {
        "WHOLE": "newer",
        "KEY": "p",
        "PREVIOUS": "swordfish",
        "VERSION": "newer",
        "PARAMETER": "debug",
        "NAMED": "debug",
    }
    agents = of_the_agent(environment["AWS_ENDPOINT_URL"], "ap-south-1", "")
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.")
    assert {name: environment[name] for name in agents} == agents
    inherited = set(environment) - set(wanted) - {"PORT", *agents}
    assert inherited <= {"PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "LC_CTYPE"}, (
        "no task sees the user's environment"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("arn:aws:secretsmanager:ap-south-1:123456789012:secret:absent-AbCdEf", "ResourceNotFoundException"),
        ("/absent/parameter", "ParameterNotFound"),
    ],
)
def test_secret_that_cannot_be_read_is_named(shared: Platform, source: str, words: str) -> None:
    shared.deploy("secretless", shared.web(secrets=[{"name": "KEY", "valueFrom": source}]))
    told = failure(shared, "secretless")
    assert "ResourceInitializationError: unable to pull secrets or registry auth" in told
    assert source in told
    assert words in told


def test_secret_without_the_key_is_named_and_its_value_is_not_told(shared: Platform) -> None:
    arn = shared.aws.client("secretsmanager").create_secret(Name="keyless", SecretString='{"other": "hush"}')["ARN"]
    shared.deploy("keyless", shared.web(secrets=[{"name": "KEY", "valueFrom": f"{arn}:password::"}]))
    told = failure(shared, "keyless")
    assert "did not contain json key password" in told
    assert "hush" not in told


def test_unknown_image_is_named(shared: Platform) -> None:
    container = shared.web()
    container["image"] = "123456789012.dkr.ecr.ap-south-1.amazonaws.com/other/thing:v1"
    shared.deploy("imageless", container)
    assert "CannotPullContainerError" in failure(shared, "imageless")


def test_stop_is_asked_for_and_then_enforced_on_all_descendants(shared: Platform) -> None:
    shared.program(
        "stubborn.py",
        """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
        print("child", child.pid, flush=True)
        while True: time.sleep(0.1)
        """,
    )
    shared.deploy("stubborn", shared.container(program="stubborn.py", stopTimeout=2))
    shared.converge()
    pid = shared.service_status("stubborn")["tasks"][0]["pid"]
    line = until(
        lambda: next((line for line in logs(shared, "stubborn").splitlines() if line.startswith("child")), None)
    )
    shared.aws.client("ecs").update_service(cluster="test", service="stubborn", desiredCount=0)
    shared.converge()
    until(lambda: "heard" in logs(shared, "stubborn"), what="what it said, read from its pipe")
    until(lambda: not alive(pid) and not alive(int(line.split()[1])), what="the end of both, which were killed")


def test_end_of_an_essential_container_ends_its_task(shared: Platform) -> None:
    check = {"command": ["CMD-SHELL", "true"], "interval": 5}
    shared.program("stay.py", "import time; time.sleep(100)")
    shared.deploy("pair", shared.web(healthCheck=check), shared.container("side", "stay.py"))
    shared.converge()
    before = shared.service_status("pair")["tasks"][0]
    children = [child for child in psutil.Process(shared.running.info.pid).children() if "stay.py" in child.cmdline()]
    assert len(children) == 1
    kill(before["pid"])
    until(lambda: not alive(children[0].pid))
    until(
        lambda: (
            shared.service_status("pair")["rollout"] == "COMPLETED"
            and shared.service_status("pair")["tasks"][0]["id"] != before["id"]
        )
    )


def test_output_reaches_cloudwatch_logs(shared: Platform) -> None:
    logs_client = shared.aws.client("logs")
    logs_client.create_log_group(logGroupName="/matchday/test/shipped")
    options = {
        "awslogs-group": "/matchday/test/shipped",
        "awslogs-stream-prefix": "web",
        "awslogs-region": "ap-south-1",
    }
    shared.deploy("shipped", shared.web(logConfiguration={"logDriver": "awslogs", "options": options}))
    shared.converge()
    task = shared.service_status("shipped")["tasks"][0]
    stream = {"logGroupName": "/matchday/test/shipped", "logStreamName": f"web/web/{task['id']}"}
    messages = until(lambda: [event["message"] for event in logs_client.get_log_events(**stream)["events"]])
    assert "web is up" in messages
    assert (shared.config.state / "logs" / "shipped" / "web" / f"{task['id']}.log").read_text().startswith("web is up")


def test_missing_log_group_is_named(shared: Platform) -> None:
    options = {"awslogs-group": "/absent", "awslogs-stream-prefix": "web", "awslogs-region": "ap-south-1"}
    shared.deploy("groupless", shared.web(logConfiguration={"logDriver": "awslogs", "options": options}))
    assert "failed to create Cloudwatch log stream" in failure(shared, "groupless")
