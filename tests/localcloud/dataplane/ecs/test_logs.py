"""Log files of bounded size, and how `matchday logs` reads them."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from localcloud.dataplane.control.tail import tail
from localcloud.dataplane.ecs import logs
from localcloud.dataplane.ecs.logs import LogFile, Stream, place_of, writer
from localcloud.runtime.errors import SupervisorError, last_lines


def test_file_is_turned_over_at_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    file = LogFile(tmp_path / "wallet" / "web" / "1.log")
    for number in range(100):
        file.write(b"%03d %s\n" % (number, b"x" * 40))
    file.close()
    sizes = [path.stat().st_size for path in file.path.parent.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 1050
    assert last_lines(file.path)[-1].startswith("099")
    file.write(b"after the end\n")


def test_only_the_newest_files_of_a_process_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILES_KEPT", 3)
    for number in range(8):
        path = tmp_path / "wallet" / "web" / f"{number}.log"
        LogFile(path).close()
        os.utime(path, (number, number))
    assert sorted(path.name for path in (tmp_path / "wallet" / "web").iterdir()) == ["4.log", "5.log", "6.log", "7.log"]


def test_lines_of_other_containers_are_marked_in_the_file_and_plain_in_cloudwatch(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []
    stream = Stream("group", "stream", lambda group, text: heard.append((group, text)))
    file = LogFile(tmp_path / "a" / "b" / "1.log")
    writer(file, "migrate | ", stream)(b"upgraded\n")
    file.close()
    assert file.path.read_text() == "migrate | upgraded\n"
    assert [text for _, text in stream.waiting] == ["upgraded"]
    assert heard == [("group", "upgraded")]


def test_place_comes_from_the_log_configuration() -> None:
    options = {"awslogs-group": "/matchday/local/wallet", "awslogs-stream-prefix": "web"}
    assert place_of({"name": "main", "logConfiguration": {"logDriver": "awslogs", "options": options}}, "svc") == (
        "wallet",
        "web",
    )
    assert place_of({"name": "main"}, "svc") == ("svc", "main")


def test_tail_shows_the_newest_task_of_each_process_and_follows(tmp_path: Path) -> None:
    for name, text in (
        ("wallet/web/old", "old\n"),
        ("wallet/web/new", "new\n"),
        ("wallet/worker/one", "work\n"),
        ("auth/web/x", "no\n"),
    ):
        path = tmp_path / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.utime(tmp_path / "wallet/web/old.log", (1, 1))
    assert list(tail(tmp_path, "wallet/web", follow=False)) == [("wallet/web", "new")]
    lines = tail(tmp_path, "wallet", follow=True)
    assert {next(lines), next(lines)} == {("wallet/web", "new"), ("wallet/worker", "work")}

    def write_later() -> None:
        time.sleep(0.3)
        with (tmp_path / "wallet/web/new.log").open("a") as file:
            file.write("more\nhalf a li")
        (tmp_path / "wallet/web/third.log").write_text("third\n")

    thread = threading.Thread(target=write_later)
    thread.start()
    assert [next(lines)[1] for _ in range(2)] == ["more", "third"], "and half a line is none yet"
    thread.join()
    with (tmp_path / "wallet/web/new.log").open("a") as file:
        file.write("ne\n")
    assert next(lines)[1] == "half a line"
    with pytest.raises(SupervisorError, match="no service 'walet' has logs; there are: auth, wallet"):
        next(tail(tmp_path, "walet", follow=False))


def test_a_file_that_is_being_turned_over_ends_no_tail(tmp_path: Path) -> None:
    """Listed, and gone when it is opened: between its new name and the next file under the old one; here a link to nothing."""
    folder = tmp_path / "wallet" / "web"
    folder.mkdir(parents=True)
    (folder / "gone.log").symlink_to(folder / "nothing")
    (folder / "task.log").write_text("one\n")
    assert list(tail(tmp_path, "wallet", follow=False)) == [("wallet/web", "one")]
    lines = tail(tmp_path, None, follow=True)
    assert next(lines) == ("wallet/web", "one")
    with (folder / "task.log").open("a") as file:
        file.write("two\n")
    assert next(lines) == ("wallet/web", "two")
