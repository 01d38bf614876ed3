"""`matchday score`: fantasy points of a match, a race or a whole directory of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from scoring import report
from scoring.engine import registry
from scoring.engine.document import Rules
from scoring.engine.errors import RosterError, RulesError, ScoringError, SourceError
from scoring.engine.rosters import Pick, RosterScore, apply_multipliers, validate
from scoring.engine.scoring import Scorecard, scorecard
from scoring.engine.seasons import Week, score_weeks, standings
from scoring.sources import find_matches, fpl, open_match, roster_file
from scoring.sources.match import Match


@contextmanager
def refusing() -> Iterator[None]:
    """Bad input ends the command with one line on standard error and exit code 2."""
    try:
        yield
    except ScoringError as error:
        _refuse(error)
        raise typer.Exit(console.NOT_ASKED) from error


def parameters(settings: list[str]) -> dict[str, str | int]:
    """NAME=VALUE settings of rules parameters; a value that is a plain number stands for a number or its text."""
    chosen: dict[str, str | int] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise RulesError(f"--set {setting}", "expected NAME=VALUE")
        chosen[name] = value
    return chosen


def seen_at(path: Path) -> datetime:
    """When a file came to us: its modification time (the epoch for one that is not there, whose reading will fail)."""
    try:
        path = path.parent if path.parent.name == fpl.LIVE else path
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def score(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR",
            help="A Cricsheet JSON file, an f1db race directory, an event log, or a directory of these.",
        ),
    ],
    rules: Annotated[
        str,
        typer.Option(
            "--rules",
            metavar="ID[@VERSION]",
            help="Which rules (`matchday rules list`), or a rules file ending in .json.",
        ),
    ],
    roster: Annotated[
        Path | None,
        typer.Option("--roster", metavar="R", help="A roster to check and score too (JSON; see docs/scoring.md)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; one document per line for a directory of matches.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print every line behind the points.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Choose a variant of the rules.")
    ] = None,
    players: Annotated[
        Path | None,
        typer.Option("--players", metavar="LIST", help="Your player list: roles, teams and prices (JSON)."),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="REASON",
            help="Score a file that contradicts itself, since you have looked at it; the reason stays in the output.",
        ),
    ] = None,
    season: Annotated[
        bool,
        typer.Option("--standings", help="After a directory: the championship, of which only the best results count."),
    ] = False,
) -> None:
    """Print the fantasy points of a match under given rules.

    Of a directory every match is scored that can be: what is refused is named on standard error and the exit code is 1.
    """
    with refusing():
        if as_json and explain:
            raise RulesError("--json --explain", "choose one of the two")
        if accept is not None and not accept.strip():
            raise RulesError("--accept", "give the reason for which the file may be scored")
        weeks = None if roster is None else roster_file.read_weeks(roster)
        if (weeks is not None or season) and not is_batch(path):
            raise SourceError(str(path), "several matches are a directory of them")
        run = _Run(
            rules=registry.load(rules, parameters(settings or [])),
            roster=roster if weeks is None else None,
            weeks=weeks,
            standings=season,
            players=None if players is None else roster_file.read_players(players),
            players_seen=seen_at(players) if players is not None else None,
            accept=accept,
            as_json=as_json,
            explain=explain,
        )
        if not is_batch(path):
            typer.echo(run.shown(*run.scored(path)))
            return
        done, refused = run.batch(path)
        for together in run.together(str(roster)):
            typer.echo(together)
    if refused:
        typer.echo(f"matchday: {refused} of {done + refused} refused, each with its reason above", err=True)
        raise typer.Exit(console.NO if done else console.NOT_ASKED)


@dataclass(frozen=True)
class _Run:
    """What one call of the command scores with."""

    rules: Rules
    roster: Path | None
    weeks: list[roster_file.PlannedWeek] | None
    standings: bool
    players: Mapping[str, Pick] | None
    players_seen: datetime | None
    accept: str | None
    as_json: bool
    explain: bool
    cards: dict[str, Scorecard] = field(default_factory=dict)

    def batch(self, path: Path) -> tuple[int, int]:
        """Score every match below a directory: how many were scored, how many refused."""
        done = refused = 0
        seen: dict[str, Path] = {}
        # Revisions of one match are files of one name: a provider's id is the name of its file.
        for group in by_name(find_matches(path)):
            opened: list[tuple[Match, Path]] = []
            for place in group:
                try:
                    match = open_match(place, seen_at(place), self.accept)
                    if match.id in seen:
                        raise SourceError(
                            str(place), f"{match.id} is in {seen[match.id]} already; a match is scored once"
                        )
                    opened.append((match, place))
                except ScoringError as error:
                    refused += 1
                    _refuse(error)
            opened.sort(key=lambda pair: (pair[0].id, -pair[0].revision, str(pair[1])))
            for match_id, revisions in itertools.groupby(opened, key=lambda pair: pair[0].id):
                (match, place), *older = list(revisions)
                seen[match_id] = place
                try:
                    card, scored = self._score(match)
                    for other, other_place in older:
                        match.findings.notes.append(
                            report.older_revision(card, self._score(other)[0], other, str(other_place))
                        )
                    typer.echo(self.shown(match, card, scored, alone=False))
                    if self.weeks is not None or self.standings:
                        self.cards[match.id] = card
                    done += 1
                except ScoringError as error:
                    refused += 1
                    _refuse(error)
        return done, refused

    def together(self, place: str) -> Iterator[str]:
        """What the matches come to together: the championship, the entrant's weeks."""
        if self.standings:
            found = standings(self.rules, self.cards.values())
            yield (
                json.dumps(report.standings_as_json(self.rules, found), ensure_ascii=False)
                if self.as_json
                else report.standings_as_text(found)
            )
        if self.weeks is not None:
            weeks = score_weeks(self.rules, [self._week(week, place) for week in self.weeks])
            yield json.dumps(report.weeks_as_json(weeks)) if self.as_json else report.weeks_as_text(weeks)

    def _week(self, week: roster_file.PlannedWeek, place: str) -> Week:
        missing = [match for match in week.matches if match not in self.cards]
        if missing:
            raise RosterError(f"{place}: week {week.id!r}", f"not among the matches scored here: {', '.join(missing)}")
        cards = [self.cards[match] for match in week.matches]
        profiles = {player: profile for card in cards for player, profile in card.profiles.items()}
        roster = roster_file.complete(week.roster, profiles, self.players, f"{place}: week {week.id!r}")
        problems = validate(self.rules, roster)
        if problems:
            raise RosterError(f"{place}: week {week.id!r}", "; ".join(str(problem) for problem in problems))
        return Week(week.id, roster, tuple(line for card in cards for line in card.lines))

    def scored(self, path: Path) -> tuple[Match, Scorecard, RosterScore | None]:
        """One match with its points."""
        match = open_match(path, seen_at(path), self.accept)
        return (match, *self._score(match))

    def shown(self, match: Match, card: Scorecard, scored: RosterScore | None, *, alone: bool = True) -> str:
        """The report in the form that was asked for; of several matches each takes one line of JSON, or ends with a gap."""
        if self.as_json:
            document = report.as_json(match, card, scored)
            return json.dumps(document, ensure_ascii=False, indent=2 if alone else None)
        return report.as_text(match, card, scored, explain=self.explain) + ("" if alone else "\n")

    def _score(self, match: Match) -> tuple[Scorecard, RosterScore | None]:
        match.check(self.rules)
        events = list(match.events)
        if self.players is not None and self.players_seen is not None:
            events += roster_file.role_events(self.rules, self.players, self.players_seen)
        card = scorecard(self.rules, events)
        if self.roster is None:
            return card, None
        place = str(self.roster)
        roster = roster_file.complete(roster_file.read(self.roster), card.profiles, self.players, place)
        problems = validate(self.rules, roster)
        if problems:
            raise RosterError(place, "; ".join(str(problem) for problem in problems))
        match.findings.notes.extend(
            f"{pick.player} is in the roster and not in this match: 0 points"
            for pick in roster.picks
            if pick.player not in card.profiles
        )
        return card, apply_multipliers(self.rules, roster, card.lines)


def by_name(paths: Iterable[Path]) -> list[list[Path]]:
    """Paths that may be revisions of one match: those of one name."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(path.name, []).append(path)
    return list(groups.values())


def is_batch(path: Path) -> bool:
    """Whether a path holds several matches: a directory that is no race, a gameweek's file."""
    return (path.is_dir() and not (path / "race.yml").is_file()) or (path.name == fpl.LIVE and path.is_file())


def _refuse(error: ScoringError) -> None:
    typer.echo(" ".join(f"matchday: {error}".split()), err=True)
