"""Reports: a scored match, roster or comparison as JSON values and as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from scoring.engine.compare import Change, Move
from scoring.engine.compiled import Line, Profile
from scoring.engine.conditions import holds
from scoring.engine.contests import rank
from scoring.engine.document import Bands, Rules
from scoring.engine.exact import add_up, to_text
from scoring.engine.forms import ratio
from scoring.engine.rosters import RosterScore
from scoring.engine.scoring import Scorecard
from scoring.engine.seasons import Standing, WeekScore
from scoring.sources.match import Match


def ranked(card: Scorecard) -> list[tuple[int, Profile, Fraction]]:
    """Rank, player and points of everyone whom the game knows, best first; equals by name."""
    roles = card.rules.roster.roles
    totals = {
        player: points
        for player, points in card.totals.items()
        if not roles or card.profiles[player].text("role") in ("", *roles)
    }
    places = rank(totals)
    order = sorted(totals, key=lambda player: (places[player], card.profiles[player].text("name"), player))
    return [(places[player], card.profiles[player], totals[player]) for player in order]


def notes(match: Match, card: Scorecard) -> list[str]:
    """What a reader of the points should know."""
    found = []
    if not holds(card.rules.made_for, card.context.get):
        terms = " and ".join(f"{name} {test.words()}" for name, test in card.rules.made_for.items())
        found.append(f"{card.rules.id} is made for matches whose {terms}; this one is not")
    found += match.findings.notes
    for reason, rule in match.faults(card.rules):
        found.append(f"{reason} ({f'rule {rule} reads it' if rule else 'no rule of these reads it'})")
    found += [f"accepted although {reason}" for reason in match.findings.contradictions]
    found += stated_otherwise(card)
    if match.unknown:
        found.append(f"{match.facts.get('source', match.id)} does not record: {'; '.join(match.unknown)}")
    return found


def stated_otherwise(card: Scorecard) -> list[str]:
    """Where the points that the source itself states differ from the computed ones, for rules that should agree with it."""
    if card.rules.stated is None:
        return []
    kind, attribute, owner = card.rules.stated.event, card.rules.stated.attribute, card.rules.stated.player
    stated: dict[str, list[str]] = {}
    for event in card.state.values():
        points = event.attributes.get(attribute)
        if event.kind == kind and points is not None:
            stated.setdefault(str(event.attributes[owner]), []).append(str(points))
    found = []
    for player, parts in sorted(stated.items()):
        given, computed = sum((Fraction(part) for part in parts), Fraction(0)), card.totals.get(player, Fraction(0))
        # A source rounds a third of a point to two or three decimals.
        near = Fraction(len(parts), 2 * 10 ** max(len(part.partition(".")[2]) for part in parts))
        if given != computed and (computed.denominator in (1, 2, 4, 5, 8, 10, 20) or abs(given - computed) > near):
            found.append(
                f"{attribute}: the source states {to_text(given)} points for {player};"
                f" these rules compute {to_text(computed)}"
            )
    return found


def as_json(match: Match, card: Scorecard, roster: RosterScore | None = None) -> dict[str, Any]:
    """The report as a JSON value; points are exact decimal strings."""
    document: dict[str, Any] = {
        "match": {
            "id": match.id,
            "sport": match.sport,
            "title": match.title,
            "date": match.date,
            "teams": list(match.teams),
            **match.facts,
            "notes": notes(match, card),
            **_accepted(match),
        },
        "rules": {"id": card.rules.id, "version": card.rules.version, "sha256": card.rules.sha256},
        "players": [
            {
                "id": profile.player,
                "name": profile.text("name"),
                "team": profile.text("team"),
                "points": to_text(points),
                "lines": [
                    {"rule": line.rule, "points": to_text(line.points), "events": list(line.events)}
                    for line in card.by_player.get(profile.player, ())
                ],
            }
            for _, profile, points in ranked(card)
        ],
    }
    if roster is not None:
        document["roster"] = {
            "points": to_text(roster.total),
            "players": [
                {
                    "id": line.player,
                    "points": to_text(line.points),
                    "factor": to_text(line.factor),
                    "contribution": to_text(line.contribution),
                    "because": line.because,
                }
                for line in roster.lines
            ],
        }
    return document


def weeks_as_json(weeks: Sequence[WeekScore]) -> dict[str, Any]:
    """An entrant's weeks as a JSON value."""
    return {
        "weeks": [
            {
                "id": week.id,
                "points": to_text(week.total),
                "transfers": week.transfers,
                "paid_transfers": week.paid,
                "cost": to_text(week.cost),
                "free_transfers_left": week.free,
            }
            for week in weeks
        ],
        "points": to_text(add_up(week.total for week in weeks)),
    }


def weeks_as_text(weeks: Sequence[WeekScore]) -> str:
    """An entrant's weeks as a table."""
    rows = [
        [week.id, to_text(week.score.total), str(week.transfers), to_text(week.cost), to_text(week.total)]
        for week in weeks
    ]
    table = columns(["week", "points", "transfers", "cost", "counts"], rows)
    return "\n".join([*table, f"season: {to_text(add_up(week.total for week in weeks))}"])


def standings_as_json(rules: Rules, standings: Sequence[Standing]) -> dict[str, Any]:
    """A championship as a JSON value."""
    return {
        "standings": [
            {"id": each.player, "name": each.name, "points": to_text(each.points), "dropped": to_text(each.dropped)}
            for each in standings
        ],
        "rules": {"id": rules.id, "version": rules.version, "sha256": rules.sha256},
    }


def standings_as_text(standings: Sequence[Standing]) -> str:
    """A championship as a table."""
    places = rank({each.player: each.points for each in standings})
    rows = [
        [str(places[each.player]), each.name, to_text(each.points), to_text(each.dropped) if each.dropped else ""]
        for each in standings
    ]
    return "\n".join(columns(["#", "player", "points", "dropped"], rows))


def _accepted(match: Match) -> dict[str, Any]:
    """Who looked at a file's contradictions, and which: kept with the points for whoever audits them."""
    findings = match.findings
    if findings.accept is None:
        return {}
    return {"accepted": {"reason": findings.accept, "contradictions": list(findings.contradictions)}}


def older_revision(newer: Scorecard, older: Scorecard, match: Match, path: str) -> str:
    """What an older revision of a match would have given, in one line."""
    before, after = older.totals, newer.totals
    moved = [
        f"{player} {to_text(before.get(player, Fraction(0)))} instead of {to_text(after.get(player, Fraction(0)))}"
        for player in sorted(before.keys() | after.keys())
        if before.get(player, Fraction(0)) != after.get(player, Fraction(0))
    ]
    shown = "; ".join(moved[:5]) + (f"; {len(moved) - 5} more" if len(moved) > 5 else "")
    return f"{path} has revision {match.revision} of {match.id}, which is older and not scored: {shown or 'the same points'}"


def as_text(match: Match, card: Scorecard, roster: RosterScore | None = None, *, explain: bool = False) -> str:
    """The report as a table, with the lines of each player if `explain`."""
    out = [f"{match.title} · {match.date} · {card.rules.name}", ""]
    if roster is not None:
        out += _roster_table(card, roster)
    players = ranked(card)
    if explain:
        for place, profile, points in players:
            out.append(f"{place}. {profile.text('name')} ({profile.text('team')}): {to_text(points)}")
            out += [f"     {_line(card.rules, line)}" for line in card.by_player.get(profile.player, ())]
    else:
        out += columns(
            ["#", "player", "team", "points"],
            [
                [str(place), profile.text("name"), profile.text("team"), to_text(points)]
                for place, profile, points in players
            ],
        )
    if match.findings.accept is not None:
        out += ["", f"accepted: {match.findings.accept}"]
    out += ["", *(f"note: {note}" for note in notes(match, card))]
    return "\n".join(out).rstrip()


def changes_as_text(changes: Iterable[Change]) -> str:
    """One line per change: path, before, after."""
    lines = [f"{change.path}: {_side(change.before)} → {_side(change.after)}" for change in changes]
    return "\n".join(lines) or "no difference"


def moves_as_text(moves: Sequence[Move]) -> str:
    """A table of who moves, and which rules move them."""
    if not moves:
        return "nobody moves"
    rows = [
        [
            move.name,
            to_text(move.before),
            to_text(move.after),
            _signed(move.delta),
            f"{move.rank_before} → {move.rank_after}",
            ", ".join(f"{rule} {_signed(points)}" for rule, points in move.rules.items()),
        ]
        for move in moves
    ]
    return "\n".join(columns(["player", "before", "after", "change", "rank", "because of"], rows))


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned text columns; a column of numbers is set to the right."""
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    numeric = [all(row[index].lstrip("+-").replace(".", "", 1).isdigit() for row in rows) for index in range(len(head))]

    def laid(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        return "  ".join(cells).rstrip()

    return [laid(head), *(laid(row) for row in rows)]


def _roster_table(card: Scorecard, roster: RosterScore) -> list[str]:
    rows = [
        [
            card.profiles[line.player].text("name") if line.player in card.profiles else line.player,
            to_text(line.points),
            f"× {to_text(line.factor)}",
            to_text(line.contribution),
            line.because,
        ]
        for line in roster.lines
    ]
    table = columns(["roster", "points", "factor", "counts", "because of"], rows)
    return [*table, f"roster total: {to_text(roster.total)}", ""]


def _line(rules: Rules, line: Line) -> str:
    rule = next(rule for rule in rules.rules if rule.id == line.rule)
    measures = rules.vocabulary.measures
    measured = ", ".join(f"{measures[name].title} {value}" for name, value in line.measured)
    rate = ratio(rule.form, dict(line.measured)) if isinstance(rule.form, Bands) else None
    if rate is not None and isinstance(rule.form, Bands) and rule.form.per is not None:
        measured += f": {_two_places(rate)} {rule.form.unit}"
    group = f" [{rule.scope} {' '.join(str(part) for part in line.group)}]" if line.group else ""
    return f"{_signed(line.points):>6}  {rule.title}{group}: {measured} ({len(line.events)} events)"


def _two_places(rate: Fraction) -> str:
    """A rate cut (not rounded) to two decimals, so that 69.999 does not look like the 70 it has not reached."""
    whole, part = divmod(rate.numerator * 100 // rate.denominator, 100)
    return f"{whole}.{part:02d}"


def _signed(points: Fraction) -> str:
    return to_text(points) if points < 0 else f"+{to_text(points)}"


def _side(value: Any) -> str:
    return "—" if value is None else str(value)
