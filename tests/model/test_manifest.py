"""The catalog: what a manifest may say, what each mistake is called, and how ALB patterns overlap."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from model.catalog import CatalogError, load_catalog
from model.limits import FARGATE_SIZES
from model.manifest import Process
from model.patterns import overlap
from model.vocabulary import ProcessKind, Tier

WEB = {"kind": "web", "command": ["python", "-m", "services.common.web"], "cpu": 256, "memory": 512}
SCHEDULER = {"kind": "scheduler", "command": ["python", "-m", "services.common.scheduler"], "cpu": 256, "memory": 512}

Write = Callable[..., Path]


def manifest(name: str, **changes: Any) -> dict[str, Any]:
    """A small manifest that is right, with `changes` at its top."""
    return {
        "name": name,
        "summary": "A service",
        "paths": [f"/{name}/*"],
        "datastores": ["postgres"],
        "processes": {"web": {**WEB, "scaling": {"minimum": 1, "maximum": 4, "cpu": 60}}},
        **changes,
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write manifests into a folder of services and return it."""

    def writer(*manifests: dict[str, Any] | str) -> Path:
        for number, each in enumerate(manifests):
            name = each["name"] if isinstance(each, dict) and isinstance(each.get("name"), str) else f"service{number}"
            (tmp_path / name).mkdir(exist_ok=True)
            text = each if isinstance(each, str) else yaml.safe_dump(each)
            (tmp_path / name / "service.yaml").write_text(text)
        return tmp_path

    return writer


def refusal(directory: Path) -> str:
    with pytest.raises(CatalogError) as caught:
        load_catalog(directory, "production")
    return str(caught.value)


@pytest.mark.slow
def test_the_repositorys_own_manifests_load_in_every_tier() -> None:
    for tier in Tier:
        catalog = load_catalog(Path(__file__).parents[2] / "services", tier)
        assert {"auth", "wallet"} <= set(catalog.services)
        assert catalog.services["wallet"].calls == ("auth",)
        kinds = {process.kind for service in catalog.services.values() for process in service.processes.values()}
        assert kinds == set(ProcessKind)


def test_what_is_left_out_has_the_documented_default(write: Write) -> None:
    service = load_catalog(write(manifest("wallet")), "laptop").services["wallet"]
    assert (service.port, service.drain_seconds, service.calls, service.slos) == (8080, 30, (), ())
    assert service.web is not None and service.web.scaling is not None and service.web.scaling.requests is None


def test_a_tier_overrides_only_what_it_names(write: Write) -> None:
    tiers = {"production": {"processes": {"web": {"cpu": 512, "memory": 1024, "scaling": {"minimum": 2}}}}}
    directory = write(manifest("wallet", tiers=tiers))
    production = load_catalog(directory, "production").services["wallet"].processes["web"]
    laptop = load_catalog(directory, "laptop").services["wallet"].processes["web"]
    assert (production.cpu, production.memory) == (512, 1024)
    assert production.scaling is not None and (production.scaling.minimum, production.scaling.maximum) == (2, 4)
    assert (laptop.cpu, laptop.memory) == (256, 512)
    assert production.command == laptop.command


def test_a_tier_can_replace_a_list_and_switch_scaling_off(write: Write) -> None:
    tiers = {"laptop": {"datastores": [], "processes": {"web": {"scaling": None}}}}
    service = load_catalog(write(manifest("wallet", tiers=tiers)), "laptop").services["wallet"]
    assert service.datastores == ()
    assert service.processes["web"].scaling is None


BAD = {
    "unknown key": ({"colour": "red"}, "wallet/service.yaml: colour: "),
    "unknown key deep down": ({"processes": {"web": {**WEB, "cpus": 1}}}, "processes.web.cpus: "),
    "missing datastore": ({"datastores": ["mongo"]}, r"datastores.0: 'mongo': .*'postgres', 'broker' or 'cache'"),
    "unknown egress": (
        {"egress": ["payment-providers"]},
        r"egress: .*there is no egress group 'payment-providers'; accepted: identity-providers, messaging, pan-",
    ),
    "log-in elsewhere": (
        {"login": {"path": "/auth/login", "username": "/email", "password": "/password"}},
        "login: '/auth/login' is no path of the service",
    ),
    "log-in that is no pointer": (
        {"login": {"path": "/wallet/login", "username": "email", "password": "/password"}},
        r"login\.username: 'email': accepted: a JSON pointer, such as /email",
    ),
    "replica of nothing": (
        {"datastores": [], "reads_replica": True},
        "reads_replica: the service has no postgres among",
    ),
    "unknown called service": ({"calls": ["nobody"]}, "wallet: calls: there is no service 'nobody'; accepted: wallet"),
    "a call to itself": ({"calls": ["wallet"]}, "calls: 'wallet' is the service itself"),
    "a path twice": ({"paths": ["/a", "/a"]}, "paths: '/a' is there twice"),
    "a path without a slash": ({"paths": ["wallet"]}, "paths.0: 'wallet'"),
    "paths and no web process": ({"processes": {"scheduler": SCHEDULER}}, "paths: there is no web process"),
    "two web processes": (
        {"processes": {"web": WEB, "admin": WEB}},
        "admin and web would both answer at http://wallet:8080",
    ),
    "a port for root": ({"port": 80}, "port: 80: .*1024"),
    "a port as text": ({"port": "8080"}, "port: '8080': "),
    "no Fargate cpu": ({"processes": {"web": {**WEB, "cpu": 300}}}, "processes.web: cpu 300 .*accepted: 256, 512"),
    "no Fargate memory": ({"processes": {"web": {**WEB, "memory": 700}}}, "memory 700 .*accepted: 512, 1024, 2048"),
    "a scheduler that scales": (
        {"paths": [], "processes": {"s": {**SCHEDULER, "scaling": {"minimum": 1, "maximum": 2, "cpu": 50}}}},
        "a scheduler is a singleton",
    ),
    "a worker with requests": (
        {
            "paths": [],
            "processes": {"w": {**WEB, "kind": "worker", "scaling": {"minimum": 1, "maximum": 2, "requests": 5}}},
        },
        "a worker has no requests to scale by",
    ),
    "too few connections": (
        {"processes": {"web": {**WEB, "connections": 3}}},
        "processes.web: connections 3: a web process needs at least 10",
    ),
    "bounds upside down": (
        {"processes": {"web": {**WEB, "scaling": {"minimum": 3, "maximum": 2, "cpu": 50}}}},
        "minimum 3 is above maximum 2",
    ),
    "nothing to scale by": (
        {"processes": {"web": {**WEB, "scaling": {"minimum": 1, "maximum": 2}}}},
        "nothing to scale by",
    ),
    "an init container's name": ({"processes": {"web": WEB, "migrate": SCHEDULER}}, "'migrate' is the name of an init"),
    "a secret that hides a variable": (
        {"secrets": [{"name": "DATABASE_PASSWORD", "length": 43}]},
        "'DATABASE_PASSWORD' would hide a variable",
    ),
    "a secret that hides a URL": (
        {"secrets": [{"name": "AUTH_URL", "length": 43}]},
        "'AUTH_URL' would hide a variable",
    ),
    "a short secret": ({"secrets": [{"name": "KEY", "length": 4}]}, "secrets.0.length: 4: "),
    "latency without a bound": ({"slos": [{"name": "latency", "objective": 99.0}]}, "needs milliseconds"),
    "availability with a bound": (
        {"slos": [{"name": "availability", "objective": 99.0, "milliseconds": 5}]},
        "takes no milliseconds",
    ),
    "an objective too low to watch": (
        {"slos": [{"name": "availability", "objective": 90}]},
        "slos.0.objective: 90.*95",
    ),
    "objectives nobody can watch": (
        {"paths": [], "slos": [{"name": "availability", "objective": 99.9}]},
        "slos: the load balancer sees no request of a service without paths",
    ),
    "an unknown tier": (
        {"tiers": {"staging": {}}},
        r"tiers.staging: no such tier; accepted: production, development, laptop",
    ),
    "a name in a tier": ({"tiers": {"laptop": {"name": "other"}}}, "tiers.laptop.name: a service has one name"),
    "a tier that is no mapping": ({"tiers": {"laptop": 3}}, "tiers.laptop: a mapping of overrides is expected, not 3"),
    "a mistake in another tier": (
        {"tiers": {"laptop": {"processes": {"web": {"memory": 700}}}}},
        r"memory 700 .*\(with the overrides of tier laptop\)",
    ),
    "drain too long": ({"drain_seconds": 200}, "drain_seconds: 200: .*120"),
    "too short to drain": ({"drain_seconds": 3}, "drain_seconds: 3: .*5"),
    "a rate limit of another's path": (
        {"rate_limits": {"/auth/login": 100}},
        r"rate_limits: '/auth/login' is no path of the service; accepted: what begins as /wallet/\*",
    ),
    "a rate limit without paths": (
        {"paths": [], "rate_limits": {"/wallet/x": 100}},
        "rate_limits: '/wallet/x' is no path of the service; accepted: what begins as none",
    ),
    "a rate limit with a wildcard": ({"rate_limits": {"/wallet/*": 100}}, r"rate_limits.*'/wallet/\*'"),
    "a rate limit that WAF cannot count": ({"rate_limits": {"/wallet/x": 9}}, "rate_limits./wallet/x: 9: .*10"),
    "a secret that hides the platform's variable": (
        {"secrets": [{"name": "TRUSTED_PROXIES", "length": 43}]},
        "'TRUSTED_PROXIES' would hide a variable",
    ),
    "a canary without its share": (
        {"processes": {"web": {**WEB, "deployment": {"strategy": "canary", "step_minutes": 5}}}},
        "deployment: canary needs percent; accepted with: canary, linear",
    ),
    "a share of a blue-green": (
        {"processes": {"web": {**WEB, "deployment": {"strategy": "blue-green", "percent": 5}}}},
        "deployment: blue-green takes no percent",
    ),
    "steps that ECS does not take": (
        {"processes": {"web": {**WEB, "deployment": {"strategy": "linear", "percent": 2, "step_minutes": 5}}}},
        "deployment: percent: 2: ECS takes steps of 3 to 50 percent",
    ),
    "an unknown strategy": (
        {"processes": {"web": {**WEB, "deployment": {"strategy": "red-black"}}}},
        "deployment.strategy: 'red-black': .*'rolling', 'blue-green', 'canary'",
    ),
    "a scheduler that would run twice": (
        {"processes": {"web": WEB, "tick": {**SCHEDULER, "deployment": {"strategy": "blue-green"}}}},
        "deployment: a scheduler never runs twice; accepted: rolling",
    ),
    "a worker in parts": (
        {
            "processes": {
                "web": WEB,
                "work": {
                    **SCHEDULER,
                    "kind": "worker",
                    "deployment": {"strategy": "canary", "percent": 5, "step_minutes": 5},
                },
            }
        },
        "deployment: a worker is sent no requests that could move in parts; accepted: rolling, blue-green",
    ),
    "two target groups and requests to scale by": (
        {
            "processes": {
                "web": {
                    **WEB,
                    "scaling": {"minimum": 1, "maximum": 2, "requests": 300},
                    "deployment": {"strategy": "blue-green"},
                }
            }
        },
        "blue-green has two target groups, and Auto Scaling counts the requests of one; accepted: scaling by cpu",
    ),
    "two rules to move requests at": (
        {
            "paths": ["/wallet/*", "/purse/*"],
            "processes": {"web": {**WEB, "deployment": {"strategy": "blue-green"}}},
        },
        "ECS moves requests at one rule of the load balancer, and 2 paths may be several; accepted: one path",
    ),
    "a web process that counts messages": (
        {"processes": {"web": {**WEB, "scaling": {"minimum": 1, "maximum": 2, "backlog": 300}}}},
        "a web works no outbox off; only a worker has a backlog",
    ),
    "no process": ({"processes": {}, "paths": []}, "processes: "),
    "no summary": ({"summary": ""}, "summary: ''"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_each_mistake_is_one_sentence_with_file_and_key(write: Write, changes: dict[str, Any], message: str) -> None:
    text = refusal(write(manifest("wallet", **changes)))
    assert re.search(message, text), text
    assert "\n" not in text
    assert "wallet/service.yaml" in text or "wallet: calls" in text


def test_a_rate_limit_reaches_no_other_services_paths(write: Write) -> None:
    directory = write(
        manifest("one", paths=["/pay"], rate_limits={"/pay": 100}), manifest("two", paths=["/pay-later/*"])
    )
    assert "one: rate_limits: '/pay' would hold for '/pay-later/*' of the service 'two' too" in refusal(directory)


def test_larger_bodies_are_for_the_services_own_paths(write: Write) -> None:
    two = manifest("two", paths=["/pay-later/*"])
    directory = write(manifest("one", paths=["/pay"], large_bodies=["/pay"]), two)
    assert "one: large_bodies: '/pay' would hold for '/pay-later/*' of the service 'two' too" in refusal(directory)
    directory = write(manifest("one", paths=["/pay"], large_bodies=["/kyc"]), two)
    assert "large_bodies: '/kyc' is no path of the service; accepted: what begins as /pay" in refusal(directory)


def test_a_tier_can_change_one_rate_limit(write: Write) -> None:
    limits = {"/wallet/a": 100, "/wallet/b": 200}
    tiers = {"laptop": {"rate_limits": {"/wallet/b": 2000}}}
    service = load_catalog(write(manifest("wallet", rate_limits=limits, tiers=tiers)), "laptop").services["wallet"]
    assert service.rate_limits == {"/wallet/a": 100, "/wallet/b": 2000}


def test_a_missing_key_is_named(write: Write) -> None:
    document = manifest("wallet")
    del document["summary"]
    assert re.search(r"wallet/service.yaml: summary: .*required", refusal(write(document)))


def test_the_name_is_the_folders(write: Write) -> None:
    directory = write(manifest("wallet"))
    (directory / "wallet").rename(directory / "purse")
    assert "name: 'wallet' is not the name of its folder, 'purse'" in refusal(directory)


def test_the_platforms_own_names_are_refused(write: Write) -> None:
    assert "'postgres' is a name of the platform's own" in refusal(write(manifest("postgres")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "not readable as YAML"),
        ("- a\n- b\n", "a mapping is expected at the top, not list"),
        ("name: a\nname: b\n", "key 'name' is there twice"),
        ("", "a mapping is expected at the top, not NoneType"),
    ],
)
def test_a_file_that_is_no_manifest(write: Write, text: str, message: str) -> None:
    refused = refusal(write(text))
    assert message in refused
    assert "\n" not in refused


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "holds no <service>/service.yaml" in refusal(tmp_path)


def test_an_unknown_tier(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="tier 'staging' is unknown; accepted: production"):
        load_catalog(tmp_path, "staging")


@pytest.mark.parametrize("path", ["/auth/*", "/auth/login", "/auth/?*", "/*"])
def test_a_path_belongs_to_one_service(write: Write, path: str) -> None:
    text = refusal(write(manifest("auth"), manifest("wallet", paths=["/wallet/*", path])))
    assert f"wallet: paths: {path!r} takes requests that '/auth/*' of the service 'auth' takes" in text


def test_two_services_may_listen_on_one_port_number(write: Write) -> None:
    """Each task has an address of its own; only a second web process of one service would share name and port."""
    catalog = load_catalog(write(manifest("auth", port=9000), manifest("wallet", port=9000)), "laptop")
    assert {service.port for service in catalog.services.values()} == {9000}


def test_who_is_called_must_answer(write: Write) -> None:
    clock = manifest("clock", paths=[], processes={"scheduler": SCHEDULER})
    assert "wallet: calls: 'clock' has no web process" in refusal(write(clock, manifest("wallet", calls=["clock"])))


def test_a_service_comes_after_those_that_it_calls(write: Write) -> None:
    a, b, c = manifest("a1", calls=["b1", "c1"]), manifest("b1", calls=["c1"]), manifest("c1")
    order = [service.name for service in load_catalog(write(a, b, c), "laptop").deployment_order]
    assert order == ["c1", "b1", "a1"]


def test_calls_in_a_circle_are_refused(write: Write) -> None:
    circle = manifest("a1", calls=["b1"]), manifest("b1", calls=["c1"]), manifest("c1", calls=["a1"])
    text = refusal(write(*circle))
    assert re.search(r"calls: (\w1 → ){3}\w1 is a circle", text), text


LETTERS = "ab"
patterns = st.text(alphabet="ab*?", max_size=5)


def matches(pattern: str, text: str) -> bool:
    """ALB matching by a regular expression: an independent reading of the documentation."""
    return re.fullmatch("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), text) is not None


#: Long enough: two patterns of five characters that overlap do so on a text of at most ten.
TEXTS = ["".join(letters) for size in range(9) for letters in itertools.product(LETTERS, repeat=size)]


@given(patterns, patterns)
def test_overlap_is_what_trying_every_text_says(one: str, other: str) -> None:
    assert overlap(one, other) == any(matches(one, text) and matches(other, text) for text in TEXTS)


@given(st.text(alphabet="ab/*?", max_size=30), st.text(alphabet="ab/*?", max_size=30))
def test_overlap_does_not_depend_on_the_order(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)


def test_overlap_of_long_patterns_is_quick() -> None:
    assert not overlap("/" + "*a" * 60, "/" + "*a" * 60 + "b")


@given(st.sampled_from(sorted(FARGATE_SIZES)), st.integers(min_value=0, max_value=130_000))
def test_exactly_fargates_sizes_are_taken(cpu: int, memory: int) -> None:
    document = {**copy.deepcopy(WEB), "cpu": cpu, "memory": memory}
    if memory in FARGATE_SIZES[cpu]:
        assert Process.model_validate(document).memory == memory
    else:
        with pytest.raises(ValueError, match=rf"memory {memory} does not go with cpu {cpu}"):
            Process.model_validate(document)


def test_fargates_sizes_have_between_two_and_eight_gib_per_vcpu_above_the_smallest() -> None:
    for cpu, sizes in FARGATE_SIZES.items():
        vcpus = cpu / 1024
        assert sizes[0] == 2048 * vcpus
        assert sizes[-1] / 1024 <= 8 * vcpus
