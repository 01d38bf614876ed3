"""The check that queries stand in repositories and that nothing but the request's session commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_services import REVIEWED, check

SERVICES = Path(__file__).parents[2] / "services"


def write(directory: Path, file: str, text: str) -> Path:
    path = directory / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return directory


@pytest.mark.slow
def test_the_services_pass() -> None:
    assert check(SERVICES) == []


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("bonus/service.py", "from sqlalchemy import select", "1: imports select"),
        ("bonus/tasks.py", "from sqlalchemy.dialects.postgresql import insert", "1: imports insert"),
        ("bonus/service.py", "async def f(session):\n    await session.execute('x')", "2: calls execute"),
        ("bonus/deep/rules.py", "async def f(self):\n    self._session.add(1)", "2: calls add"),
        ("bonus/service.py", "async def f(reads):\n    await reads.fetchrow('x')", "2: calls fetchrow"),
        ("bonus/service.py", "async def f(session):\n    await session.commit()", "2: calls commit"),
        ("bonus/repository.py", "async def f(session):\n    await session.commit()", "2: calls commit"),
        ("bonus/app.py", "async def f(sessions):\n    async with sessions() as session, session.begin(): ...", "begin"),
        ("common/keys.py", "import httpx\nhttp = httpx.AsyncClient(timeout=1)", "2: a plain httpx.AsyncClient"),
        ("bonus/tasks.py", "from httpx import AsyncClient\nhttp = AsyncClient()", "2: a plain httpx.AsyncClient"),
        ("common/rows.py", "_ADD = 'INSERT INTO a VALUES ($1)\\n ON CONFLICT (id) DO NOTHING'", "1: DO NOTHING names"),
        ("bonus/repository.py", "_ADD = 'INSERT … on conflict on constraint x do nothing'", "1: DO NOTHING names"),
        ("bonus/repository.py", "insert(A).on_conflict_do_nothing(index_elements=['id'])", "1: DO NOTHING names"),
    ],
)
def test_what_is_out_of_place_is_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    (problem,) = check(write(tmp_path, file, text))
    assert file in problem
    assert message in problem


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "bonus/repository.py",
            "from sqlalchemy import select\nasync def f(session):\n    await session.execute(select(1))",
        ),
        ("bonus/migrations/0001_first.py", "from sqlalchemy import text"),
        ("bonus/models.py", "from sqlalchemy import Index, text"),
        ("bonus/service.py", "def f(seen, values):\n    seen.add(1)\n    return values.get('a')"),
        ("common/telemetry/carried.py", "class C(httpx.AsyncClient): ...\nhttpx.AsyncClient()"),
        ("bonus/tasks.py", "def f(http: httpx.AsyncClient): ..."),
        ("common/outbox.py", "async def f(session):\n    await session.commit()"),
    ],
)
def test_what_is_in_place_passes(tmp_path: Path, file: str, text: str) -> None:
    assert check(write(tmp_path, file, text)) == []


def test_every_reviewed_file_still_needs_its_reason(tmp_path: Path) -> None:
    for file in REVIEWED:
        write(tmp_path, f"elsewhere/{Path(file).name}", (SERVICES / file).read_text())
    assert len(check(tmp_path)) >= len(REVIEWED)
