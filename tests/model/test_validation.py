"""What a mistake in a document is called: every one, in words, with its line, and blamed on who made it."""

from __future__ import annotations

import ipaddress
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from model.catalog import CatalogError, load_catalog
from model.cidr import ACCEPTED, LARGEST_PREFIX, SMALLEST_PREFIX, private_block
from model.documents import read
from model.validation import DocumentError

GOOD = """\
name: wallet
summary: Accounts of money
paths: ["/wallet/*"]
processes:
  web:
    kind: web
    command: [python, -m, services.common.web]
    cpu: 256
    memory: 512
"""


def sentences(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "wallet").mkdir(exist_ok=True)
    (tmp_path / "wallet" / "service.yaml").write_text(text)
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path, "laptop")
    assert "\n".join(caught.value.sentences) == str(caught.value)
    return [sentence.partition("wallet/service.yaml: ")[2] for sentence in caught.value.sentences]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("summary:", "prot: 8080\nsummary:", "prot: no such key; accepted: name, summary, port, paths"),
        ("summary:", "prot: 8080\nsummary:", "did you mean 'port'? (line 2)"),
        (
            "[python, -m, services.common.web]",
            "python -m services.common.web",
            "processes.web.command: 'python -m services.common.web': a list is accepted, such as "
            "[python, -m, services.common.web] (line 7)",
        ),
        ("cpu: 256", "cpu: '256'", "processes.web.cpu: '256': an integer is accepted, written without quotes (line 8)"),
        ("summary: Accounts of money\n", "", "summary: is missing; it is required"),
        ("kind: web", "kind: webb", "processes.web.kind: 'webb': accepted: 'web', 'worker' or 'scheduler' (line 6)"),
        ('["/wallet/*"]', "/wallet/*", "paths: '/wallet/*': a list is accepted, such as [/wallet/*] (line 3)"),
        ('"/wallet/*"', '"wallet"', "paths.0: 'wallet': accepted: / and up to 127 letters"),
        ("processes:\n", "processes: []\nx:\n", "processes: []: a mapping is accepted (line 4)"),
    ],
)
def test_a_mistake_is_said_in_words(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = sentences(tmp_path, GOOD.replace(old, new))
    assert any(expected in sentence for sentence in found), found
    for sentence in found:
        for jargon in ("Extra inputs", "valid tuple", "Input should", "valid integer", "instance of"):
            assert jargon not in sentence


def test_all_mistakes_come_at_once_each_once(tmp_path: Path) -> None:
    text = GOOD.replace("summary:", "prot: 1\nsummary:").replace("cpu: 256", "cpu: big") + "drain_seconds: 1\n"
    found = sentences(tmp_path, text)
    assert [sentence.split(":")[0] for sentence in found] == ["processes.web.cpu", "drain_seconds", "prot"]


def test_mistakes_of_several_manifests_come_at_once(tmp_path: Path) -> None:
    for name in ("auth", "wallet"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "service.yaml").write_text(GOOD.replace("wallet", name) + "drain_seconds: 1\n")
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path, "laptop")
    assert [sentence.split("/service.yaml")[0].rsplit("/", 1)[1] for sentence in caught.value.sentences] == [
        "auth",
        "wallet",
    ]


def test_a_mistake_in_the_base_is_not_blamed_on_a_tier(tmp_path: Path) -> None:
    tiers = "tiers:\n  production:\n    processes: {web: {cpu: 512, memory: 1024}}\n"
    (only,) = sentences(tmp_path, GOOD + "drain_seconds: 1\n" + tiers)
    assert only == "drain_seconds: 1: at least 5 is accepted (line 10)"


def test_a_mistake_in_an_override_is_at_the_override(tmp_path: Path) -> None:
    (only,) = sentences(tmp_path, GOOD + "tiers:\n  production:\n    drain_seconds: 1\n")
    assert only == "tiers.production.drain_seconds: 1: at least 5 is accepted (line 12)"


def test_a_mistake_that_base_and_override_make_together_names_the_tier(tmp_path: Path) -> None:
    (only,) = sentences(tmp_path, GOOD + "tiers:\n  production:\n    processes: {web: {cpu: 4096}}\n")
    assert "memory 512 does not go with cpu 4096" in only and "(with the overrides of tier production)" in only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\n\tport: 1\n", "a tab is no indentation in YAML; use spaces (line 2, column 1)"),
        ("name: {a: 1\nport: 2\n", "(line 2"),
        ("name: a\nname: b\n", "key 'name' is there twice (line 1, column 1)"),
        ("- a\n", "a mapping is expected at the top, not list"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(text)
    with pytest.raises(DocumentError) as caught:
        read(file, "shown.yaml")
    assert str(caught.value).startswith("shown.yaml: ") and expected in str(caught.value)
    assert "\n" not in str(caught.value)


keys = st.sampled_from(["a", "b", "c"])
documents = st.dictionaries(
    keys,
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)),
    min_size=1,
    max_size=3,
)


@given(documents, st.booleans())
def test_every_value_of_a_document_has_the_line_it_is_written_on(content: dict[str, object], flow: bool) -> None:
    text = yaml.safe_dump(content, default_flow_style=flow)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "document.yaml"
        file.write_text(text)
        document = read(file, "shown")
    lines = text.splitlines()

    def walk(value: object, path: tuple[str | int, ...]) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            line = document.line((*path, key))
            assert line is not None and document.value((*path, key)) == inner
            if isinstance(value, dict):
                assert f"{key}:" in lines[line - 1]
            walk(inner, (*path, key))

    walk(content, ())
    assert document.line(("nothing",)) is None


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_block_is_taken_or_refused_by_one_rule(address: object, prefix: int) -> None:
    text = f"{address}/{prefix}"
    network = ipaddress.IPv4Network(text, strict=False)
    private = any(
        network.subnet_of(ipaddress.IPv4Network(each))
        for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
    )
    if private and LARGEST_PREFIX <= prefix <= SMALLEST_PREFIX and network.network_address == address:
        assert private_block(text) == network
    else:
        with pytest.raises(ValueError, match="is accepted, such as") as caught:
            private_block(text)
        assert ACCEPTED in str(caught.value)


def test_host_bits_are_named_with_what_was_meant() -> None:
    with pytest.raises(ValueError, match=r"bits are set behind the prefix; did you mean 10\.20\.0\.0/16\?"):
        private_block("10.20.1.0/16")
