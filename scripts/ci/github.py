"""GitHub's REST API as the workflows' scripts ask it: what is refused, what may be asked again, and for how long.

https://docs.github.com/en/rest
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

#: Who GitHub says wrote what a workflow's own token wrote. Anyone may write something that begins with our line.
AUTHOR = "github-actions[bot]"
PAGE = 100
_ATTEMPTS, _TIMEOUT_SECONDS, _LONGEST_WAIT_SECONDS = 5, 20.0, 60.0


class Refused(Exception):
    """GitHub's answer, in words; `code` is its HTTP status, 0 where the answer itself was of no use."""

    def __init__(self, words: str, code: int = 0) -> None:
        super().__init__(words)
        self.code = code


class Unavailable(Exception):
    """No answer, or one that says later; `wait` seconds from now."""

    def __init__(self, words: str, wait: float) -> None:
        super().__init__(words)
        self.wait = wait


def patiently(step: Callable[[], T]) -> T:
    """What `step` returns, asked again while GitHub is unavailable. Raises Refused, or Unavailable of the last attempt.

    `step` looks before it writes: what was made although its answer was lost is found then, not made again.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return step()
        except Unavailable as error:
            time.sleep(min(error.wait * 2**attempt, _LONGEST_WAIT_SECONDS))
    return step()


def ask(client: httpx.Client, method: str, path: str, **asked: Any) -> Any:
    """The answer to one request. Raises Refused or Unavailable."""
    try:
        answer = client.request(method, path, **asked)
    except httpx.TransportError as error:
        raise Unavailable(f"{method} {path}: {type(error).__name__}", 1.0) from error
    later = answer.headers.get("retry-after", "")
    if answer.status_code >= 500 or answer.status_code == 429 or (answer.status_code == 403 and later):
        raise Unavailable(f"{method} {path}: {answer.status_code}", float(later) if later.isdigit() else 1.0)
    if not answer.is_success:
        raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:300]}", answer.status_code)
    try:
        return answer.json()
    except ValueError as error:  # a proxy's page
        raise Unavailable(f"{method} {path}: {answer.status_code}, but no JSON", 1.0) from error


def run(needed: list[str], act: Callable[[httpx.Client, str], str]) -> int:
    """A script's end: `act(client, repository)` says what it did; the exit code is 0, 1 (refused) or 2 (could not be asked).

    `needed`: variables that the script reads besides GitHub's own.
    """
    missing = [
        name for name in ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", *needed) if not os.environ.get(name)
    ]
    if missing:
        sys.stderr.write(f"error: {', '.join(missing)} not set\n")
        return 2
    headers = {
        "authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
    }
    try:
        with httpx.Client(base_url=os.environ["GITHUB_API_URL"], headers=headers, timeout=_TIMEOUT_SECONDS) as client:
            sys.stdout.write(act(client, os.environ["GITHUB_REPOSITORY"]) + "\n")
    except Refused as error:
        sys.stderr.write(f"error: GitHub refused: {error}\n")
        return 1
    except (OSError, Unavailable) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0
