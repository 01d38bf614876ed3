"""`python -m scripts.docs_site OUT`: builds the documentation site into OUT/site; a link that leads nowhere ends it.

Nothing is fetched when it is built, and nothing but the site itself when it is read: no fonts, no scripts of others.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from scripts.docs_site import reference
from scripts.docs_site.pages import MENU, ROOT, rewritten, sources

HERE = Path(__file__).parent


class Incomplete(Exception):
    """The menu and the pages do not fit."""


def write_pages(out: Path) -> None:
    """Every page of the site, below `out`."""
    found = sources()
    where = {file: page for page, file in found.items()}
    for page, file in found.items():
        target = out / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(rewritten(page, file, where), encoding="utf-8")
    reference.made(out)


def menu(out: Path) -> list[dict[str, Any]]:
    """The site's navigation. Raises Incomplete where a page is in no menu, or a menu names a page that is not there."""
    pages = {path.relative_to(out).as_posix() for path in out.rglob("*.md")}
    entries: list[dict[str, Any]] = []
    for title, names in MENU.items():
        inner: list[Any] = []
        for name in names:
            inside = (page for page in pages if page.startswith(f"{name}/"))
            folder = sorted(inside, key=lambda page: (not page.endswith("/index.md"), page))
            if f"{name}.md" in pages:
                inner.append(f"{name}.md")
                pages.discard(f"{name}.md")
            elif folder:
                inner.append({name.rsplit("/", 1)[-1].replace("-", " ").capitalize(): folder})
            else:
                raise Incomplete(f"the menu {title!r} names {name!r}, which is no page of docs/")
            pages -= set(folder) if f"{name}.md" not in inner else set()
        entries.append({title: inner})
    if pages:
        raise Incomplete(f"in no menu of scripts/docs_site/pages.py: {', '.join(sorted(pages))}")
    return entries


def build(out: Path) -> Path:
    """The site's folder. Raises Incomplete, or CalledProcessError with what Zensical printed."""
    shutil.rmtree(out, ignore_errors=True)
    pages = out / "pages"
    pages.mkdir(parents=True)
    write_pages(pages)
    scripts = pages / "assets"
    scripts.mkdir()
    (scripts / "mermaid.tiny.js").write_bytes(gzip.decompress((HERE / "mermaid.tiny.js.gz").read_bytes()))
    (scripts / "mermaid.LICENSE").write_bytes((HERE / "mermaid.LICENSE").read_bytes())
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (out / "mkdocs.yml").write_text(text + yaml.safe_dump({"nav": menu(pages)}, sort_keys=False), encoding="utf-8")
    subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict", "--clean"],
        cwd=out,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return out / "site"


def main(words: list[str]) -> int:
    """The script."""
    if len(words) != 1:
        sys.stderr.write("error: usage: python -m scripts.docs_site OUT (a folder that is written anew)\n")
        return 2
    try:
        site = build(Path(words[0]))
    except Incomplete as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{error.stdout}error: the site was not built\n")
        return 1
    sys.stdout.write(f"{site}/index.html\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
