"""The pack as the engine runs it: the Analyzer protocol by hand, and the real CLI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as wire
from pulumi.runtime.proto import analyzer_pb2_grpc

from localcloud.engine.find import ensure
from localcloud.engine.run import Result
from policies import exceptions, levels
from policies.audit.report import audit
from policies.audit.state import read
from policies.catalog import all_controls
from policies.model import Each, Related
from policies.pack.server import SELF, VERSION
from tests.engine.engines import PACK, Previews
from tests.policies.platform import platform
from tests.policies.test_state import export, row

pytestmark = pytest.mark.process

KEY = "aws:kms/key:Key"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def _urn(name: str, stack: str = "prod", chain: str = KEY) -> str:
    return f"urn:pulumi:{stack}::matchday::{chain}::{name}"


@contextmanager
def _pack(stack: str = "prod") -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack as a process of its own, started as a language host starts it."""
    environment = {**os.environ, "PULUMI_STACK": stack}
    process = subprocess.Popen(
        [sys.executable, "-u", str(PACK), "127.0.0.1:1"], cwd=PACK, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        assert process.wait(timeout=120) == 0


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    with _pack() as stub:
        yield stub


def _analyze(stub: Any, values: Mapping[str, Any], name: str = "data", stack: str = "prod") -> Any:
    return stub.Analyze(wire.AnalyzeRequest(type=KEY, name=name, urn=_urn(name, stack), properties=_struct(values)))


def test_every_control_is_announced_with_its_metadata(pack: Any) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    announced = {policy.name: policy for policy in info.policies}
    assert set(announced) == {SELF, *(control.id for control in all_controls())}
    for control in all_controls():
        policy = announced[control.id]
        assert policy.remediation_steps == control.remediation and policy.url == control.link
        assert policy.framework.name and policy.severity != wire.POLICY_SEVERITY_UNSPECIFIED
        early = isinstance(control.rule, Each) or (isinstance(control.rule, Related) and control.rule.alone)
        wanted = wire.POLICY_TYPE_RESOURCE if early else wire.POLICY_TYPE_STACK
        assert policy.policy_type == wanted


def test_the_version_is_the_projects(pack: Any) -> None:
    project = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())
    assert project["version"] == VERSION == pack.GetAnalyzerInfo(empty_pb2.Empty()).version


def test_a_broken_register_stops_the_pack_with_a_sentence(tmp_path: Path) -> None:
    copy = shutil.copytree(PACK, tmp_path / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "exceptions.yaml").write_text(
        "exceptions:\n- {control: KMS.4, resource: x, environments: [prod], owner: o}\n"
    )
    done = subprocess.run(
        [sys.executable, str(copy), "127.0.0.1:1"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "exceptions.0.reason (KMS.4): field required" in done.stderr


def test_a_resource_is_judged_before_it_is_created(pack: Any) -> None:
    found = {d.policyName: d for d in _analyze(pack, {"enableKeyRotation": False}).diagnostics}
    assert found["KMS.4"].message.endswith("enableKeyRotation is false: set it to true")
    assert found["KMS.4"].enforcementLevel == wire.MANDATORY
    assert found["KMS.4"].urn == _urn("data")
    response = _analyze(
        pack, {"keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "RSA_2048", "tags": {"Project": "m"}}
    )
    assert "KMS.4" in {item.policy_name for item in response.not_applicable}


def test_unknown_values_are_said_to_be_open_and_decided_when_they_are_known() -> None:
    with _pack() as stub:
        assert "KMS.4" not in {d.policyName for d in _analyze(stub, {"enableKeyRotation": UNKNOWN}).diagnostics}

        def judge(value: object) -> dict[str, str]:
            resource = wire.AnalyzerResource(
                type=KEY,
                name="data",
                urn=_urn("data"),
                properties=_struct({"enableKeyRotation": value, "tags": {"a": "b"}}),
            )
            answer = stub.AnalyzeStack(wire.AnalyzeStackRequest(resources=[resource]))
            return {
                d.policyName: d.message
                for d in answer.diagnostics
                if "cannot tell" in d.message or d.policyName != SELF
            }

        assert "KMS.4: data" in judge(UNKNOWN)[SELF]
        assert "enableKeyRotation is false" in judge(False)["KMS.4"]
        assert "KMS.4" not in judge(True)


def test_related_controls_follow_dependencies_that_the_engine_recorded(pack: Any) -> None:
    secret, rotation = "aws:secretsmanager/secret:Secret", "aws:secretsmanager/secretRotation:SecretRotation"
    made = wire.AnalyzerResource(
        type=secret, name="kek", urn=_urn("kek", chain=secret), properties=_struct({"id": UNKNOWN})
    )
    turns = wire.AnalyzerResource(
        type=rotation, name="turn", urn=_urn("turn", chain=rotation), properties=_struct({"secretId": UNKNOWN})
    )
    turns.propertyDependencies["secretId"].urns.append(made.urn)
    without = pack.AnalyzeStack(wire.AnalyzeStackRequest(resources=[made]))
    together = pack.AnalyzeStack(wire.AnalyzeStackRequest(resources=[made, turns]))
    assert "SecretsManager.1" in {d.policyName for d in without.diagnostics} or _excused(without)
    assert "SecretsManager.1" not in {d.policyName for d in together.diagnostics}


def _excused(response: Any) -> bool:
    """Whether the register covers it (then it is not among the unused exceptions)."""
    return not [d for d in response.diagnostics if d.policyName == SELF and "SecretsManager.1" in d.message]


def test_secrets_stay_out_of_messages(pack: Any) -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"}
    response = _analyze(pack, {"deletionWindowInDays": secret, "enableKeyRotation": secret})
    assert "hunter2" not in str(response)


def test_levels_come_from_the_environment_and_from_the_engine() -> None:
    with _pack("dev") as stub:
        found = {d.policyName: d for d in _analyze(stub, {"enableKeyRotation": False}, stack="dev").diagnostics}
        assert found["KMS.4"].enforcementLevel == wire.ADVISORY
        stub.Configure(
            wire.ConfigureAnalyzerRequest(policyConfig={"KMS.4": wire.PolicyConfig(enforcementLevel=wire.MANDATORY)})
        )
        found = {d.policyName: d for d in _analyze(stub, {"enableKeyRotation": False}, stack="dev").diagnostics}
        assert found["KMS.4"].enforcementLevel == wire.MANDATORY


def test_configuration_selects_controls() -> None:
    chosen = _struct({"frameworks": ["house"], "services": ["kms"]})
    with _pack() as stub:
        stub.Configure(wire.ConfigureAnalyzerRequest(policyConfig={SELF: wire.PolicyConfig(properties=chosen)}))
        found = {d.policyName for d in _analyze(stub, {"deletionWindowInDays": 7}).diagnostics}
        assert found == {"MD.KMS.1"}
        wrong = _struct({"frameworks": ["iso9001"]})
        with pytest.raises(grpc.RpcError, match="framework 'iso9001'"):
            stub.Configure(wire.ConfigureAnalyzerRequest(policyConfig={SELF: wire.PolicyConfig(properties=wrong)}))


def test_a_control_that_there_is_not_is_refused() -> None:
    with _pack() as stub:
        for name in ("KMS.44", "kms.4"):
            wrong = {name: wire.PolicyConfig(enforcementLevel=wire.ADVISORY)}
            with pytest.raises(grpc.RpcError, match=f"there is no control '{name}'"):
                stub.Configure(wire.ConfigureAnalyzerRequest(policyConfig=wrong))
        for wrong_choice in ({"controls": ["KMS.44"]}, {"services": ["kmss"]}):
            config = {SELF: wire.PolicyConfig(properties=_struct(wrong_choice))}
            with pytest.raises(grpc.RpcError, match="there is no"):
                stub.Configure(wire.ConfigureAnalyzerRequest(policyConfig=config))


def test_what_is_turned_off_is_said_at_the_end() -> None:
    with _pack() as stub:
        off = {"EC2.13": wire.PolicyConfig(enforcementLevel=wire.DISABLED)}
        off["EC2.18"] = wire.PolicyConfig(enforcementLevel=wire.ADVISORY)
        stub.Configure(wire.ConfigureAnalyzerRequest(policyConfig=off))
        said = [d.message for d in stub.AnalyzeStack(wire.AnalyzeStackRequest()).diagnostics if d.policyName == SELF]
        assert "1 controls disabled (set by whoever ran it): EC2.13" in said[0]
        assert "advisory in place of mandatory (set by whoever ran it): EC2.18" in said[0]


def test_a_group_that_is_open_by_itself_is_stopped_before_it_is_made_and_reported_once(pack: Any) -> None:
    kind = "aws:ec2/securityGroup:SecurityGroup"
    properties = {"ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]}
    request = wire.AnalyzeRequest(type=kind, name="open", urn=_urn("open", chain=kind), properties=_struct(properties))
    assert "EC2.13" in {d.policyName for d in pack.Analyze(request).diagnostics}
    made = wire.AnalyzerResource(type=kind, name="open", urn=_urn("open", chain=kind), properties=_struct(properties))
    again = pack.AnalyzeStack(wire.AnalyzeStackRequest(resources=[made]))
    assert "EC2.13" not in {d.policyName for d in again.diagnostics}


def _cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    cli = ensure(print).pulumi
    path = os.pathsep.join([str(cli.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "MATCHDAY_PYTHON": sys.executable, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return subprocess.run(
        [str(cli), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.engine
@pytest.mark.parametrize(("stack", "code", "level"), [("prod", 255, "mandatory"), ("dev", 0, "advisory")])
def test_the_cli_analyzes_a_state(stack: str, code: int, level: str, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    urn = _urn("data", stack)
    state.write_bytes(export(row(urn, inputs={"enableKeyRotation": False}, outputs={"enableKeyRotation": False})))
    done = _cli("policy", "analyze", "--file", str(state), "--policy-pack", str(PACK), "--json")
    found = [json.loads(line)["policyEvent"] for line in done.stdout.splitlines() if "policyEvent" in line]
    assert {event["policyName"]: event["enforcementLevel"] for event in found}["KMS.4"] == level
    assert (done.returncode == 0) == (code == 0), done.stderr


@pytest.mark.engine
def test_the_cli_narrows_the_pack_by_its_configuration(tmp_path: Path) -> None:
    state, config = tmp_path / "state.json", tmp_path / "config.json"
    state.write_bytes(export(row(_urn("data"), inputs={"enableKeyRotation": False, "deletionWindowInDays": 7})))
    config.write_text(json.dumps({SELF: {"frameworks": ["house"]}, "MD.KMS.1": "advisory", "MD.Tagging.1": "disabled"}))
    done = _cli(
        "policy",
        "analyze",
        "--file",
        str(state),
        "--policy-pack",
        str(PACK),
        "--policy-pack-config",
        str(config),
        "--json",
    )
    found = [json.loads(line)["policyEvent"] for line in done.stdout.splitlines() if "policyEvent" in line]
    assert {event["policyName"]: event["enforcementLevel"] for event in found if event["policyName"] != SELF} == {
        "MD.KMS.1": "advisory"
    }
    assert done.returncode == 0, done.stderr


@pytest.mark.engine
def test_the_engine_and_the_audit_judge_alike(tmp_path: Path) -> None:
    """One state, two ways: resource by resource through the protocol, and all at once from the file."""
    resources = platform("local").stack.resources
    state = tmp_path / "state.json"
    rows = [
        row(
            r.urn,
            id=r.id,
            parent=r.parent,
            inputs=r.values,
            outputs={**r.values, "id": r.id},
            custom=r.token.startswith("aws:"),
        )
        for r in resources
        if not r.token.startswith("random:")
    ]
    for entry in rows:
        if not entry["custom"]:
            del entry["id"]
    state.write_bytes(export(*rows))
    done = _cli("policy", "analyze", "--file", str(state), "--policy-pack", str(PACK), "--json")
    found = [json.loads(line)["policyEvent"] for line in done.stdout.splitlines() if "policyEvent" in line]
    by_engine = {
        (event["policyName"], event["resourceUrn"].rpartition("::")[2])
        for event in found
        if event["policyName"] != SELF
    }
    report = audit(
        read(state),
        source="state",
        levels=levels.load(),
        register=exceptions.load(),
        now=datetime.now(UTC),
        environment="local",
    )
    assert by_engine == {(answer.control.id, answer.name) for answer in report.violations}, done.stderr
    assert len(by_engine) > 10


def _said(result: Result) -> str:
    """What the pack said of itself in a run."""
    return "\n".join(violation.message for violation in result.violations if violation.policy == SELF)


@pytest.mark.engine
@pytest.mark.xdist_group("engine")
@pytest.mark.timeout(300)
def test_prods_preview_passes_the_pack(previews: Previews) -> None:
    """As CI runs it: any mandatory violation would fail the preview."""
    preview = previews("prod")
    assert preview.changes["create"] > 300
    assert not [violation for violation in preview.violations if violation.level == "mandatory"]
    assert "cannot tell yet" in _said(preview)
