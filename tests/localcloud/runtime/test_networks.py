"""No two clones of a user have the same loopback network, whether they run or not."""

from __future__ import annotations

import multiprocessing
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from localcloud.runtime import networks
from localcloud.runtime.addresses import AddressBook


@pytest.fixture(autouse=True)
def _a_list_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Clones below tmp_path are clones here, not passing ones.
    (tmp_path / "passing").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "passing"))
    # Whatever else runs on this machine holds the usual port.
    monkeypatch.setattr(networks, "CLAIM_PORT", 46999)


def clone(root: Path, name: str) -> Path:
    directory = root / name
    directory.mkdir(parents=True)
    return directory


def test_as_many_clones_as_networks_and_each_its_own(tmp_path: Path) -> None:
    chosen = {networks.take(clone(tmp_path, f"c{number}")) for number in range(160)}
    assert len(chosen) == 160
    with pytest.raises(networks.NoNetworkLeft, match=r"all 160 loopback networks have a clone .*remove the \.matchday"):
        networks.take(clone(tmp_path, "one-more"))
    shutil.rmtree(tmp_path / "c7")
    networks.take(clone(tmp_path, "in-its-place"))


def test_a_clone_that_lost_its_book_gets_its_network_again(tmp_path: Path) -> None:
    first, other = clone(tmp_path, "a"), clone(tmp_path, "b")
    network = AddressBook(first).network
    (first / "addresses.json").unlink()
    assert AddressBook(other).network != network
    assert AddressBook(first).network == network


def test_what_passes_gives_way_the_oldest_first_and_no_clone_does(tmp_path: Path) -> None:
    kept = networks.take(clone(tmp_path, "kept"))
    passing = [networks.take(clone(tmp_path / "passing", f"p{number}")) for number in range(159)]
    assert networks.take(clone(tmp_path / "passing", "next")) == passing[0]
    with socket.create_server((str(passing[1][1]), networks.CLAIM_PORT)):
        assert networks.take(clone(tmp_path / "passing", "after")) == passing[2]
    assert networks.take(tmp_path / "kept") == kept


def test_what_runs_is_left_alone_although_the_list_does_not_name_it(tmp_path: Path) -> None:
    network = networks.take(clone(tmp_path, "a"))
    (tmp_path / "cache" / "matchday" / "networks.json").write_text("{ half")
    with socket.create_server((str(network[1]), networks.CLAIM_PORT)):
        assert networks.take(tmp_path / "a") != network


def _take(directory: Path) -> str:
    directory.mkdir()
    return str(networks.take(directory))


def test_many_at_once(tmp_path: Path) -> None:
    # By fork: the children choose in this test's list.
    with multiprocessing.get_context("fork").Pool(8) as pool:
        chosen = pool.map(_take, [tmp_path / f"c{number}" for number in range(40)])
    assert len(set(chosen)) == 40


def test_a_clone_that_may_not_be_looked_at_keeps_its_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made as root, and the list was written with the same home."""
    other = clone(tmp_path, "of-root")
    network = networks.take(other)
    looked = Path.exists

    def closed(path: Path) -> bool:
        if path == other:
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(Path, "exists", closed)
    assert len({network, *(networks.take(clone(tmp_path, f"mine{number}")) for number in range(159))}) == 160
