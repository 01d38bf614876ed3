"""For all tests: property tests are bounded by their number of examples, not by the clock of a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("matchday", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("matchday")
