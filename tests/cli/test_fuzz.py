"""Whatever a person writes into a stack's file or a manifest: it is taken, or refused in sentences that name file and key.

The repository's own documents with one thing changed, through what the program does before it registers anything, and through
what the command itself reads. Nothing else than a refusal may be raised: anything else would be a traceback.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli import local
from model.validation import DocumentError
from stacks import kinds

PROJECT = Path(__file__).resolve().parents[2]
SETTINGS = yaml.load((PROJECT / "environments" / "Pulumi.prod.yaml").read_text(), Loader=yaml.CSafeLoader)
MANIFESTS = {
    file.parent.name: yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    for file in PROJECT.glob("services/*/service.yaml")
}

Path_ = tuple[str | int, ...]


def _paths(document: Any, above: Path_ = ()) -> Iterator[Path_]:
    entries = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in entries:
        yield (*above, key)
        yield from _paths(value, (*above, key))


#: What people write where something else is meant, and what nobody would.
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=40),
    st.sampled_from(["", " ", "x" * 2000, "0", "-1", "yes", "*", "a/b", "10.0.0.0/8", "\u202e", "ü", "%s{}", "[bold]x"]),
    st.sampled_from([[], {}, [[]], [None], {"": None}, {"a": {"b": ["c"]}}, [1, "a", None, {}], {1: 2}]),
)  # fmt: skip
CHANGES = st.sampled_from(["set", "drop", "add", "rename"])


def _changed(document: Any, path: Path_, change: str, value: Any) -> Any:
    copy = json.loads(json.dumps(document))
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    if change == "set" or isinstance(holder, list):
        holder[path[-1]] = value
    elif change == "drop":
        del holder[path[-1]]
    elif change == "add":
        holder["prot"] = value
    else:
        holder[f"{path[-1]}s"] = holder.pop(path[-1])
    return copy


#: pydantic's and Python's own words, which say nothing to a person who wrote YAML.
_MACHINE = re.compile(
    r"Traceback|Input should|Extra inputs|validation error|NoneType|object has no attribute|<class|pydantic"
)


def _refused(root: Path, stack: str, config: dict[str, str], file: str) -> None:
    """Prepare the stack; a refusal names the changed file in each of its sentences, and a key of it."""
    try:
        kinds.prepare(root, stack, config)
    except DocumentError as error:
        assert error.sentences
        for sentence in error.sentences:
            # What several manifests say together is of their folder; the sentence then names the services.
            assert re.search(r"(Pulumi\.\w+|service)\.yaml|^services \(tier", sentence), (file, sentence)
            assert not _MACHINE.search(sentence), sentence
            assert "\n" not in sentence, sentence
        assert any(file in sentence for sentence in error.sentences), error.sentences


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("fuzz")
    for name in MANIFESTS:
        (directory / "services" / name).mkdir(parents=True)
        shutil.copy(PROJECT / "services" / name / "service.yaml", directory / "services" / name)
    return directory


def _config(document: Any) -> dict[str, str]:
    """The configuration as the engine hands it over: each value as text, objects as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}


BOUNDED = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(BOUNDED, max_examples=3000)

in_settings = given(
    path=st.sampled_from([*_paths(SETTINGS["config"]["matchday:environment"], ("config", "matchday:environment"))]),
    change=CHANGES,
    value=ODD,
)
in_manifests = given(
    chosen=st.sampled_from([(name, path) for name, content in MANIFESTS.items() for path in _paths(content)]),
    change=CHANGES,
    value=ODD,
)


def _try_settings(root: Path, path: Path_, change: str, value: Any) -> None:
    _refused(root, "prod", _config(_changed(SETTINGS, path, change, value)), "Pulumi.prod.yaml")


def _try_manifest(root: Path, chosen: tuple[str, Path_], change: str, value: Any) -> None:
    name, path = chosen
    file = root / "services" / name / "service.yaml"
    original = file.read_text()
    file.write_text(yaml.safe_dump(_changed(MANIFESTS[name], path, change, value), allow_unicode=True))
    try:
        _refused(root, "prod", _config(SETTINGS), "")
    finally:
        file.write_text(original)


@pytest.mark.slow
@BOUNDED
@in_settings
def test_settings(root: Path, path: Path_, change: str, value: Any) -> None:
    _try_settings(root, path, change, value)


@pytest.mark.slow
@BOUNDED
@in_manifests
def test_manifests(root: Path, chosen: tuple[str, Path_], change: str, value: Any) -> None:
    _try_manifest(root, chosen, change, value)


@pytest.mark.nightly
@LONG
@in_settings
def test_many_settings(root: Path, path: Path_, change: str, value: Any) -> None:
    _try_settings(root, path, change, value)


@pytest.mark.nightly
@LONG
@in_manifests
def test_many_manifests(root: Path, chosen: tuple[str, Path_], change: str, value: Any) -> None:
    _try_manifest(root, chosen, change, value)


@BOUNDED
@given(
    content=st.one_of(
        st.binary(max_size=80), st.recursive(ODD, lambda inner: st.lists(inner, max_size=2), max_leaves=3)
    )
)
def test_what_the_command_reads_of_a_project(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    """Pulumi.yaml and the stack's file, of bytes and of documents: taken or refused with code 2, never anything else."""
    project = tmp_path_factory.mktemp("project")
    text = content if isinstance(content, bytes) else yaml.safe_dump(content, allow_unicode=True).encode()
    before = local.PROJECT
    try:
        for file in ("Pulumi.local.yaml", "Pulumi.yaml"):
            (project / "Pulumi.yaml").write_bytes(b"name: x\nruntime: python\n")
            (project / file).write_bytes(text)
            try:
                local.use(project)
                local.require_stack("local")
                local.require_readable("local")
            except typer.Exit as end:
                assert end.exit_code == 2
    finally:
        local.use(before)
