"""For all tests: property tests are bounded by their number of examples, not by the clock of a busy machine."""

from __future__ import annotations

import os
import sys

from hypothesis import HealthCheck, settings

from tests.engine.engines import far_end, far_end_of, previews

# As cli does: `pytest` may be called without make, and what it starts should find compiled modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: Fixtures of the whole session: one engine's far end serves tests of several rooms.
__all__ = ["far_end", "far_end_of", "previews"]

settings.register_profile("matchday", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("matchday")
