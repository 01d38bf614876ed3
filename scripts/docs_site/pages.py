"""Which of the repository's pages the site has and where; links between them rewritten, links to anything else made plain."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Menu → pages of docs/ in their order (without .md); a folder stands for all of its pages.
MENU: Mapping[str, tuple[str, ...]] = {
    "Start": ("index", "newcomer", "commands", "contributing", "changelog"),
    "Architecture": ("architecture", "request-flows", "contracts", "background-work", "jobs", "multi-region", "adr"),
    "Services": ("services", "services/auth", "services/kyc", "services/payments", "services/scoring", "services/wallet",
                 "kyc", "payments", "scoring"),
    "Platform": ("environments", "components-library", "data-plane", "local-provider", "local-provider-coverage", "events",
                 "cost"),
    "Operations": ("delivery", "console", "telemetry", "recovery", "runbooks", "postmortems"),
    "Compliance": ("compliance", "threat-model", "policies", "rules", "aws-review"),
}  # fmt: skip

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```[^\n]*$)", re.M | re.S)


def sources() -> dict[str, Path]:
    """Page of the site (`runbooks/postgres-down.md`) → file of the repository that it is made from."""
    docs = ROOT / "docs"
    found = {_index(path).relative_to(docs).as_posix(): path for path in sorted(docs.rglob("*.md"))}
    found |= {"index.md": ROOT / "README.md", "contributing.md": ROOT / "CONTRIBUTING.md"}
    found |= {"changelog.md": ROOT / "CHANGELOG.md", "rules.md": ROOT / "RULES.md"}
    for readme in sorted(ROOT.glob("services/*/README.md")):
        found[f"services/{readme.parent.name}/index.md"] = readme
    return found


def _index(path: Path) -> Path:
    """A folder's README is its first page."""
    return path.with_name("index.md") if path.name == "README.md" else path


def rewritten(page: str, file: Path, where: Mapping[Path, str]) -> str:
    """The text of `file` as the site's `page`: links to pages of the site (`where`: file → page) lead there, those to other
    files of the repository are plain text, as the site does not have them."""

    def link(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if re.match(r"[a-z]+:", path) or not path:
            return match.group()
        resolved = Path(os.path.normpath(file.parent / path))
        resolved = resolved / "README.md" if resolved.is_dir() else resolved
        if resolved not in where:
            return text
        to = posixpath.relpath(where[resolved], posixpath.dirname(page) or ".")
        return f"{image}[{text}]({to}{hash_}{anchor})"

    parts = _FENCE.split(file.read_text(encoding="utf-8"))
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)
