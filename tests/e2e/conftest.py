"""The whole platform in a clone of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clones import Clone, free_port, make_clone


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """One clone for the tests of a module; whatever they leave running is ended by `reset`."""
    made = make_clone(tmp_path_factory.mktemp("clone"), free_port())
    yield made
    made.run("reset", "--yes")
    assert made.processes() == []
