"""Which errors are the disk's and none of ours."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from localcloud.dataplane.__main__ import main as supervise
from localcloud.provider.kept import KeptProperties
from localcloud.runtime.errors import is_of_the_disk


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), False),
        (ValueError("no"), False),
    ],
)
def test_a_full_disk_is_nobodys_defect(error: Exception, expected: bool) -> None:
    assert is_of_the_disk(error) is expected


def test_sqlite_says_it_in_words_of_its_own(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "store.sqlite")
    connection.execute("CREATE TABLE kept (content BLOB)")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as full:
        connection.execute("INSERT INTO kept VALUES (zeroblob(100000))")
    assert is_of_the_disk(full.value)
    with pytest.raises(sqlite3.OperationalError) as wrong:
        connection.execute("SELECT nothing FROM nowhere")
    assert not is_of_the_disk(wrong.value)


def test_a_supervisor_that_finds_no_room_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(KeptProperties, "__init__", full)
    state = tmp_path / "state"
    assert supervise(["--state", str(state), "--ingress", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == "supervisor: [Errno 28] No space left on device\n"
