"""Puts the comment of `matchday pr-comment` on a pull request, in place of its earlier one: post_comment.py FILE NUMBER.

Reads GITHUB_TOKEN (scope `pull-requests: write` and nothing else), GITHUB_REPOSITORY and GITHUB_API_URL, as GitHub Actions
sets them. Exit code 0: the comment is there. 1: GitHub refused. 2: it could not be asked.
https://docs.github.com/en/rest/issues/comments
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from cli.comment import MARKER

#: Who GitHub says wrote the comments of a workflow's own token. Anyone may write a comment that begins with our line.
AUTHOR = "github-actions[bot]"
_PAGE, _ATTEMPTS, _TIMEOUT_SECONDS, _LONGEST_WAIT_SECONDS = 100, 5, 20.0, 60.0


class Refused(Exception):
    """GitHub's answer, in words."""


class Unavailable(Exception):
    """No answer, or one that says later; `wait` seconds from now."""

    def __init__(self, words: str, wait: float) -> None:
        super().__init__(words)
        self.wait = wait


def put(client: httpx.Client, repository: str, number: int, body: str) -> str:
    """Create or update the comment; its address. Raises Refused, or Unavailable when the last attempt had no answer.

    Each attempt looks first: a comment that was made although its answer was lost is found, not made again.
    """
    issues = f"/repos/{repository}/issues"
    for attempt in range(_ATTEMPTS - 1):
        try:
            return _put(client, issues, number, body)
        except Unavailable as error:
            time.sleep(min(error.wait * 2**attempt, _LONGEST_WAIT_SECONDS))
    return _put(client, issues, number, body)


def _put(client: httpx.Client, issues: str, number: int, body: str) -> str:
    ours = _ours(client, f"{issues}/{number}/comments")
    if ours is None:
        made = _ask(client, "POST", f"{issues}/{number}/comments", json={"body": body})
    elif ours["body"] == body:
        made = ours
    else:
        made = _ask(client, "PATCH", f"{issues}/comments/{ours['id']}", json={"body": body})
    return str(made["html_url"])


def _ours(client: httpx.Client, path: str) -> dict[str, Any] | None:
    """The comment of an earlier run: the first of ours that begins with our line."""
    page = 1
    while True:
        comments = _ask(client, "GET", path, params={"per_page": _PAGE, "page": page})
        for comment in comments:
            if comment["user"]["login"] == AUTHOR and comment["body"].startswith(MARKER):
                found: dict[str, Any] = comment
                return found
        if len(comments) < _PAGE:
            return None
        page += 1


def _ask(client: httpx.Client, method: str, path: str, **asked: Any) -> Any:
    try:
        answer = client.request(method, path, **asked)
    except httpx.TransportError as error:
        raise Unavailable(f"{method} {path}: {type(error).__name__}", 1.0) from error
    later = answer.headers.get("retry-after", "")
    if answer.status_code >= 500 or answer.status_code == 429 or (answer.status_code == 403 and later):
        raise Unavailable(f"{method} {path}: {answer.status_code}", float(later) if later.isdigit() else 1.0)
    if not answer.is_success:
        raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
    try:
        return answer.json()
    except ValueError as error:  # a proxy's page
        raise Unavailable(f"{method} {path}: {answer.status_code}, but no JSON", 1.0) from error


def main(words: list[str]) -> int:
    """The script."""
    missing = [name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL") if not os.environ.get(name)]
    if len(words) != 2 or not words[1].isdigit() or missing:
        wrong = (
            f"{', '.join(missing)} not set" if missing else "usage: post_comment.py FILE NUMBER (of the pull request)"
        )
        sys.stderr.write(f"error: {wrong}\n")
        return 2
    file, number = words
    headers = {
        "authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }
    try:
        body = Path(file).read_text()
        if not body.startswith(MARKER):
            sys.stderr.write(f"error: {file} is no comment of `matchday pr-comment`: it does not begin with {MARKER}\n")
            return 2
        with httpx.Client(base_url=os.environ["GITHUB_API_URL"], headers=headers, timeout=_TIMEOUT_SECONDS) as client:
            sys.stdout.write(put(client, os.environ["GITHUB_REPOSITORY"], int(number), body) + "\n")
    except Refused as error:
        sys.stderr.write(f"error: GitHub refused: {error}\n")
        return 1
    except (OSError, Unavailable) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
