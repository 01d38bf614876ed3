"""Puts the comment of `matchday pr-comment` on a pull request, in place of its earlier one: post_comment.py FILE NUMBER.

Reads GITHUB_TOKEN (scope `pull-requests: write` and nothing else), GITHUB_REPOSITORY and GITHUB_API_URL, as GitHub Actions
sets them. Exit code 0: the comment is there. 1: GitHub refused. 2: it could not be asked.
https://docs.github.com/en/rest/issues/comments
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx

from cli.comment import MARKER
from scripts.ci import github


def put(client: httpx.Client, repository: str, number: int, body: str, marker: str = MARKER) -> str:
    """Create or update the comment of ours that begins with `marker`; its address.

    Raises Refused, or Unavailable when the last attempt had no answer.
    """
    return github.patiently(lambda: _put(client, f"/repos/{repository}/issues", number, body, marker))


def _put(client: httpx.Client, issues: str, number: int, body: str, marker: str) -> str:
    ours = _ours(client, f"{issues}/{number}/comments", marker)
    if ours is None:
        made = github.ask(client, "POST", f"{issues}/{number}/comments", json={"body": body})
    elif ours["body"] == body:
        made = ours
    else:
        made = github.ask(client, "PATCH", f"{issues}/comments/{ours['id']}", json={"body": body})
    return str(made["html_url"])


def _ours(client: httpx.Client, path: str, marker: str) -> dict[str, Any] | None:
    """The comment of an earlier run: the first of ours that begins with our line."""
    page = 1
    while True:
        comments = github.ask(client, "GET", path, params={"per_page": github.PAGE, "page": page})
        for comment in comments:
            if comment["user"]["login"] == github.AUTHOR and comment["body"].startswith(marker):
                found: dict[str, Any] = comment
                return found
        if len(comments) < github.PAGE:
            return None
        page += 1


def main(words: list[str]) -> int:
    """The script."""
    if len(words) != 2 or not words[1].isdigit():
        sys.stderr.write("error: usage: post_comment.py FILE NUMBER (of the pull request)\n")
        return 2
    file, number = words
    try:
        body = Path(file).read_text()
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if not body.startswith(MARKER):
        sys.stderr.write(f"error: {file} is no comment of `matchday pr-comment`: it does not begin with {MARKER}\n")
        return 2
    return github.run([], lambda client, repository: put(client, repository, int(number), body))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
