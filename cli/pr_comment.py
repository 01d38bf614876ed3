"""`matchday pr-comment FILES`: the comment on a pull request, from what `preview --against --json` printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console


def pr_comment(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="One for each stack: what `preview STACK --against --json` printed."),
    ],
) -> None:
    """Write the comment on a pull request: Markdown on standard output, never longer than GitHub takes.

    Per stack the counts, replacements and deletions first with the property that forces them, violations of policies that the
    change brings or ends, and what it costs. Secrets are not in the documents. `scripts/ci/post_comment.py` posts it.

    Exit code 0: written. 2: a file cannot be read, or is no such document.
    """
    from cli.comment import comment

    console.result.out(comment([_document(file) for file in files]), end="")


def _document(file: Path) -> dict[str, Any]:
    from pydantic import ValidationError

    from cli.documents import check

    try:
        document: dict[str, Any] = json.loads(file.read_bytes())
        check("preview --against", document)
    except OSError as error:
        console.fail(f"{file}: {error.strerror}", code=console.NOT_ASKED)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        console.fail(
            f"{file}: {where}: {first['msg']}", "Accepted: `preview STACK --against --json`.", console.NOT_ASKED
        )
    except ValueError:
        console.fail(f"{file}: this is no JSON", "Accepted: `preview STACK --against --json`.", console.NOT_ASKED)
    return document
