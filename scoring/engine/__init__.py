"""The scoring engine: pure functions over rules documents and match events. What a caller needs is exported here."""

from scoring.engine.bulk import RosterBook
from scoring.engine.compare import diff, impact
from scoring.engine.compiled import Line, Profile
from scoring.engine.contests import rank, split_prizes
from scoring.engine.document import Rules
from scoring.engine.errors import EventError, PrizeError, RosterError, RulesError, ScoringError, SourceError
from scoring.engine.events import Event, disagreements, observe, state_at
from scoring.engine.exact import to_decimal
from scoring.engine.explaining import explain
from scoring.engine.linting import Finding, lint
from scoring.engine.registry import load, published
from scoring.engine.rosters import Pick, Roster, RosterProblem, RosterScore, RosterScorer, apply_multipliers, validate
from scoring.engine.scoring import Scorecard, rescore, score, scorecard, total

__all__ = [
    "Event",
    "EventError",
    "Finding",
    "Line",
    "Pick",
    "PrizeError",
    "Profile",
    "Roster",
    "RosterBook",
    "RosterError",
    "RosterProblem",
    "RosterScore",
    "RosterScorer",
    "Rules",
    "RulesError",
    "Scorecard",
    "ScoringError",
    "SourceError",
    "apply_multipliers",
    "diff",
    "disagreements",
    "explain",
    "impact",
    "lint",
    "load",
    "observe",
    "published",
    "rank",
    "rescore",
    "score",
    "scorecard",
    "split_prizes",
    "state_at",
    "to_decimal",
    "total",
    "validate",
]
