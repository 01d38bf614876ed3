"""What was changed by hand since the last deployment, in one issue for each stack: drift.py STACK.

Compares what is live with the state (`pulumi refresh --preview-only`, which changes nothing), but for secrets' values. With
drift the issue is opened, or brought up to date; without, it is closed. Names of resources and properties stand there, never
values. Reads GITHUB_TOKEN (scope `issues: write` and nothing else), GITHUB_REPOSITORY and GITHUB_API_URL, as GitHub Actions
sets them. Exit code 0: the issue says what is so; 1: GitHub refused; 2: the stack or GitHub could not be asked, and the issue
stays as it was.
https://docs.github.com/en/rest/issues/issues
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import httpx

from localcloud.engine import events
from scripts.ci import github, pulumi

#: What no drift is looked for in: the values of secrets, which the role that looks may not read.
_SECRETS = ("urn:pulumi:**::aws:secretsmanager/secretVersion:SecretVersion::**",)

#: Resources that an issue lists; the rest is counted. GitHub takes 65,536 characters.
_LISTED = 200


def drifted(happened: Sequence[events.Event]) -> list[events.ResourceEvent]:
    """The resources that are not as the state has them, of a refresh's events."""
    return [
        event
        for event in happened
        if isinstance(event, events.ResourceEvent)
        and event.stage == "done"
        and events.OPERATIONS.get(event.operation, "same") != "same"
    ]


def marker(stack: str) -> str:
    """The first line of the stack's issue."""
    return f"<!-- matchday drift: {stack} -->"


def body(stack: str, found: Sequence[events.ResourceEvent]) -> str:
    """The issue's text."""
    lines = [
        marker(stack),
        f"{len(found)} resources of `{stack}` are not as the last deployment left them. Find out who changed them and why"
        f" (CloudTrail), then keep it in the program or undo it: `pulumi up --refresh -s {stack}`.",
        "",
        "| resource | what | properties |",
        "|---|---|---|",
    ]
    for event in found[:_LISTED]:
        what = "is gone" if event.operation == "delete" else "was changed"
        properties = ", ".join(f"`{path}`" for path in event.changed[:20])
        lines.append(f"| `{event.type}` `{event.name}` | {what} | {properties} |")
    if len(found) > _LISTED:
        lines.append(f"\nand {len(found) - _LISTED} more")
    return "\n".join(lines)


def publish(client: httpx.Client, repository: str, stack: str, found: Sequence[events.ResourceEvent]) -> str:
    """Open, renew or close the stack's issue; what was done. Raises github.Refused or github.Unavailable."""
    return github.patiently(lambda: _publish(client, f"/repos/{repository}/issues", stack, found))


def _publish(client: httpx.Client, issues: str, stack: str, found: Sequence[events.ResourceEvent]) -> str:
    ours = _ours(client, issues, stack)
    text = body(stack, found)
    if ours is None:
        if not found:
            return f"{stack}: no drift"
        made = github.ask(client, "POST", issues, json={"title": f"Drift: {stack}", "body": text})
        return f"{stack}: {len(found)} resources drifted: {made['html_url']}"
    path = f"{issues}/{ours['number']}"
    if not found:
        github.ask(client, "PATCH", path, json={"state": "closed", "state_reason": "completed"})
        return f"{stack}: no drift any more: {ours['html_url']} is closed"
    if ours["body"] != text:
        github.ask(client, "PATCH", path, json={"body": text})
    return f"{stack}: {len(found)} resources drifted: {ours['html_url']}"


def _ours(client: httpx.Client, issues: str, stack: str) -> dict[str, Any] | None:
    """The stack's open issue; the API lists pull requests among issues."""
    page = 1
    while True:
        asked = {"state": "open", "creator": github.AUTHOR, "per_page": github.PAGE, "page": page}
        listed = github.ask(client, "GET", issues, params=asked)
        for issue in listed:
            if "pull_request" not in issue and (issue["body"] or "").startswith(marker(stack)):
                ours: dict[str, Any] = issue
                return ours
        if len(listed) < github.PAGE:
            return None
        page += 1


def main(words: list[str]) -> int:
    """The script."""
    if len(words) != 1:
        sys.stderr.write("error: usage: drift.py STACK\n")
        return 2
    (stack,) = words
    try:
        words = [word for urn in _SECRETS for word in ("--exclude", urn)]
        found = drifted(pulumi.run(["refresh", "--preview-only", *words], stack))
    except pulumi.Failed as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2
    return github.run([], lambda client, repository: publish(client, repository, stack, found))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
