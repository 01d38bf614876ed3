"""What the pages name exists: links, anchors, paths, commands, options, make targets, modules, tests, variables, decisions."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
import pytest
import typer

from cli.main import COMMANDS, build

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("services/*/README.md")]
)

#: What pages call by name though no clone holds it → who makes it, and when.
MADE_LATER = {
    "addresses.json": "the running platform, in .matchday",
    "audit.*": "`matchday audit`",
    "image.json": "scripts/images/build.py",
    "index.html": "`matchday up`, in the site's bucket",
    "plan.json": "scripts/ci/deploy.py",
    "roster.json": "an entrant",
    "sbom.cdx.json": "scripts/images/build.py",
    "state.json": "`pulumi stack export`",
    "subject.json": "`matchday audit`",
    "supervisor.json": "the running platform, in .matchday",
    "up.json": "`matchday up`, in .matchday",
    "vulnerabilities.cdx.json": "scripts/images/vulnerabilities.py",
}

#: Names in capitals that are others': the kernel's.
OTHERS = {"CLONE_PARENT"}

#: Phrases that only their authors understood. Write what happens in the field's words instead.
PRIVATE = re.compile(
    r"somebody hears|\bstrangers?\b|\broads\b|bears? to run|\bbear it\b|\bknobs?\b|\bborn\b"
    r"|\b(is|are|was|were|be) told\b(?! apart)",
    re.I,
)


@dataclass(frozen=True)
class Quoted:
    """Something in code font: its text, the line it begins in, and whether it is a line of a block."""

    text: str
    line: int
    block: bool


def quoted(page: Path) -> Iterator[Quoted]:
    """Code spans of `page`, and the lines of its blocks that are typed into a shell."""
    fence: str | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fence = None if fence is not None else line.strip().strip("`")
        elif fence is None:
            for span in re.findall(r"`([^`]+)`", line):
                yield Quoted(span.replace("\\|", "|"), number, block=False)
        elif fence in ("", "console", "sh", "bash") and not line.startswith(" "):
            yield Quoted(line.split("  #")[0].removeprefix("$ "), number, block=True)


def all_quoted() -> Iterator[tuple[Quoted, str]]:
    """Everything quoted on all pages, and where it stands, for messages."""
    for page in PAGES:
        for item in quoted(page):
            yield item, f"{page.relative_to(ROOT)}:{item.line}: `{item.text}`"


# Links


def slug(heading: str) -> str:
    """The anchor that a heading gets: lower case, no punctuation, dashes for spaces."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.strip().strip("#").strip())
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@functools.cache
def anchors(page: Path) -> set[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    return {slug(line) for line in re.findall(r"^#+ .*$", text, flags=re.M)}


def link_problem(page: Path, target: str) -> str | None:
    path, _, anchor = target.partition("#")
    if re.match(r"[a-z]+:", path):
        return None
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"{page.relative_to(ROOT)}: {target}: there is no such file"
    if anchor and anchor not in anchors(file):
        return f"{page.relative_to(ROOT)}: {target}: no heading of {file.name} has this anchor"
    return None


def test_links_lead_somewhere() -> None:
    wrong = [
        problem
        for page in [*PAGES, ROOT / "CHANGELOG.md", ROOT / "RULES.md"]
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
        if (problem := link_problem(page, target))
    ]
    assert not wrong, "\n".join(wrong)
    assert link_problem(PAGES[0], "docs/servus.md")
    assert link_problem(PAGES[0], "docs/architecture.md#no-such-heading")


# Paths


@functools.cache
def tree() -> frozenset[str]:
    """Every file and directory (with a slash at its end) of the repository, from its root."""
    found = set()
    for here, directories, files in os.walk(ROOT):
        directories[:] = [name for name in directories if name not in {".git", ".venv", ".matchday", "__pycache__"}]
        place = Path(here).relative_to(ROOT).as_posix().removeprefix(".")
        found |= {f"{place}/{name}".lstrip("/") for name in files}
        found |= {f"{place}/{name}/".lstrip("/") for name in directories}
    return frozenset(found)


@functools.cache
def tails() -> frozenset[str]:
    """Every path of the tree as a reader may shorten it, who knows the folder already: without its first parts."""
    return frozenset("/".join(path.split("/")[skip:]) for path in tree() for skip in range(path.count("/") + 1))


EXTENSIONS = ("py", "md", "json", "toml", "yaml", "yml", "sh", "sqlite", "html", "csv", "sarif")


def paths(text: str) -> Iterator[str]:
    """The words of `text` that name a path of this repository."""
    for word in re.sub(r"<[^>]*>", "*", text).split():
        word = word.strip("\"'(),;:").split("::")[0].removeprefix("./")
        if re.search(r"[{}$=%|?…]|^/|^-|:|^\*|\*\*", word):
            continue
        first, slash, _ = word.partition("/")
        if (slash and f"{first}/" in tree()) or re.fullmatch(rf"[\w./*@-]*\w\.({'|'.join(EXTENSIONS)})", word):
            yield word


@functools.cache
def exists(word: str) -> bool:
    if any(fnmatch.fnmatch(word, pattern) for pattern in MADE_LATER):
        return True
    if "*" in word:
        return any(fnmatch.fnmatch(path.rstrip("/"), word.rstrip("/")) for path in tails())
    if word.partition("/")[0] + "/" in tree():
        return {word, f"{word}/", f"tests/{word}"} & tree() != set()
    return word in tails() or f"{word}/" in tails()


def test_paths_exist() -> None:
    wrong = [
        f"{place}: there is no {word} here"
        for item, place in all_quoted()
        for word in paths(item.text)
        if not exists(word)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_allowance_is_needed() -> None:
    named = {word for item, _ in all_quoted() for word in paths(item.text)}
    assert [pattern for pattern in MADE_LATER if not fnmatch.filter(named, pattern)] == []


def test_wrong_paths_are_seen() -> None:
    for right in ("cli/main.py", "services/*/service.yaml", "service.yaml", "docs/runbooks/", "components/edge"):
        assert list(paths(right)) == [right]
        assert exists(right)
    for wrong in ("cli/mainly.py", "services/*/servus.yaml", "servus.yaml", "docs/ruinbooks/", "components/hedge"):
        assert list(paths(wrong)) == [wrong]
        assert not exists(wrong)
    assert list(paths("GET /wallet/balance aws:ec2/vpc:Vpc {a/b} https://x/y.json")) == []


def test_contributing_says_where_to_change_what() -> None:
    """A task → files table: each row names files (which `test_paths_exist` looks for)."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", text.split("## Where to change what")[1].split("\n## ")[0], re.M)[
        1:
    ]
    assert len(rows) >= 15
    for task, files in rows:
        assert any(list(paths(span)) for span in re.findall(r"`([^`]+)`", files)), f"{task}: names no file"


# Commands


@functools.cache
def application() -> click.Group:
    command = typer.main.get_command(build())
    return cast(click.Group, command)  # Typer's own class of that form


def options(command: click.Command) -> set[str]:
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    inner: Mapping[str, click.Command] = getattr(command, "commands", {})
    return {name for name in own if name.startswith("-")} | {"--help", "-h"}.union(
        *(options(each) for each in inner.values())
    )


def call_problem(words: list[str]) -> str | None:
    """What is wrong with the call `matchday WORDS…`; None if nothing is."""
    if not words or words[0] not in COMMANDS:
        return None if not words or re.match(r"-|[A-Z…]", words[0]) else f"no such command: {words[0]}"
    known = options(application().commands[words[0]])
    given = re.findall(r"(?<!\S)\[?(--?[a-z][a-z-]*)", " ".join(words))
    lacking = [option for option in given if option not in known]
    return f"{words[0]} has no option {', '.join(lacking)}" if lacking else None


def calls(item: Quoted) -> Iterator[list[str]]:
    for match in re.finditer(r"(?:^|[\s/;(])matchday ([^;|)]*)", item.text):
        if item.block or match.start() == 0 or item.text[: match.start()].strip() in (".venv/bin", 'eval "$(.venv/bin'):
            yield match.group(1).split("#")[0].replace('"', " ").split()


def test_commands_and_their_options_exist() -> None:
    wrong = []
    for item, place in all_quoted():
        wrong += [f"{place}: {problem}" for words in calls(item) if (problem := call_problem(words))]
    assert not wrong, "\n".join(wrong)


def test_the_page_of_commands_lists_every_command_and_option() -> None:
    page = ROOT / "docs" / "commands.md"
    table = page.read_text(encoding="utf-8").split("| command | does |")[1].split("\n\n")[0]
    listed: dict[str, set[str]] = {}
    for cell in re.findall(r"^\| (`[^|]*) \|", table, re.M):
        for span in re.findall(r"`([^`]+)`", cell):
            name = span.split()[0]
            if name.startswith("-"):
                name = next(reversed(listed))
            else:
                assert (problem := call_problem(span.split())) is None, problem
            listed.setdefault(name, set()).update(re.findall(r"--?[a-z][a-z-]*", span) + ["…"] * ("…" in span))
    assert set(listed) == set(COMMANDS)
    for name, given in listed.items():
        if "…" not in given:  # these have a page of their own
            for parameter in application().commands[name].params:
                assert not parameter.opts[0].startswith("-") or given & set(parameter.opts), f"{name}: {parameter.opts}"


def test_wrong_calls_are_seen() -> None:
    assert call_problem(["up", "--port", "8090"]) is None
    assert call_problem(["upp"])
    assert call_problem(["up", "--prot", "1"])


# make, python -m, tests, variables, ADRs


@functools.cache
def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wrong = []
    for item, place in all_quoted():
        for call in re.findall(r"(?:^|\s)make ((?:[a-z-]+|[A-Z_]+=\S*)(?: (?:[a-z-]+|[A-Z_]+=\S*))*)", item.text):
            for word in call.split():
                name, equals, _ = word.partition("=")
                if (equals and f"$({name})" not in makefile) or (not equals and name not in targets()):
                    wrong.append(f"{place}: the Makefile has no {name}")
    assert not wrong, "\n".join(wrong)


def test_modules_can_be_run() -> None:
    wrong = []
    for item, place in all_quoted():
        for name in re.findall(r"python3? -m ([\w.]+)", item.text):
            if name == "module":  # "whatever module"
                continue
            file = name.replace(".", "/")
            if not {f"{file}.py", f"{file}/__main__.py"} & tree():
                wrong.append(f"{place}: python -m {name} finds nothing to run")
    assert not wrong, "\n".join(wrong)


@functools.cache
def names_of_tests() -> frozenset[str]:
    files = (ROOT / path for path in tree() if path.startswith("tests/") and path.endswith(".py"))
    return frozenset(name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8")))


def test_tests_that_are_named_exist() -> None:
    wrong = []
    for item, place in all_quoted():
        for name, more in re.findall(r"(?<![\w/])(test_\w+)(…?)(?!\w*[./])", item.text):
            if name not in names_of_tests() and not (more and any(each.startswith(name) for each in names_of_tests())):
                wrong.append(f"{place}: no test has this name")
    assert not wrong, "\n".join(wrong)


@functools.cache
def code() -> str:
    """All code and data of the repository, for looking names up."""
    kinds = (".py", ".yaml", ".toml", ".sh", "Makefile", "Dockerfile", ".cfg")
    files = sorted(path for path in tree() if path.endswith(kinds) and not path.startswith(("docs/", "tests/docs/")))
    return "\n".join((ROOT / path).read_text(encoding="utf-8") for path in files)


@functools.cache
def words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", code()))


@pytest.mark.slow
def test_variables_are_read_by_the_code() -> None:
    wrong = [
        f"{place}: nothing reads a variable of this name"
        for item, place in all_quoted()
        for name in re.findall(r"^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=\S*)?(?: .*)?$", item.text)
        if name not in words() | OTHERS and name.lower() not in words()
    ]
    assert not wrong, "\n".join(wrong)


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    files = {file.name for file in (ROOT / "docs/adr").glob("[0-9]*.md")}
    assert set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", index)) == files
    assert len({name[:4] for name in files}) == len(files), "two decisions have one number"


def test_decisions_that_are_named_exist() -> None:
    numbers = {file.name[:4] for file in (ROOT / "docs/adr").glob("[0-9]*.md")}
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        assert set(re.findall(r"\bADRs? (\d{4})", page.read_text("utf-8"))) <= numbers, page


def test_plain_words() -> None:
    wrong = [
        f"{page.relative_to(ROOT)}:{number}: {line[:160]}"
        for page in PAGES
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        if PRIVATE.search(line)
    ]
    assert not wrong, "\n".join(wrong)
