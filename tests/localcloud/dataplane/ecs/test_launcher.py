"""A forked Python process is what an exec'ed one is: environment, folder, arguments, group, signals, exit codes, namespace."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest

from localcloud.dataplane.ecs.launcher import Forked, Launcher, Process, Spawned
from localcloud.dataplane.settings import Image
from localcloud.runtime.processes import signal_group
from tests.eventually import eventually

pytestmark = pytest.mark.process

ADDRESS = "127.97.16.9"

#: Everything about itself that a program can see of how it was started.
REPORT = """
    import json, os, signal, socket, sys, threading
    import shared_library
    server = socket.socket()
    server.bind(("0.0.0.0", 0))
    print(json.dumps({
        "name": __name__, "file": __file__, "argv": sys.argv, "original": sys.orig_argv, "executable": sys.executable,
        "path": sys.path, "flags": list(sys.flags), "prefix": sys.prefix, "main": sys.modules["__main__"].__dict__ is globals(),
        "environment": dict(os.environ), "folder": os.getcwd(), "mask": os.umask(0), "leads": os.getpgid(0) == os.getpid(),
        "session": os.getsid(0), "signals": {n: str(signal.getsignal(n)).split(" at ")[0] for n in range(1, 32)},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), "threads": threading.active_count(),
        "stdin": os.read(0, 1).decode(), "encodings": [sys.stdout.encoding, sys.stderr.errors, sys.getfilesystemencoding()],
        "streams": [[s.line_buffering, s.write_through, s.seekable(), s.isatty(), s.name, s.mode, s.errors, s.fileno(),
                     s.buffer.name, s.buffer.raw.mode, s.reconfigure(errors="backslashreplace"), s is o]
                    for s, o in ((sys.stdout, sys.__stdout__), (sys.stderr, sys.__stderr__))],
        "open": sorted(os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in os.listdir("/proc/self/fd")[:-1]),
        "address": server.getsockname()[0], "pool": __import__("gc").isenabled(),
        "listed": open("/proc/self/cmdline").read().strip(chr(0)).split(chr(0)),
    }))
"""


@pytest.fixture(autouse=True)
def _signals_of_a_terminal() -> Iterator[None]:
    """As in a shell's foreground: under nohup, or in a script's background, an exec'ed process inherits what is ignored."""
    usual: dict[signal.Signals, Any] = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Stage:
    """An image of some modules, and a task's sandbox."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "image"
        self.root.mkdir()
        self.sandbox = directory / "sandbox"
        self.sandbox.mkdir()
        source = files("localcloud.dataplane.ecs") / "sandbox" / "sitecustomize.py"
        (self.sandbox / "sitecustomize.py").write_bytes(source.read_bytes())
        (self.sandbox / "network.json").write_text(json.dumps({"address": ADDRESS, "names": {}}))
        self.problems: list[str] = []
        self.launcher = Launcher(directory / "tasks", directory / "logs", self.problems.append)
        self.module("shared_library", "VALUE = 1")

    def module(self, name: str, text: str) -> None:
        (self.root / f"{name}.py").write_text(textwrap.dedent(text))

    def image(self, *preload: str) -> Image:
        return Image(repository="test", root=self.root, python=Path(sys.executable), preload=preload)

    async def launch(
        self, *words: str, preload: Sequence[str] = ("shared_library",), small: bool = False, **more: str
    ) -> tuple[Process, asyncio.Task[bytes]]:
        reader, writer = os.pipe()
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PYTHONPATH": f"{self.sandbox}:{self.root}",
            "OF": "the task definition",
        }
        try:
            process = await self.launcher.launch(
                [sys.executable, *words],
                self.image(*preload),
                environment=environment | more,
                sandbox=self.sandbox,
                output=writer,
                small=small,
            )
        finally:
            os.close(writer)
        return process, asyncio.create_task(asyncio.to_thread(_read, reader))

    async def run(
        self, *words: str, preload: Sequence[str] = ("shared_library",), small: bool = False, **more: str
    ) -> tuple[int, str]:
        """(status, output) of a command."""
        process, output = await self.launch(*words, preload=preload, small=small, **more)
        assert isinstance(process, Forked if preload else Spawned)
        status = await asyncio.wait_for(process.ended(), 120)
        return status, (await output).decode()


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    await stage.launcher.stop()


async def test_a_forked_process_sees_what_an_execed_one_sees(stage: Stage) -> None:
    stage.module("report", REPORT)
    words = ("-m", "report", "one", "-x", "--two=3")
    (forked_status, forked), (execed_status, execed) = await stage.run(*words), await stage.run(*words, preload=())
    assert (forked_status, execed_status) == (0, 0)
    seen, expected = json.loads(forked), json.loads(execed)
    assert seen == expected
    assert expected["environment"]["OF"] == "the task definition"
    assert expected["address"] == ADDRESS


ENDS = {
    "returns": ("print('done')", 0),
    "exit": ("raise SystemExit(3)", 3),
    "large_code": ("raise SystemExit(300)", 44),
    "words": ("import sys; sys.exit('some words')", 1),
    "error": ("1 / 0", 1),
    "at_exit": ("import atexit, sys; atexit.register(lambda: print('last words')); sys.exit(4)", 4),
    "thread": (
        "import threading, time; threading.Thread(target=lambda: (time.sleep(.05), print('thread'))).start()",
        0,
    ),
    "os_exit": ("import os; print('lost in the buffer'); os._exit(7)", 7),
    "aborts": ("import os; os.abort()", -signal.SIGABRT),
    "no_such": ("import no_such_module_at_all", 1),
    "kills_itself": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "interrupted": ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
}


async def test_ends_are_the_same(stage: Stage) -> None:
    for name, (program, expected) in ENDS.items():
        stage.module(name, program)
        status, output = await stage.run("-m", name)
        other_status, other_output = await stage.run("-m", name, preload=())
        assert (name, status) == (name, other_status) == (name, expected)
        # A traceback names the frames below the program; its own are the same.
        mine, theirs = ([line for line in text.splitlines() if "runpy" not in line] for text in (output, other_output))
        assert [line for line in mine if "fork_server" not in line and "_become" not in line][-2:] == theirs[-2:]
    assert "No module named missing" in (await stage.run("-m", "missing"))[1]


async def test_signals_reach_it_and_its_group_ends_with_it(stage: Stage) -> None:
    stage.module(
        "polite",
        """
        import signal, subprocess, sys, time
        child = subprocess.Popen(["sleep", "60"])
        signal.signal(signal.SIGTERM, lambda *_: (print("ending", flush=True), sys.exit(5)))
        open("ready", "w").close()
        while True: time.sleep(0.01)
        """,
    )
    process, output = await stage.launch("-m", "polite")
    await eventually(lambda: (stage.root / "ready").exists())
    process.signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.ended(), 120) == 5
    signal_group(process.pid, signal.SIGKILL)
    assert await asyncio.wait_for(output, 120) == b"ending\n"  # the pipe is closed: the grandchild is gone


async def test_changed_code_gets_a_new_server_and_the_old_one_goes_with_its_last_process(stage: Stage) -> None:
    stage.module("show", "import shared_library, time; print(shared_library.VALUE, flush=True)")
    stage.module("stays", "import time; time.sleep(60)")
    assert await stage.run("-m", "show") == (0, "1\n")
    old = stage.launcher.status()[0]["pid"]
    process, _ = await stage.launch("-m", "stays")
    stage.module("shared_library", "VALUE = 22")
    assert await stage.run("-m", "show") == (0, "22\n")
    assert [row["pid"] for row in stage.launcher.status()] != [old]
    assert _state(old)
    process.signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.ended(), 120) == -signal.SIGTERM
    await eventually(lambda: _state(old) in ("", "Z"))
    assert not stage.problems


async def test_a_health_check_is_forked_from_a_server_that_knows_it_alone(stage: Stage) -> None:
    stage.module("show", "print('a task')")
    for printed in ("one", "another"):
        stage.module(
            "check", f"import sys\nif __name__ == '__main__': print({printed!r}, 'shared_library' in sys.modules)"
        )
        assert await stage.run("-m", "check", small=True, preload=("shared_library", "check")) == (
            0,
            f"{printed} False\n",
        )
        assert await stage.run("-m", "show", preload=("shared_library", "check")) == (0, "a task\n")
    assert [row["name"] for row in stage.launcher.status()] == ["fork server of test for check", "fork server of test"]
    assert await stage.run("-m", "show", small=True) == (0, "a task\n"), (
        "what the image does not preload is not imported"
    )
    assert not stage.problems


async def test_what_it_started_dies_with_a_killed_server_and_the_next_start_works(stage: Stage) -> None:
    stage.module("stays", "import time; time.sleep(60)")
    stage.module("show", "print('here')")
    process, _ = await stage.launch("-m", "stays")
    os.kill(stage.launcher.status()[0]["pid"], signal.SIGKILL)
    assert await asyncio.wait_for(process.ended(), 120) == -signal.SIGKILL
    await eventually(lambda: _state(process.pid) in ("", "Z"))
    assert await stage.run("-m", "show") == (0, "here\n")


async def test_what_an_interpreter_reads_at_its_start_is_obeyed(stage: Stage) -> None:
    stage.module("flags", "import sys; print(sys.flags.optimize, sys.flags.dont_write_bytecode)")
    process, output = await stage.launch("-m", "flags", PYTHONOPTIMIZE="1", PYTHONDONTWRITEBYTECODE="1")
    assert isinstance(process, Spawned)
    assert await process.ended() == 0
    assert (await output).decode() == "1 1\n"


@pytest.mark.parametrize("words", [("-c", "print(1)"), ("-u", "-m", "shared_library"), ("shared_library.py",)])
async def test_other_commands_are_execed(stage: Stage, words: tuple[str, ...]) -> None:
    process, _ = await stage.launch(*words)
    assert isinstance(process, Spawned)
    assert await process.ended() == 0


async def test_a_module_that_starts_a_thread_is_told_and_nothing_is_forked(stage: Stage) -> None:
    stage.module(
        "shared_library", "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    stage.module("show", "print('here')")
    process, output = await stage.launch("-m", "show")
    assert isinstance(process, Spawned)
    assert await process.ended() == 0
    assert (await output).decode() == "here\n"
    assert [problem.rpartition(": ")[2] for problem in stage.problems] == ["an import has started 1 threads"]


async def test_a_module_that_cannot_be_imported_is_the_processes_own_error(stage: Stage) -> None:
    stage.module("shared_library", "raise RuntimeError('broken')")
    stage.module("show", "import shared_library")
    status, output = await stage.run("-m", "show")
    assert status == 1
    assert "RuntimeError: broken" in output


async def test_what_is_preloaded_is_in_memory_once(stage: Stage) -> None:
    stage.module("shared_library", "VALUE = [str(number) for number in range(400_000)]")  # some 30 MB
    stage.module(
        "stays", "import gc, time, shared_library; gc.collect(); open('ready', 'a').write('x'); time.sleep(60)"
    )
    processes = [(await stage.launch("-m", "stays"))[0] for _ in range(5)]
    await eventually(
        lambda: (stage.root / "ready").exists() and len((stage.root / "ready").read_text()) == len(processes)
    )
    own = [psutil.Process(process.pid).memory_full_info().uss / 2**20 for process in processes]
    shared = psutil.Process(stage.launcher.status()[0]["pid"]).memory_info().rss / 2**20
    assert shared > 30
    assert max(own) < 12, own
    for process in processes:
        process.signal(signal.SIGKILL)


async def test_many_at_once(stage: Stage) -> None:
    stage.module("count", "import sys; sys.exit(int(sys.argv[1]))")
    ends: list[Any] = await asyncio.gather(*(stage.run("-m", "count", str(number)) for number in range(40)))
    assert [status for status, _ in ends] == list(range(40))


def _state(pid: int) -> str:
    """The kernel's letter for a process's state; nothing if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
