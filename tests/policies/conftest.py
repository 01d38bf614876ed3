"""Shared by the policy tests: the real engine with a cloud of its own, for the platform and for programs of a few lines."""

from tests.engine.conftest import far_end, far_end_of

__all__ = ["far_end", "far_end_of"]
