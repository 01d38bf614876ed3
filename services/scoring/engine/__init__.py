"""The scoring engine: pure functions over rules documents and match events. What a caller needs is exported here."""

from services.scoring.engine.bulk import RosterBook
from services.scoring.engine.catalogue import load, published
from services.scoring.engine.compare import diff, impact
from services.scoring.engine.compiled import Line, Profile
from services.scoring.engine.contests import rank, split_prizes
from services.scoring.engine.document import Rules
from services.scoring.engine.errors import EventError, PrizeError, RosterError, RulesError, ScoringError, SourceError
from services.scoring.engine.events import Event, disagreements, observe, state_at
from services.scoring.engine.exact import to_decimal
from services.scoring.engine.explaining import explain
from services.scoring.engine.linting import Finding, lint
from services.scoring.engine.rosters import Pick, Problem, Roster, RosterScore, apply_multipliers, validate
from services.scoring.engine.scoring import Scorecard, rescore, score, scorecard, total

__all__ = [
    "Event",
    "EventError",
    "Finding",
    "Line",
    "Pick",
    "PrizeError",
    "Problem",
    "Profile",
    "Roster",
    "RosterBook",
    "RosterError",
    "RosterScore",
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
