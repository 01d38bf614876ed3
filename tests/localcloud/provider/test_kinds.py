"""Every row, over a real emulator: create, read, self-diff, update, drift, delete, gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from localcloud.provider.core import Core
from localcloud.provider.errors import Gone, Refused
from localcloud.provider.kept import KeptProperties
from localcloud.provider.read import Settings
from localcloud.provider.rows import ROWS
from localcloud.runtime.addresses import AddressBook
from tests.localcloud.provider.graph import CASES, Case
from tests.localcloud.provider.mutations import others
from tests.tables import every_row

#: Properties at least that are changed by hand below, by how many of each kind: fewer would be a test that has lost its cases.
SEEN = {1: 58, 99: 125}


@dataclass
class Made:
    """The graph as far as it was built: by name, (id, inputs, outputs)."""

    core: Core
    settings: Settings
    resources: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    updated: set[str] = field(default_factory=set)

    def resolve(self, value: Any) -> Any:
        if isinstance(value, dict) and set(value) == {"ref"}:
            name, output = value["ref"].split(".")
            resource_id, _, outputs = self.make(name)
            return resource_id if output == "id" else outputs[output]
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        return [self.resolve(item) for item in value] if isinstance(value, list) else value

    def check(self, case: Case, inputs: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
        checked, failures = self.core.check(self.settings, case.token, "graph", inputs, olds, b"seed")
        assert failures == []
        return checked

    def make(self, name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        if name not in self.resources:
            case = CASES[name]
            said = self.resolve(case.inputs)
            said.pop("needs", None)  # only an order
            inputs = self.check(case, said, {})
            resource_id, outputs = self.core.create(self.settings, case.token, inputs)
            self.resources[name] = resource_id, inputs, outputs
        return self.resources[name]

    def update(self, name: str) -> None:
        """Make it and change what the case says, once: in place, and nothing else."""
        case = CASES[name]
        resource_id, olds, outputs = self.make(name)
        if name in self.updated or not case.update:
            return
        self.updated.add(name)
        changes = self.resolve(case.update)
        news = {key: value for key, value in {**olds, **changes}.items() if value is not None}
        news = self.check(case, news, olds)
        difference = self.core.diff(case.token, olds, news)
        assert set(difference.changed) == set(changes) and difference.replaces == []
        self.core.update(self.settings, case.token, resource_id, olds, news, outputs)
        outputs = self.core.read(self.settings, case.token, resource_id, news, outputs)[1]
        self.resources[name] = resource_id, news, outputs

    def read(self, name: str) -> dict[str, Any]:
        resource_id, inputs, outputs = self.resources[name]
        live, _ = self.core.read(self.settings, CASES[name].token, resource_id, inputs, outputs)
        return live


@pytest.fixture(scope="module")
def made(core: Core, settings: Settings) -> Iterator[Made]:
    yield Made(core, settings)


def test_the_graph_has_every_kind() -> None:
    # A listener certificate needs an HTTPS listener with a certificate of its own: it has a test below.
    own = {token for token, row in ROWS.items() if not row.neighbour}
    assert {case.token for case in CASES.values()} == own - {"aws:lb/listenerCertificate:ListenerCertificate"}


@every_row("name", CASES.keys())
def test_created_and_read_back_without_a_difference(made: Made, name: str) -> None:
    case = CASES[name]
    resource_id, inputs, outputs = made.make(name)
    live = made.read(name)
    assert live == inputs
    assert made.core.diff(case.token, inputs, live).changed == []
    assert made.core.check(made.settings, case.token, "graph", inputs, inputs)[0] == inputs
    assert resource_id and all(value is not None for value in outputs.values())
    kept = made.core.store.kept(case.token, resource_id)
    row = ROWS[case.token]
    assert row.recorded or set(kept) <= row.kept | ({"tags"} if row.tagging is None else set())


@every_row("name", [name for name, case in CASES.items() if case.update])
def test_updated_in_place(made: Made, name: str) -> None:
    made.update(name)
    assert made.read(name) == made.resources[name][1]


@every_row("name", [name for name, case in CASES.items() if case.drift])
def test_drift_is_seen_and_repaired(made: Made, aws: Any, name: str) -> None:
    case = CASES[name]
    made.update(name)
    resource_id, inputs, outputs = made.resources[name]
    assert case.drift is not None
    case.drift(aws, resource_id, inputs)
    live = made.read(name)
    assert case.drifted in made.core.diff(case.token, live, inputs).changed
    made.core.update(made.settings, case.token, resource_id, live, inputs, outputs)
    assert made.read(name) == inputs


#: Kind and property → why a change of it behind the engine's back is not looked for.
_NOT_CHANGED = {
    (
        "aws:rds/instance:Instance",
        "identifier",
    ): "a database that was renamed is another one to whoever asks by its name",
    ("aws:iam/user:User", "name"): "a user that was renamed is another one to whoever asks by its name",
    ("aws:rds/instance:Instance", "replicateSourceDb"): "a promotion is no modification",
    ("aws:rds/instance:Instance", "allocatedStorage"): "storage never shrinks, so it cannot be mended",
    ("aws:secretsmanager/secretVersion:SecretVersion", "secretString"): "another value is another version",
}


def _changes(made: Made, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each property that the emulator holds and AWS changes in place, with inputs in which it is another."""
    case, row = CASES[name], ROWS[CASES[name].token]
    _, inputs, _ = made.resources[name]
    for prop in sorted(inputs):
        how = row.props.get(prop)
        lost = row.recorded or prop in row.kept or (how is not None and (how.virtual or how.unread or how.identity))
        if lost or (case.token, prop) in _NOT_CHANGED:
            continue
        for value in others(inputs[prop]):
            news, failures = made.core.check(
                made.settings, case.token, "graph", {**inputs, prop: value}, inputs, b"seed"
            )
            difference = made.core.diff(case.token, inputs, news) if not failures else None
            if difference and difference.changed == [prop] and not difference.replaces:
                yield prop, news


@pytest.mark.parametrize(
    ("each", "least"), [(1, SEEN[1]), pytest.param(99, SEEN[99], marks=pytest.mark.nightly)], ids=["one", "all"]
)
def test_what_is_changed_behind_the_engine_s_back_is_seen_and_repaired(
    made: Made, tmp_path: Path, each: int, least: int
) -> None:
    """By calls of AWS's API that a provider of another store makes, which therefore knows nothing and tells ours nothing.

    `each`: so many properties of each case, so that the daily run takes seconds.
    """
    core = made.core
    stranger = Core(ROWS, core.schema, core.clients, KeptProperties(tmp_path), AddressBook(tmp_path), "127.0.0.1:8080")
    seen: set[tuple[str, str]] = set()
    for name, case in CASES.items():
        made.make(name)
        for prop, news in _changes(made, name):
            resource_id, inputs, outputs = made.resources[name]
            try:
                stranger.update(made.settings, case.token, resource_id, inputs, news, outputs)
            except (Refused, ClientError):
                continue  # AWS refuses it to a stranger, too: a group, subnet or key that does not exist
            live = made.read(name)
            assert prop in core.diff(case.token, live, inputs).changed, f"{name}: {prop} is {news[prop]!r} by hand"
            core.update(made.settings, case.token, resource_id, live, inputs, outputs)
            assert made.read(name) == inputs, f"{name}: {prop}"
            seen.add((case.token, prop))
            if len({one for token, one in seen if token == case.token}) >= each:
                break
    assert len(seen) >= least, f"{len(seen)} properties of {len({token for token, _ in seen})} kinds"


def test_the_whole_graph_fits_into_a_snapshot(made: Made, endpoint: str) -> None:
    for name in CASES:
        made.make(name)
    answer = httpx.post(f"{endpoint}/_matchday/snapshot", timeout=60)
    assert answer.status_code == 200, answer.text


def test_everything_goes_and_is_gone(made: Made) -> None:
    for name in CASES:
        made.make(name)
    for name, (resource_id, inputs, outputs) in reversed(list(made.resources.items())):
        made.core.delete(made.settings, CASES[name].token, resource_id, inputs, outputs)
        made.core.delete(made.settings, CASES[name].token, resource_id, inputs, outputs)  # gone already is fine
    stays = {"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "aws:secretsmanager/secretVersion:SecretVersion"}
    for name, (resource_id, inputs, outputs) in made.resources.items():
        if CASES[name].token not in stays | {"aws:sns/topicPolicy:TopicPolicy"}:
            with pytest.raises(Gone):
                made.core.read(made.settings, CASES[name].token, resource_id, inputs, outputs)


def test_a_further_certificate_on_an_https_listener(core: Core, settings: Settings, aws: Any) -> None:
    first, second = (aws("acm").request_certificate(DomainName=name)["CertificateArn"] for name in ("a.test", "b.test"))
    vpc, _ = core.create(settings, "aws:ec2/vpc:Vpc", {"cidrBlock": "10.30.0.0/16"})
    subnets = [
        core.create(
            settings,
            "aws:ec2/subnet:Subnet",
            {"vpcId": vpc, "cidrBlock": f"10.30.{i}.0/24", "availabilityZone": f"ap-south-1{zone}"},
        )[0]
        for i, zone in enumerate("ab")
    ]
    balancer, _ = core.create(settings, "aws:lb/loadBalancer:LoadBalancer", {"name": "tls", "subnets": subnets})
    action = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
    said = {"loadBalancerArn": balancer, "port": 443, "protocol": "HTTPS", "defaultActions": [action]}
    _, failures = core.check(settings, "aws:lb/listener:Listener", "x", said, {})
    assert failures == [("certificateArn", "an HTTPS listener needs a certificate")]
    inputs, failures = core.check(settings, "aws:lb/listener:Listener", "x", {**said, "certificateArn": first}, {})
    assert failures == []
    listener, _ = core.create(settings, "aws:lb/listener:Listener", inputs)
    assert core.read(settings, "aws:lb/listener:Listener", listener, inputs)[0] == inputs
    token = "aws:lb/listenerCertificate:ListenerCertificate"
    further = {"listenerArn": listener, "certificateArn": second}
    resource_id, outputs = core.create(settings, token, further)
    assert core.read(settings, token, resource_id, further)[0] == further
    core.delete(settings, token, resource_id, further, outputs)
    with pytest.raises(Gone):
        core.read(settings, token, resource_id, further)
