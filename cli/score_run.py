"""What one call of `matchday score` does: matches are opened, scored and shown, those of a directory by several processes."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import typer

from scoring import report
from scoring.batches import rarely_collected
from scoring.engine.document import Rules
from scoring.engine.errors import RosterError, ScoringError, SourceError
from scoring.engine.rosters import Pick, RosterScore, apply_multipliers, validate
from scoring.engine.scoring import Scorecard, scorecard
from scoring.engine.seasons import Week, score_weeks, standings
from scoring.engine.tables import beside
from scoring.sources import find_matches, fpl, open_match, roster_file
from scoring.sources.match import Match

#: From so many matches on, every core scores a part of them; below, starting processes would take longer.
FOR_PROCESSES = 24

#: So many groups of files go to a process at once.
_AT_ONCE = 8

#: Files that may be revisions of one match.
Group = Sequence[Path]


@dataclass(slots=True)
class Outcome:
    """What became of files that may be revisions of one match: what to print, and where (True: standard error), in order."""

    printed: list[tuple[bool, str]] = field(default_factory=list)
    scored: dict[str, Path] = field(default_factory=dict)
    refused: int = 0

    def refuse(self, error: ScoringError) -> None:
        """One line for what is refused."""
        self.refused += 1
        self.printed.append((True, refusal(error)))


@dataclass(frozen=True)
class Run:
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
        seen: dict[str, Path] = {}
        refused = 0
        # Revisions of one match are files of one name: a provider's id is the name of its file.
        groups = by_name(find_matches(path))
        with rarely_collected():
            for group, outcome in zip(groups, self._outcomes(groups), strict=True):
                found = outcome if seen.keys().isdisjoint(outcome.scored) else self.of_group(group, seen)
                for error, text in found.printed:
                    typer.echo(text, err=error)
                seen.update(found.scored)
                refused += found.refused
        return len(seen), refused

    def _outcomes(self, groups: Sequence[Group]) -> Iterator[Outcome]:
        """What becomes of each group, in order. What the matches come to together needs their scorecards here."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        done = 0
        if min(cores, len(groups) // FOR_PROCESSES) > 1 and self.weeks is None and not self.standings:
            try:
                with ProcessPoolExecutor(cores) as pool:
                    for outcome in pool.map(self.of_group, groups, chunksize=_AT_ONCE):
                        done += 1
                        yield outcome
            except BrokenProcessPool:  # one of them was killed: the rest is scored here
                pass
        for group in groups[done:]:
            yield self.of_group(group)

    def of_group(self, group: Group, seen: Mapping[str, Path] = MappingProxyType({})) -> Outcome:
        """Score files that may be revisions of one match; a match of `seen` is scored already."""
        outcome = Outcome()
        opened: list[tuple[Match, Path]] = []
        for place in group:
            try:
                match = open_match(place, seen_at(place), self.accept)
                if match.id in seen:
                    raise SourceError(str(place), f"{match.id} is in {seen[match.id]} already; a match is scored once")
                opened.append((match, place))
            except ScoringError as error:
                outcome.refuse(error)
        opened.sort(key=lambda pair: (pair[0].id, -pair[0].revision, str(pair[1])))
        for match_id, revisions in itertools.groupby(opened, key=lambda pair: pair[0].id):
            (match, place), *older = list(revisions)
            try:
                card, scored = self._score(match)
                for other, other_place in older:
                    match.findings.notes.append(
                        report.older_revision(card, self._score(other)[0], other, str(other_place))
                    )
                outcome.printed.append((False, self.shown(match, card, scored, alone=False)))
                if self.weeks is not None or self.standings:
                    self.cards[match.id] = card
                outcome.scored[match_id] = place
            except ScoringError as error:
                outcome.refuse(error)
        return outcome

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
        events = match.events
        if self.players is not None and self.players_seen is not None:
            events = beside(events, roster_file.role_events(self.rules, self.players, self.players_seen))
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


def seen_at(path: Path) -> datetime:
    """When a file came to us: its modification time (the epoch for one that is not there, whose reading will fail)."""
    try:
        path = path.parent if path.parent.name == fpl.LIVE else path
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def refusal(error: ScoringError) -> str:
    """Why something is refused, as one line."""
    return " ".join(f"matchday: {error}".split())
