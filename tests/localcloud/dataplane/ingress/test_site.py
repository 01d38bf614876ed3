"""The site's bucket answers what no rule takes; what it has not, the listener's default answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from localcloud.dataplane.ingress import routing, site
from localcloud.dataplane.ingress.site import Site
from localcloud.dataplane.model import Listener, ListenerRule

NOTHING = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "none"}}
SITE = Site(bucket="the-site", emulator="127.93.0.2:4566")


def _routes(default: dict[str, Any], wanted: Site | None) -> list[dict[str, Any]]:
    rules = (
        ListenerRule(priority="default", conditions=(), actions=(default,)),
        ListenerRule(
            priority="10",
            conditions=({"Field": "path-pattern", "Values": ["/auth/*"]},),
            actions=(NOTHING,),
        ),
    )
    listener = Listener(arn="arn", load_balancer="lb", port=80, protocol="HTTP", rules=rules)
    made, problems = routing.config(
        admin="127.0.0.1:1",
        listeners={"127.0.0.1:2": listener},
        groups={},
        resolver_host="127.0.0.1",
        refresh=1,
        site=wanted,
    )
    assert problems == []
    routes: list[dict[str, Any]] = made["apps"]["http"]["servers"]["listener0"]["routes"]
    return routes


def test_the_site_comes_after_every_path_and_before_the_default() -> None:
    *_, path, before_default, default = _routes(NOTHING, SITE)
    assert "path_regexp" in str(path["match"])
    assert before_default == site.route(SITE, default["handle"])
    assert "the-site" in str(before_default)
    assert str(default["handle"]) in str(before_default), "what the bucket has not is the default's to answer"


def test_without_a_site_or_with_a_default_that_forwards_nothing_is_added() -> None:
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Host": "x"}}
    assert "the-site" not in str(_routes(NOTHING, None))
    assert "the-site" not in str(_routes(redirect, SITE))


def test_the_bucket_is_known_once_it_was_published(tmp_path: Path) -> None:
    assert site.read(tmp_path, "http://127.93.0.2:4566") is None
    site.note(tmp_path).write_text("the-site\n")
    assert site.read(tmp_path, "http://127.93.0.2:4566") == SITE
    site.note(tmp_path).write_text("")
    assert site.read(tmp_path, "http://127.93.0.2:4566") is None
