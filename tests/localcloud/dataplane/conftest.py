"""A supervisor for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Platform, make_platform, running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One supervisor for a module's tests; each uses names of its own."""
    yield from running(make_platform(tmp_path_factory.mktemp("shared")))
