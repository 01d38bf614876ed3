"""Settings: what each tier starts from, what a file may change, and what each mistake is called."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from environments.settings import KEY, EnvironmentSettings, Logs, load
from environments.source import DIRECTORY, REGION_KEY, SettingsError
from environments.tiers import TIERS
from localcloud.runtime.addresses import PARTNERS
from model.limits import LOG_RETENTION_DAYS
from model.merge import merge
from model.vocabulary import Tier

DIGEST = "sha256:" + "0a1b2c3d" * 8
IMAGE = {"digest": DIGEST}
EDGE = {
    "domain": "dev.matchday.example",
    "certificate_arn": "arn:aws:acm:ap-south-1:111122223333:certificate/a",
    "cdn_certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/b",
}


def configuration(stack: str) -> dict[str, str]:
    """A stack's file as the language host hands it over: objects as JSON."""
    config = yaml.safe_load((DIRECTORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def settings(**document: Any) -> EnvironmentSettings:
    """Settings of the stack `dev` from `document`, which stands in for its file's."""
    return load("dev", {REGION_KEY: "ap-south-1", KEY: json.dumps(document)})


def refusal(**document: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**document)
    return str(caught.value)


@pytest.mark.parametrize(
    ("stack", "tier"), [("local", Tier.LAPTOP), ("dev", Tier.DEVELOPMENT), ("prod", Tier.PRODUCTION)]
)
def test_every_environment_of_the_repository_loads(stack: str, tier: Tier) -> None:
    loaded = load(stack, configuration(stack))
    assert (loaded.stack, loaded.tier, loaded.region) == (stack, tier, "ap-south-1")


def test_the_test_of_the_environments_names_all_of_them() -> None:
    assert {path.name for path in DIRECTORY.glob("Pulumi.*.yaml")} == {
        f"Pulumi.{s}.yaml" for s in ("local", "dev", "prod", "account", "recovery")
    }


def test_production_and_development_differ_where_they_must() -> None:
    dev, prod = (load(stack, configuration(stack)) for stack in ("dev", "prod"))
    assert (dev.network.nat, prod.network.nat) == ("single", "per-zone")
    assert (len(dev.availability_zones), len(prod.availability_zones)) == (2, 3)
    assert (dev.highly_available, prod.highly_available) == (False, True)
    assert (dev.protected, prod.protected) == (False, True)
    assert (dev.postgres.replicas, prod.postgres.replicas) == (0, 0)
    assert dev.postgres.backup_days < prod.postgres.backup_days
    assert dev.logs.retention_days < prod.logs.retention_days
    assert (dev.network.interface_endpoints, prod.network.interface_endpoints) == (False, True)
    assert dev.compute.spot_percent > prod.compute.spot_percent == 0
    assert prod.alarms.page and not dev.alarms.page
    assert dev.network.cidr != prod.network.cidr


def test_production_relaxes_nothing_and_a_laptop_says_why_it_does() -> None:
    assert load("prod", configuration("prod")).relaxed == {}
    assert set(load("local", configuration("local")).relaxed) == {
        "tls_inside",
        "https",
        "deletion_protection",
        "high_availability",
    }


def test_a_file_changes_only_what_it_names() -> None:
    changed = settings(tier="development", image=IMAGE, edge=EDGE, postgres={"storage_gb": 50})
    plain = settings(tier="development", image=IMAGE, edge=EDGE)
    assert changed.postgres.storage_gb == 50
    assert changed.model_copy(update={"postgres": plain.postgres}) == plain


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings(tier="laptop").region = "eu-west-1"  # type: ignore[misc]


def test_a_laptops_partners_are_names_that_the_local_cloud_resolves() -> None:
    """Else a service finds no address, and only the whole platform would show it."""
    hosts = {urlsplit(url).hostname for url in load("local", configuration("local")).endpoints.values()}
    assert hosts == set(PARTNERS)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"colour": 1}, r"matchday:environment\.colour: no such key; accepted: tier, network, postgres"),
    "unknown key deep down": (
        {"postgres": {"replica": 1}},
        r"matchday:environment\.postgres\.replica: no such key; accepted: instance_class, ",
    ),
    "number as text": ({"postgres": {"replicas": "1"}}, r"\.postgres\.replicas: '1': .*integer"),
    "too many": ({"postgres": {"replicas": 9}}, r"\.postgres\.replicas: 9: at most 5 is accepted"),
    "not a choice": (
        {"network": {"nat": "many"}},
        r"\.network\.nat: 'many': .*'none', 'single', 'per-zone' or 'regional'",
    ),
    "not a section": ({"network": 3}, r"\.network: 3: "),
    "not a class": ({"postgres": {"instance_class": "large"}}, r"\.instance_class: 'large': .*db"),
    "public addresses": (
        {"network": {"cidr": "8.8.0.0/16"}},
        r"\.cidr: '8.8.0.0/16': a private IPv4 block from /16 to /20",
    ),
    "host bits": (
        {"network": {"cidr": "10.20.1.0/16"}},
        r"\.cidr: '10.20.1.0/16': bits are .*did you mean 10.20.0.0/16\?",
    ),
    "too small for a load balancer": ({"network": {"cidr": "10.20.0.0/23"}}, r"\.cidr: '10.20.0.0/23': .*not /23"),
    "no addresses": ({"network": {"cidr": "ten"}}, r"\.cidr: 'ten': a private IPv4 block"),
    "one zone": ({"network": {"zones": ["a"]}}, r"\.zones: \['a'\]: at least 2 items are accepted, not 1"),
    "a zone twice": ({"network": {"zones": ["a", "a"]}}, r"\.network: zones: a letter is there twice"),
    "a zone that is none": ({"network": {"zones": ["a", "z"]}}, r"\.zones\.1: 'z': .*'a', 'b'"),
    "no way out": ({"network": {"nat": "none"}}, r"\.network: nat none needs interface_endpoints true"),
    "a partner's URL with a path": (
        {"endpoints": {"CASHFREE_URL": "http://127.0.0.1:8090/"}},
        r"\.endpoints\.CASHFREE_URL: 'http://127.0.0.1:8090/': accepted: http:// or https:// and a host, no path",
    ),
    "storage shrinks": (
        {"postgres": {"storage_gb": 90, "max_storage_gb": 80}},
        r"max_storage_gb 80 must be above storage_gb 90",
    ),
    "replica of nothing": ({"postgres": {"replicas": 1, "backup_days": 0}}, r"replicas need backup_days of at least 1"),
    "retention": ({"logs": {"retention_days": 8}}, r"\.retention_days: 8: CloudWatch Logs accepts 1, 3, 5, 7"),
    "log level": ({"compute": {"log_level": "LOUD"}}, r"\.log_level: 'LOUD': .*'DEBUG', 'INFO'"),
    "spot": ({"compute": {"spot_percent": 101}}, r"\.spot_percent: 101: .*100"),
    "half a domain": (
        {"edge": {"domain": "a.example"}},
        r"\.edge: domain: 'a\.example' has no zone; accepted: zone_id",
    ),
    "CDN certificate elsewhere": (
        {"edge": {**EDGE, "cdn_certificate_arn": EDGE["certificate_arn"]}},
        r"CloudFront takes certificates of us-east-1 only",
    ),
    "no certificate ARN": ({"edge": {**EDGE, "certificate_arn": "mine"}}, r"\.certificate_arn: 'mine': "),
    "mail": ({"alarms": {"page": ["nobody"]}}, r"\.alarms\.page\.0: 'nobody': "),
    "HTTPS and plain HTTP": ({"edge": EDGE}, r"edge\.domain: give it with its certificates, or the reason"),
    "relaxed unknown": ({"relaxed": {"encryption": "because it is easier"}}, r"\.relaxed\.encryption: .*'tls_inside'"),
    "relaxed without reason": ({"relaxed": {"https": "no"}}, r"\.relaxed\.https: 'no': .*15"),
    "image tag": ({"image": {"tag": "a b"}}, r"\.image\.tag: 'a b': "),
    "no digest": (
        {"image": {"digest": "sha256:abc"}},
        r"\.image\.digest: 'sha256:abc': accepted: sha256: and 64 hexadecimal digits",
    ),
    "digest and tag": (
        {"image": {"digest": DIGEST, "tag": "1.2.3"}},
        r"\.image: digest and tag: both are given; accepted",
    ),
    "PostgreSQL that is none": (
        {"postgres": {"engine_version": "9"}},
        r"\.engine_version: '9': accepted: a major version",
    ),
    "upgrade": ({"postgres": {"upgrade": "soon"}}, r"\.upgrade: 'soon': .*'none', 'in-place' or 'blue-green'"),
    "region in the wrong place": ({"region": "eu-west-1"}, r"\.region: no such key; the Region is aws:region"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_each_mistake_is_one_sentence_with_file_key_and_value(changes: dict[str, Any], message: str) -> None:
    text = refusal(tier="laptop", **changes)
    assert text.startswith("environments/Pulumi.dev.yaml: matchday:environment")
    assert re.search(message, text), text
    assert "\n" not in text


FINAL = {"start": "2026-12-06T19:30:00+05:30", "end": "2026-12-06T23:30:00+05:30", "peak": {"wallet": 500}}


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (
            {
                "final": FINAL,
                "rest-of-it": {**FINAL, "start": "2026-12-06T23:00:00+05:30", "end": "2026-12-07T01:00:00+05:30"},
            },
            r"events: 'rest-of-it' begins at 2026-12-06T23:00:00\+05:30, before 'final' ends at 2026-12-06T23:30:00\+05:30",
        ),
        ({"final": {**FINAL, "end": FINAL["start"]}}, r"\.events\.final: end: .* is not after the start"),
        ({"final": {**FINAL, "start": "2026-12-06T19:30:00"}}, r"\.events\.final\.start: .*timezone"),
        ({"final": {**FINAL, "start": "soon"}}, r"\.events\.final\.start: 'soon': "),
        ({"final": {**FINAL, "peak": {}}}, r"\.events\.final\.peak: "),
        ({"final": {**FINAL, "peak": {"wallet": 0}}}, r"\.events\.final\.peak\.wallet: 0: at least 1"),
        ({"The Final": FINAL}, r"\.events\.The Final: .*1 to 30 lower-case letters"),
    ],
)
def test_events_come_one_after_the_other(events: dict[str, Any], message: str) -> None:
    text = refusal(tier="laptop", events=events)
    assert re.search(message, text), text
    after = {**FINAL, "start": FINAL["end"], "end": "2026-12-07T01:00:00+05:30"}
    assert set(settings(tier="laptop", events={"final": FINAL, "after": after}).events) == {"final", "after"}


@pytest.mark.parametrize("tag", ["current", "latest", "main", "prod", "v2", "release-candidate", "abc"])
def test_outside_of_a_laptop_an_image_is_one_build(tag: str) -> None:
    assert not settings(tier="laptop", image={"tag": tag}).image.pinned
    for tier in ("development", "production"):
        text = refusal(tier=tier, edge=EDGE, image={"tag": tag})
        assert (
            f"image.tag: {tag!r} may name another image tomorrow; accepted: image.digest, or a tag of one build" in text
        )


@pytest.mark.parametrize(
    ("image", "suffix"),
    [
        ({"digest": DIGEST}, f"@{DIGEST}"),
        ({"tag": "3fa9c1d"}, ":3fa9c1d"),
        ({"tag": "1.4.2"}, ":1.4.2"),
        ({"tag": "v2026.11.26-1"}, ":v2026.11.26-1"),
    ],
)
def test_a_digest_or_a_tag_of_one_build_is_taken(image: dict[str, str], suffix: str) -> None:
    loaded = settings(tier="development", edge=EDGE, image=image)
    assert (loaded.image.pinned, loaded.image.suffix()) == (True, suffix)


def test_another_target_has_a_digest_or_a_tag_of_its_own() -> None:
    other = "sha256:" + "ab" * 32
    pinned = settings(tier="development", edge=EDGE, image={"digest": DIGEST, "targets": {"kyc": other}})
    tagged = settings(tier="development", edge=EDGE, image={"tag": "1.4.2"})
    assert (pinned.image.suffix("kyc"), tagged.image.suffix("kyc")) == (f"@{other}", ":1.4.2-kyc")


@pytest.mark.parametrize("tier", ["development", "production"])
def test_an_environment_in_aws_says_which_image_it_runs(tier: str) -> None:
    assert "image: digest and tag: neither is given; accepted: one, digest: sha256:" in refusal(tier=tier, edge=EDGE)


def test_production_takes_no_relaxation() -> None:
    relaxed = {"high_availability": "we would like to save the money"}
    assert "nothing may be relaxed in the tier production" in refusal(tier="production", edge=EDGE, relaxed=relaxed)


def test_production_says_so_before_it_says_anything_of_the_reason() -> None:
    text = refusal(tier="production", edge=EDGE, relaxed={"high_availability": "no"})
    assert text.endswith("matchday:environment.relaxed: nothing may be relaxed in the tier production")


def test_every_mistake_comes_at_once() -> None:
    text = refusal(tier="laptop", postgres={"replicas": 9, "replica": 1}, network={"cidr": "ten"})
    assert [line.split("matchday:environment.")[1].split(":")[0] for line in text.splitlines()] == [
        "network.cidr",
        "postgres.replicas",
        "postgres.replica",
    ]


def test_a_mistake_that_the_file_itself_makes_has_its_line(tmp_path: Path) -> None:
    directory = tmp_path / "environments"
    directory.mkdir()
    file = directory / "Pulumi.dev.yaml"
    file.write_text(
        "config:\n  aws:region: ap-south-1\n  matchday:environment:\n    tier: laptop\n    postgres:\n      replicas: 9\n"
    )
    config = {REGION_KEY: "ap-south-1", KEY: json.dumps({"tier": "laptop", "postgres": {"replicas": 9}})}
    with pytest.raises(SettingsError, match=r"replicas: 9: at most 5 is accepted \(line 6\)"):
        load("dev", config, directory)
    config[KEY] = json.dumps({"tier": "laptop", "postgres": {"replicas": 8}})  # from elsewhere: no line
    with pytest.raises(SettingsError, match=r"replicas: 8: at most 5 is accepted$"):
        load("dev", config, directory)


def test_high_availability_needs_replicas() -> None:
    text = refusal(tier="production", image=IMAGE, edge=EDGE, broker={"replicas": 0})
    assert "broker.replicas: 0: at least 1 is accepted, or a reason in relaxed.high_availability" in text


@pytest.mark.parametrize("tier", [None, "huge", 3, ["laptop"]])
def test_the_tier_must_be_one(tier: Any) -> None:
    assert f"tier: {tier!r} is no tier; accepted: production, development, laptop" in refusal(tier=tier)


def test_an_unknown_stack_is_told_which_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no environment 'staging': .*accepted: account, dev, local, prod"):
        load("staging", {})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({REGION_KEY: "ap-south-1"}, "matchday:environment is missing"),
        ({KEY: "{}"}, "aws:region is missing"),
        ({REGION_KEY: "mars", KEY: '{"tier": "laptop"}'}, "aws:region: 'mars': "),
        ({REGION_KEY: "ap-south-1", KEY: "{}", "matchday:enviroment": "x"}, "matchday:enviroment: no such key"),
        ({REGION_KEY: "ap-south-1", KEY: "hello"}, "matchday:environment: 'hello': a mapping is accepted"),
        ({REGION_KEY: "ap-south-1", KEY: "[1]"}, r"matchday:environment: \[1\]: a mapping is accepted"),
    ],
)
def test_keys_above_the_settings(config: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load("dev", config)


def test_keys_of_others_are_none_of_ours() -> None:
    assert load("local", {**configuration("local"), "aws:profile": "platform", "random:x": "1"}).tier is Tier.LAPTOP


@given(st.integers(min_value=-5, max_value=4000))
def test_exactly_cloudwatchs_retentions_are_taken(days: int) -> None:
    if days in LOG_RETENTION_DAYS:
        assert Logs(retention_days=days).retention_days == days
    else:
        with pytest.raises(ValueError, match="CloudWatch Logs accepts"):
            Logs(retention_days=days)


trees = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(mappings, mappings)
def test_merging_keeps_what_the_changes_say_and_what_they_do_not_name(
    base: dict[str, Any], changes: dict[str, Any]
) -> None:
    merged = merge(base, changes)
    assert set(merged) == {*base, *changes}
    assert merge(merged, changes) == merged
    for key in set(base) - set(changes):
        assert merged[key] == base[key]


@pytest.mark.slow
@given(
    st.sampled_from(sorted(TIERS)),
    st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=5), max_size=3),
)
def test_any_document_either_loads_or_is_refused_in_one_line(tier: str, document: dict[str, Any]) -> None:
    try:
        settings(**{**document, "tier": tier})
    except SettingsError as error:
        assert str(error).startswith("environments/Pulumi.dev.yaml: ")


def test_the_tiers_are_the_settings_tiers() -> None:
    assert set(TIERS) == {tier.value for tier in Tier}


def test_no_stack_file_holds_a_secret_or_a_salt() -> None:
    """`pulumi stack init` on a laptop writes a salt into the file; it belongs to whoever holds the passphrase."""
    for path in Path(DIRECTORY).glob("Pulumi.*.yaml"):
        assert set(yaml.safe_load(path.read_text())) == {"config"}, path


HOURS = {"days": ["mon", "tue"], "begin": "08:00", "end": "21:30", "timezone": "Asia/Kolkata"}


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (
            {"hours": {**HOURS, "end": "08:00"}},
            r"\.compute\.hours: end: 08:00 is not after begin, 08:00; accepted: a later",
        ),
        ({"hours": {**HOURS, "days": ["mon", "mon"]}}, r"\.compute\.hours: days: one is there twice"),
        ({"hours": {**HOURS, "days": []}}, r"\.compute\.hours\.days: "),
        ({"hours": {**HOURS, "begin": "soon"}}, r"\.compute\.hours\.begin: 'soon': "),
        ({"hours": {**HOURS, "timezone": "IST"}}, r"\.compute\.hours\.timezone: 'IST': .*tz database"),
        ({"hours": HOURS, "scaling": False}, r"\.compute: hours: they are the work of scaling, which is off"),
    ],
)
def test_hours_are_a_part_of_days(compute: dict[str, Any], message: str) -> None:
    assert re.search(message, refusal(tier="development", image=IMAGE, edge=EDGE, compute=compute))


def test_an_event_needs_tasks_that_always_run() -> None:
    text = refusal(tier="development", image=IMAGE, edge=EDGE, compute={"hours": HOURS}, events={"final": FINAL})
    assert "events: 'final' may be out of compute.hours; accepted: events where tasks always run" in text


def test_the_hours_of_a_month_follow_from_those_of_a_week() -> None:
    given = settings(tier="development", image=IMAGE, edge=EDGE, compute={"hours": HOURS}).compute.hours
    assert given is not None and given.monthly == round(27 * 730 / 168)


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        ({"domain": "dev.matchday.example"}, r"\.edge: domain: 'dev.matchday.example' has no zone; accepted: zone_id"),
        (
            {**EDGE, "zone_id": "Z0123456789"},
            r"\.edge: domain: 'dev.matchday.example' has both a zone and certificates",
        ),
        ({"zone_id": "Z0123456789"}, r"\.edge: domain: missing, but there is a zone"),
        (
            {"domain": "dev.matchday.example", "zone_id": "matchday"},
            r"\.edge\.zone_id: 'matchday': .*hosted zone in Route 53",
        ),
        ({**EDGE, "certificate_arn": None}, r"\.edge: certificate_arn and cdn_certificate_arn go together"),
    ],
)
def test_a_domain_has_a_zone_or_certificates_of_its_own(edge: dict[str, Any], message: str) -> None:
    assert re.search(message, refusal(tier="development", image=IMAGE, edge=edge))


def test_a_region_and_a_zone_that_aws_does_not_have() -> None:
    with pytest.raises(SettingsError, match=r"aws:region: .*'ap-south-9' is no Region of AWS; accepted: af-south-1"):
        load("dev", {REGION_KEY: "ap-south-9", KEY: json.dumps({"tier": "development", "image": IMAGE, "edge": EDGE})})
    text = refusal(tier="development", image=IMAGE, edge=EDGE, network={"zones": ["a", "d"]})
    assert "network.zones: 'd': ap-south-1 has no such zone; accepted: a, b, c" in text
    text = refusal(tier="development", image=IMAGE, edge=EDGE, recovery={"region": "ap-south-3"})
    assert "recovery.region" in text and "is no Region of AWS" in text
