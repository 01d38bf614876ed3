"""What moto works out anew for each request although it never changes: worked out once. Answers stay as they are."""

from __future__ import annotations

import functools
import importlib
from typing import Any


def answer_quickly() -> None:
    """Call this before moto answers its first request."""
    _remember("moto.core.responses", "method_names_from_class", "camelcase_to_underscores", "get_serializer_class")
    _find_services_by_name()
    _draw_request_ids_at_once()
    _make_accounts_once()
    _read_forms_plainly()


def _remember(module: str, *functions: str) -> None:
    """Functions of a module whose result depends on their arguments alone, and is never changed by who gets it."""
    found: Any = importlib.import_module(module)
    for name in functions:
        setattr(found, name, functools.cache(getattr(found, name)))


def _find_services_by_name() -> None:
    """For each request moto lists its own folder twice, looks at each of 175 files, then tries 170 patterns."""
    application: Any = importlib.import_module("moto.moto_server.werkzeug_app").DomainDispatcherApplication
    found = application.get_backend_for_host
    known: dict[str | None, Any] = {}

    def get_backend_for_host(self: Any, host: str | None) -> Any:
        if host not in known:
            known[host] = found(self, host)
        return known[host]

    application.get_backend_for_host = get_backend_for_host


def _draw_request_ids_at_once() -> None:
    """52 draws from chance for the id of each request."""
    headers: Any = importlib.import_module("moto.utilities.aws_headers")
    responses: Any = importlib.import_module("moto.core.responses")
    random: Any = importlib.import_module("moto.moto_api._internal").mock_random

    def gen_amzn_requestid_long(headerdict: dict[str, Any] | None = None) -> str:
        drawn = f"{random.getrandbits(208):052x}".upper()
        if isinstance(headerdict, dict):
            headerdict["x-amzn-requestid"] = drawn
        return drawn

    headers.gen_amzn_requestid_long = responses.gen_amzn_requestid_long = gen_amzn_requestid_long


def _make_accounts_once() -> None:
    """moto makes sure, each time that it looks at an account, that there is one, and that it is listed."""
    kind: Any = importlib.import_module("moto.core.base_backend").BackendDict
    make = kind.__getitem__

    def account_of(self: Any, account: str) -> Any:
        if dict.__contains__(self, account):
            return dict.__getitem__(self, account)
        return make(self, account)

    kind.__getitem__ = account_of


def _read_forms_plainly() -> None:
    """Flask makes a class for each request, to explain to a program's author what is no file in a form."""
    request: Any = importlib.import_module("moto.moto_server.werkzeug_app").BackendRequest
    request._load_form_data = importlib.import_module("werkzeug.wrappers").Request._load_form_data
