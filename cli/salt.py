"""The line that a plain `pulumi` needs in the stack's file, and that git in this clone leaves out.

The CLI looks for the salt of the state's passphrase in the stack's file only, and writes it there, with every value in its own
spelling, when it is missing. The salt is this clone's and the file is everybody's. So the line is put there, and a clean filter
of this clone (in .git, not in the tree) takes it out of what git compares and commits.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from localcloud.runtime.state import write_atomically

_LINE = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)

_FILTER = "matchday-salt"


def put(file: Path, salt: str) -> bool:
    """Give the stack's file the salt, in the place of another; nothing else of it changes.

    False where git will show the line: the file is in no git repository of this user's.
    """
    hidden = _hide(file)
    before = file.read_bytes().decode() if file.exists() else ""
    rest = _LINE.sub("", before)
    text = f"{rest}{_break(rest)}encryptionsalt: {salt}\n"
    if text != before:
        write_atomically(file, text, mode=file.stat().st_mode & 0o777 if file.exists() else 0o644)
        _compare_again(file)
    return hidden


def _hide(file: Path) -> bool:
    """Have git leave the line out of this file."""
    top = _git(file, "rev-parse", "--show-toplevel")
    attributes = _git(file, "rev-parse", "--git-path", "info/attributes")
    if not top or not attributes:
        return False
    place = file.parent / attributes
    line = f'"/{file.resolve().relative_to(Path(top).resolve()).as_posix()}" filter={_FILTER}'
    try:
        known = place.read_text() if place.exists() else ""
        if line not in known.splitlines():
            place.parent.mkdir(exist_ok=True)
            place.write_text(f"{known}{_break(known)}{line}\n")
    except OSError:
        return False
    return _git(file, "config", f"filter.{_FILTER}.clean", "sed /^encryptionsalt:/d") is not None


def _compare_again(file: Path) -> None:
    """Have git look into the file: without, one whose size is another than noted is modified, whatever the filter says."""
    entry, _, path = (
        (_git(file, "ls-files", "-z", "--stage", "--full-name", "--", file.name) or "").rstrip("\0").partition("\t")
    )
    if path:
        mode, name, _ = entry.split()  # the same content as before, without the note of its size
        _git(file, "update-index", "--cacheinfo", f"{mode},{name},{path}")


def _break(text: str) -> str:
    """What ends the last line of a text that has not ended it."""
    return "\n" if text and not text.endswith("\n") else ""


def _git(file: Path, *arguments: str) -> str | None:
    """What git says in the file's folder; None when it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=file.parent, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
