"""What scoring alone can answer."""

from __future__ import annotations

from typing import TypeVar

from services.common.errors import ErrorCode, ServiceError

Found = TypeVar("Found")


class ScoringCode(ErrorCode):
    """Its own codes, beside those of every service."""

    RULES_UNKNOWN = "rules_unknown", 404, "There are no such rules"
    RULES_REFUSED = "rules_refused", 422, "The rules document has faults"
    RULES_WITHDRAWN = "rules_withdrawn", 409, "The rules are withdrawn"
    MATCH_UNKNOWN = "match_unknown", 404, "There is no such match"
    MATCH_FINAL = "match_final", 409, "The match is final and takes no corrections"
    SNAPSHOT_REFUSED = "snapshot_refused", 422, "What the feed says cannot be scored"
    SNAPSHOT_STALE = "snapshot_stale", 409, "A newer snapshot of this feed is stored"
    WRONG_MATCH = "wrong_match", 422, "The snapshot is of another match or sport"
    FEED_UNKNOWN = "feed_unknown", 404, "There is no such feed"
    SLATE_UNKNOWN = "slate_unknown", 404, "There is no such slate"
    SLATE_LOCKED = "slate_locked", 409, "The slate is locked: its first match has begun"
    TEAM_UNKNOWN = "team_unknown", 404, "The caller has no such team"
    TEAM_REFUSED = "team_refused", 422, "The team does not keep to the rules"
    ID_TAKEN = "id_taken", 409, "Something else has that id"
    CONTEST_UNKNOWN = "contest_unknown", 404, "There is no such contest"
    SEASON_UNKNOWN = "season_unknown", 404, "There is no such season"
    LEAGUE_UNKNOWN = "league_unknown", 404, "There is no such league for the caller"
    TOO_MANY_LEAGUES = "too_many_leagues", 409, "The caller is in too many leagues"
    NOT_CLOSABLE = "not_closable", 409, "The match cannot be made final now"
    OWN_PRIZE = "own_prize", 409, "Nobody decides on a prize of their own"
    PAYOUT_UNKNOWN = "payout_unknown", 404, "There is no such pay-out"
    NOT_REFUSED = "not_refused", 409, "The wallet has not refused this pay-out"
    REPORT_UNKNOWN = "report_unknown", 404, "The day was not compared yet"
    NOTHING_PROPOSED = "nothing_proposed", 409, "No pay-outs wait for approval"


def there(found: Found | None, code: ScoringCode) -> Found:
    """What was looked for. Raises ServiceError (`code`) where there is none."""
    if found is None:
        raise ServiceError(code, "Look at the id.")
    return found
