"""`matchday rules`: list, lint, explain and compare the scoring rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.score import refusing
from cli.score_run import is_batch, seen_at
from scoring import report
from scoring.engine import registry
from scoring.engine.compare import diff as differences
from scoring.engine.compare import impact as moves
from scoring.engine.explaining import explain as explanation
from scoring.engine.linting import lint as findings
from scoring.sources import find_matches, open_match

app = typer.Typer(help="Scoring rules: list, lint, explain, diff, impact.", no_args_is_help=True)

Reference = Annotated[
    str, typer.Argument(metavar="ID[@VERSION]", help="Rules that ship with Matchday, or a file ending in .json.")
]


@app.command(name="list")
def list_() -> None:
    """Every rules document: id, version, content hash and title."""
    with refusing():
        rows = []
        for id_, versions in registry.published().items():
            for version in versions:
                rules = registry.load(f"{id_}@{version}")
                rows.append([id_, version, rules.sha256[:12], rules.title])
        typer.echo("\n".join(report.columns(["id", "version", "sha256", "title"], rows)))


@app.command()
def lint(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[ID[@VERSION]|FILE]...", help="Default: all that ship.")
    ] = None,
) -> None:
    """Find gaps, overlaps, unreachable rules and unknown names. Exit code 1 if there are errors; warnings are none."""
    with refusing():
        broken = 0
        for reference in references or list(registry.published()):
            rules = registry.read(registry.path_of(reference))
            for finding in findings(rules):
                broken += finding.error
                typer.echo(f"{reference}: {'error' if finding.error else 'warning'}: {finding}")
        if broken:
            typer.echo(f"matchday: lint: {broken} error{'s' if broken > 1 else ''}", err=True)
            raise typer.Exit(console.NO)


@app.command()
def explain(reference: Reference) -> None:
    """The rules as words and tables (Markdown)."""
    with refusing():
        typer.echo(explanation(registry.load(reference)))


@app.command()
def diff(before: Reference, after: Reference) -> None:
    """What changed between two rules documents."""
    with refusing():
        typer.echo(report.changes_as_text(differences(registry.load(before), registry.load(after))))


@app.command()
def impact(
    before: Reference,
    after: Reference,
    match: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="Past matches, as for `matchday score`.")],
) -> None:
    """Re-score a past match, or every match of a directory, under both rules and show who moves."""
    with refusing():
        one, other = registry.load(before), registry.load(after)
        for place in find_matches(match):
            past = open_match(place, seen_at(place))
            past.check(one)
            past.check(other)
            if is_batch(match):
                typer.echo(f"{past.title} · {past.date} · {past.id}")
            typer.echo(report.moves_as_text(moves(one, other, past.events)))
