"""Environments of pull requests: which one a run is for, made or brought up to date, and taken away.

    python -m scripts.ci.branches which NUMBER label|command   (GITHUB_OUTPUT gets `wanted`, `commit`, `number`)
    python -m scripts.ci.branches deploy NUMBER IMAGE          (IMAGE: what scripts.images.publish join wrote)
    python -m scripts.ci.branches clean                        (each whose time is over or whose pull request is not open)

`deploy` writes environments/Pulumi.pr-<NUMBER>.yaml in this checkout, and a comment on the pull request: address, changes,
cost, until when. `clean` takes away nothing but stacks `pr-<number>`, and goes on with the others where one cannot be.
Exit code 0: done; 1: GitHub refused; 2: it could not be done, or not all of it: the same run again does the rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from environments import branches
from environments.settings import KEY
from model.validation import DocumentError
from scripts.ci import branch_stacks, github, identity, post_comment, pulumi

#: The label of a pull request that has its environment follow each green push.
LABEL = "environment"

#: The first line of our comment on the pull request.
MARKER = "<!-- matchday environment -->"

_MATCHDAY = (sys.executable, "-c", "from cli.main import main; main()")


def _pull_request(client: httpx.Client, repository: str, number: int) -> Mapping[str, Any] | None:
    """The pull request; None where there is none of that number."""
    try:
        found: Mapping[str, Any] = github.patiently(
            lambda: github.ask(client, "GET", f"/repos/{repository}/pulls/{number}")
        )
    except github.Refused as refused:
        if refused.code != 404:
            raise
        return None
    return found


def which(client: httpx.Client, repository: str, number: int, by: str) -> dict[str, str]:
    """Whether this pull request gets an environment, and of which commit. Raises Failed for one that may have none."""
    pull = _pull_request(client, repository, number)
    if pull is None or pull["state"] != "open":
        raise pulumi.Failed(f"pull request {number} is not open; accepted: an open one of {repository}")
    if (pull["head"]["repo"] or {}).get("full_name") != repository:
        raise pulumi.Failed(f"pull request {number} is from a fork; accepted: a branch of {repository} itself")
    labelled = LABEL in {label["name"] for label in pull["labels"]}
    wanted = "true" if labelled or by == "command" else "false"
    return {"wanted": wanted, "commit": pull["head"]["sha"], "number": str(number)}


def monthly(stack: str) -> float:
    """What a month of the stack costs, by `matchday cost`. Raises Failed above what one may cost."""
    command = [*_MATCHDAY, "--project", str(Path.cwd()), "cost", stack, "--json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise pulumi.Failed(f"`matchday cost {stack}` ended with {done.returncode}")
    cost = float(json.loads(done.stdout)["monthly"])
    if cost > branches.MONTHLY:
        raise pulumi.Failed(f"{stack} would cost {cost:,.0f} USD a month; accepted: at most {branches.MONTHLY}")
    return cost


def deploy(client: httpx.Client, repository: str, number: str, image: Mapping[str, Any]) -> str:
    """Make or renew the environment of a pull request, and say so there; what was done."""
    stack = branches.name(number)
    branch_stacks.write(stack, {key: image[key] for key in ("digest", "targets") if key in image})
    cost = monthly(stack)
    settings = yaml.safe_load(branch_stacks.file_of(stack).read_text())["config"][KEY]
    identity.renew()
    until, changed = branch_stacks.deploy(stack)
    counted = ", ".join(f"{count} {what}d" for what, count in changed.items()) or "nothing changed"
    lifetime_cost = cost * branches.LIFETIME.total_seconds() / (730 * 3600)
    text = (
        f"{MARKER}\n### Environment `{stack}`\n\nhttps://{settings['edge']['domain']} runs image `{image['digest'][:19]}…`"
        f" ({counted}).\n\nIt stays until {until:%Y-%m-%d %H:%M} UTC, {branches.LIFETIME.total_seconds() / 3600:.0f} hours"
        f" after its last deployment, and goes when this is merged or closed. About {cost:,.0f} USD a month by list prices,"
        f" {lifetime_cost:,.0f} until then."
    )
    return post_comment.put(client, repository, int(number), text, MARKER)


def clean(client: httpx.Client, repository: str, now: datetime) -> str:
    """Take away what is over; what was done. Raises Failed with what could not be, when all was tried."""
    done, failed = [], []
    for stack in branch_stacks.listed():
        number = branches.number_of(stack)
        if number is None:
            done.append(f"{stack}: no pull request's, left alone")
            continue
        try:
            why = _over(client, repository, stack, number, now)
            if why:
                identity.renew()
                left = branch_stacks.remove(stack)
                why += f"; look in AWS for what was being made when a run was ended: {', '.join(left)}" if left else ""
                _say_gone(client, repository, number, f"{MARKER}\n### Environment `{stack}`\n\nTaken away: {why}.")
            done.append(f"{stack}: {f'taken away: {why}' if why else 'stays'}")
        except (pulumi.Failed, github.Refused, github.Unavailable, DocumentError, OSError, ValueError) as failure:
            failed.append(f"{stack}: {failure}")
    if failed:
        raise pulumi.Failed("; ".join([*failed, *done]))
    return "\n".join(done) or "there is no environment of a pull request"


def _over(client: httpx.Client, repository: str, stack: str, number: int, now: datetime) -> str:
    """Why the stack is to go; "" where it stays."""
    until = branch_stacks.expires(stack)
    if until is None:
        return "its making was cut off before it began"
    if until <= now:
        return f"its time was over at {until:%Y-%m-%d %H:%M} UTC"
    pull = _pull_request(client, repository, number)
    if pull is None or pull["state"] != "open":
        return "the pull request is closed"
    return ""


def _say_gone(client: httpx.Client, repository: str, number: int, text: str) -> None:
    """In the comment that said where it is; a number that is no pull request has none."""
    if _pull_request(client, repository, number) is not None:
        post_comment.put(client, repository, number, text, MARKER)


def _act(client: httpx.Client, repository: str, words: list[str]) -> str:
    match words:
        case ["which", number, by]:
            found = which(client, repository, branches.number_of(branches.name(number)) or 0, by)
            with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
                outputs.writelines(f"{name}={value}\n" for name, value in found.items())
            return f"pull request {number}: {found}"
        case ["deploy", number, image]:
            return deploy(client, repository, number, json.loads(Path(image).read_text()))
        case _:
            return clean(client, repository, datetime.now(UTC))


def main(words: list[str]) -> int:
    """The script."""
    match words:
        case ["which", _, "label" | "command"]:
            needed = ["GITHUB_OUTPUT"]
        case ["deploy", _, _] | ["clean"]:
            needed = ["PULUMI_BACKEND_URL"]
        case _:
            sys.stderr.write("error: usage: branches which NUMBER label|command | deploy NUMBER IMAGE | clean\n")
            return 2
    try:
        return github.run(needed, lambda client, repository: _act(client, repository, words))
    except (DocumentError, pulumi.Failed, OSError, ValueError, KeyError) as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
