"""The small parts of services.common: ids, settings, logs, sealing, client addresses, health checks, errors, documents."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from celery.utils.log import get_logger
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from kombu.message import Message
from pydantic import SecretStr

from services.common import errors, healthcheck, heartbeat, logs, web
from services.common.client_address import client_address
from services.common.errors import ErrorCode
from services.common.ids import uuid7
from services.common.rotating import accepted
from services.common.sealing import Sealer, UnsealError
from services.common.settings import (
    AppDatabaseSettings,
    BrokerSettings,
    DatabaseSettings,
    SettingsError,
    WebSettings,
    load,
    login,
)
from tests.services.support import ROOT, environ


class TestIds:
    def test_an_id_is_a_uuid_of_version_7_of_now(self) -> None:
        made = uuid7()
        assert (made.version, made.variant) == (7, "specified in RFC 4122")
        assert abs((made.int >> 80) / 1000 - time.time()) < 5

    def test_ids_sort_by_time_and_never_repeat(self) -> None:
        early = [uuid7() for _ in range(1000)]
        time.sleep(0.002)
        late = [uuid7() for _ in range(1000)]
        assert max(early) < min(late)
        assert len({*early, *late}) == 2000


class TestSettings:
    VARIABLES = {  # noqa: RUF012
        "DATABASE_HOST": "h", "DATABASE_NAME": "n", "DATABASE_USER": "u", "DATABASE_PASSWORD": "p", "DATABASE_TLS": "disable"
    }  # fmt: skip

    def test_they_are_read(self) -> None:
        with environ(self.VARIABLES):
            assert load(DatabaseSettings).port == 5432

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("DATABASE_HOST", None, "the variable DATABASE_HOST is not set"),
            ("DATABASE_PORT", "99999", "the variable DATABASE_PORT: '99999': "),
            ("DATABASE_TLS", "maybe", "the variable DATABASE_TLS: 'maybe': Input should be 'disable' or 'verify-full'"),
        ],
    )
    def test_what_is_wrong_is_named(self, name: str, value: str | None, message: str) -> None:
        with environ(self.VARIABLES | ({name: value} if value else {})):
            if value is None:
                os.environ.pop(name)
            with pytest.raises(SettingsError) as raised:
                load(DatabaseSettings)
        assert str(raised.value).startswith(message)

    def test_a_secret_is_never_shown(self) -> None:
        with environ(self.VARIABLES | {"DATABASE_PASSWORD": "the-secret"}):
            assert "the-secret" not in repr(load(DatabaseSettings))
            os.environ["DATABASE_PORT"] = "none"
            with pytest.raises(SettingsError) as raised:
                load(DatabaseSettings)
        assert "the-secret" not in str(raised.value)

    @pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
    def test_tls_of_redis(self, text: str, value: bool) -> None:
        with environ({"BROKER_HOST": "h", "BROKER_TLS": text, "BROKER_PASSWORD": "p"}):
            assert load(BrokerSettings).tls is value


class TestRotating:
    @pytest.mark.parametrize(
        ("secret", "values"), [("one", ("one",)), ("new old", ("new", "old")), (" new  old\n", ("new", "old"))]
    )
    def test_the_current_value_comes_first(self, secret: str, values: tuple[str, ...]) -> None:
        assert accepted(SecretStr(secret), "THE_SECRET") == values

    @pytest.mark.parametrize("secret", ["", "  ", "three of them"])
    def test_other_numbers_of_values_are_refused_and_never_shown(self, secret: str) -> None:
        with pytest.raises(ValueError, match="the secret THE_SECRET holds") as raised:
            accepted(SecretStr(secret), "THE_SECRET")
        assert "three" not in str(raised.value)

    def test_a_process_logs_in_as_the_role_of_its_current_password(self) -> None:
        with environ(TestSettings.VARIABLES | {"DATABASE_USER": "wallet_app", "DATABASE_PASSWORD": "new old"}):
            found = load(AppDatabaseSettings)
        assert (found.user, found.password.get_secret_value()) == (login("wallet_app", "new"), "new")
        assert len(login("a" * 20 + "_app", "p")) < 63

    def test_three_passwords_are_a_sentence(self) -> None:
        with (
            environ(TestSettings.VARIABLES | {"DATABASE_PASSWORD": "far too many"}),
            pytest.raises(SettingsError, match=r"^the secret DATABASE_PASSWORD holds 3 values"),
        ):
            load(AppDatabaseSettings)


class TestLogs:
    def line(self, message: str, **extra: object) -> dict[str, object]:
        record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "test", **extra})
        found: dict[str, object] = json.loads(logs.JsonFormatter("auth", "web", "test").format(record))
        return found

    def test_a_line_says_where_it_is_from(self) -> None:
        logs.request_id.set("request-1")
        line = self.line("hello", milliseconds=1.5)
        logs.request_id.set("")
        expected = {
            "service": "auth",
            "process": "web",
            "request_id": "request-1",
            "message": "hello",
            "milliseconds": 1.5,
        }
        assert line.items() >= expected.items()

    @pytest.mark.parametrize(
        ("private", "shown"),
        [
            ("no account for player@example.com here", "no account for [email] here"),
            ("Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "Bearer [token]!"),
            ("redis://:hunter2@10.0.0.1:6379", "redis[url]10.0.0.1:6379"),
            ('{"password": "hunter2"}', '{"[secret]"}'),
            ("client_secret=hunter2&scope=a", "client_[secret]&scope=a"),
        ],
    )
    def test_private_things_are_replaced_wherever_they_come_from(self, private: str, shown: str) -> None:
        assert self.line(private)["message"] == shown
        assert self.line("x", detail=private)["detail"] == shown

    def test_exceptions_are_scrubbed_too(self) -> None:
        try:
            raise ValueError("player@example.com")
        except ValueError:
            line = self.line("failed", exc_info=sys.exc_info())
        assert "player@example.com" not in json.dumps(line)
        assert "ValueError: [email]" in str(line["exception"])

    @pytest.mark.slow
    def test_only_a_line_that_says_what_to_do_pages(self, caplog: pytest.LogCaptureFixture) -> None:
        """Celery's word about a message that it cannot acknowledge, as it is said; then one of ours."""

        def hang(*_: object, **__: object) -> None:
            raise ConnectionError("Timeout reading from socket")

        channel = SimpleNamespace(no_ack_consumers=(), basic_ack=hang)
        Message(channel=channel, delivery_tag=7).ack_log_error(get_logger("celery.worker.request"), (ConnectionError,))
        log = logging.getLogger("services.wallet.reconciliation")
        log.critical("ledger does not reconcile", extra={"runbook": "wallet-ledger-discrepancy"})
        formatter = logs.JsonFormatter("wallet", "worker", "test")
        levels = {line["message"]: line["level"] for line in (json.loads(formatter.format(r)) for r in caplog.records)}
        assert levels == {
            "Couldn't ack 7, reason:ConnectionError('Timeout reading from socket')": "ERROR",
            "ledger does not reconcile": "CRITICAL",
        }

    @pytest.mark.process
    def test_a_librarys_debug_is_never_shown(self) -> None:
        """At DEBUG botocore logs every body: a data key in plain, a letter with its code."""
        program = """
import logging
from services.common import logs
logs.configure(service="auth", process="web", environment="test", level="DEBUG")
logging.getLogger("botocore.parsers").debug("Plaintext")
logging.getLogger("any.library").debug("Plaintext")
logging.getLogger("any.library").info("a library's")
logging.getLogger("services.auth").debug("ours")
logging.getLogger("services.auth").info("ours, too")
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == [
            "a library's",
            "ours",
            "ours, too",
        ]

    @given(st.text())
    def test_any_text_makes_one_line(self, text: str) -> None:
        record = logging.makeLogRecord({"msg": text.replace("%", "%%"), "name": "test"})
        assert "\n" not in logs.JsonFormatter("auth", "web", "test").format(record)


class TestSealing:
    @given(st.binary(max_size=200), st.text(max_size=20))
    def test_what_is_sealed_opens_at_its_place(self, value: bytes, label: str) -> None:
        sealer = Sealer("a secret of sixteen or more", "test")
        sealed = sealer.seal(value, label)
        assert sealer.open(sealed, label) == value
        assert sealer.seal(value, label) != sealed
        for other, place in ((sealer, label + "x"), (Sealer("another secret of that size", "test"), label)):
            with pytest.raises(UnsealError):
                other.open(sealed, place)
        with pytest.raises(UnsealError):
            Sealer("a secret of sixteen or more", "another purpose").open(sealed, label)

    @given(st.binary(max_size=200))
    def test_what_a_previous_secret_sealed_opens_and_is_told_apart(self, value: bytes) -> None:
        old, new = "the old secret of this test", "the new secret of this test"
        both, sealed = Sealer(new, "test", [old]), Sealer(old, "test").seal(value, "label")
        assert both.open(sealed, "label") == value
        assert both.is_older(sealed, "label")
        anew = both.seal(value, "label")
        assert not both.is_older(anew, "label")
        assert Sealer(new, "test").open(anew, "label") == value
        with pytest.raises(UnsealError):
            Sealer(new, "test").is_older(sealed, "label")

    @pytest.mark.parametrize("damaged", [b"", b"short", b"x" * 60])
    def test_rubbish_does_not_open(self, damaged: bytes) -> None:
        with pytest.raises(UnsealError):
            Sealer("a secret of sixteen or more", "test").open(damaged, "")


class TestClientAddress:
    @pytest.mark.parametrize(
        ("forwarded", "proxies", "address"),
        [
            ([], 1, "10.0.0.9"),
            (["203.0.113.5"], 1, "203.0.113.5"),
            (["1.1.1.1, 203.0.113.5"], 1, "203.0.113.5"),  # the first was made up by the client
            (["1.1.1.1", "203.0.113.5"], 1, "203.0.113.5"),
            (["1.1.1.1, 203.0.113.5, 130.176.0.1"], 2, "203.0.113.5"),
            (["203.0.113.5"], 2, "10.0.0.9"),
            (["203.0.113.5"], 0, "10.0.0.9"),
        ],
    )
    def test_only_what_our_proxies_appended_counts(self, forwarded: list[str], proxies: int, address: str) -> None:
        headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
        request = Request({"type": "http", "headers": headers, "client": ("10.0.0.9", 1)})
        assert client_address(request, proxies) == address


class TestHealthcheck:
    def test_a_heartbeat_is_looked_at(self, tmp_path: Path) -> None:
        with environ({"TMPDIR": str(tmp_path), "SERVICE": "auth", "PROCESS": "worker"}):
            os.environ.pop("PORT", None)
            assert healthcheck.main() == 1
            heartbeat.beat()
            assert healthcheck.main() == 0
            old = time.time() - heartbeat.STALE_SECONDS - 1
            os.utime(heartbeat.path(), (old, old))
            assert healthcheck.main() == 1

    def test_nobody_listening_is_unhealthy(self) -> None:
        assert "port 1" in healthcheck.web(1)

    def test_it_imports_next_to_nothing(self) -> None:
        """It runs every few seconds in every task."""
        code = "import sys; before = set(sys.modules); import services.common.healthcheck; print(*set(sys.modules) - before)"
        run = [sys.executable, "-c", code]
        loaded = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        assert {name.split(".")[0] for name in loaded} <= {
            "__future__",
            "services", "socket", "_socket", "selectors", "select", "array", "math", "errno", "collections", "enum", "types",
            "functools", "operator", "keyword", "reprlib", "_operator", "_collections", "_functools", "itertools",
        }  # fmt: skip


class Own(ErrorCode):
    """Codes of a service."""

    ACCOUNT_UNKNOWN = "account_unknown", 404, "There is no such account"
    SAME_ACCOUNT = "same_account", 422, "Source and destination are the same account"


class TestErrors:
    def test_responses_tell_each_code_under_its_status(self) -> None:
        made = errors.responses(Own.SAME_ACCOUNT, Own.ACCOUNT_UNKNOWN)
        assert set(made) == {400, 404, 408, 413, 422, 500, 503}
        assert "`same_account`" in made[422]["description"]
        assert "`invalid`" in made[422]["description"]


def test_ids_are_accepted_by_the_standard_library() -> None:
    assert UUID(str(uuid7())).version == 7


class TestDraining:
    @pytest.mark.parametrize("seconds", [5, 30, 120])
    def test_requests_get_the_time_that_ecs_gives_less_what_comes_before_and_after(
        self, monkeypatch: pytest.MonkeyPatch, seconds: int
    ) -> None:
        monkeypatch.setenv("DRAIN_SECONDS", str(seconds))
        finish = web.configuration(FastAPI(), load(WebSettings)).timeout_graceful_shutdown
        assert finish is not None and finish >= 2
        assert web.LINGER_SECONDS + finish + web.CLOSING_SECONDS == seconds

    def test_a_time_too_short_to_drain_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DRAIN_SECONDS", "3")
        with pytest.raises(SettingsError, match=r"the variable DRAIN_SECONDS: '3': .*greater than or equal to 5"):
            load(WebSettings)
