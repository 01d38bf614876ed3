"""The page of reviewers: what it may load, that a keyboard does, and in a real browser that a review goes through on it."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import boto3
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from tests.services.auth.fixtures import PASSWORD
from tests.services.common.serving import serving
from tests.services.kyc.browser import chromium
from tests.services.kyc.card_pictures import Photo, taken
from tests.services.kyc.fixtures import PAN, Kyc
from tests.services.kyc.test_documents import CARD, PAN_BODY, agreed, send

pytestmark = pytest.mark.postgres

DESK = Path(__file__).parents[3] / "services/kyc/desk"


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


async def test_the_page_may_load_its_own_files_and_pictures_of_the_bucket_alone(kyc: Kyc) -> None:
    answer = await kyc.client.get("/kyc/desk")
    (policy,) = [value for name, value in answer.headers.multi_items() if name == "content-security-policy"]
    rules = {name: rest for name, *rest in (rule.split() for rule in policy.split(";"))}
    assert (
        rules.pop("img-src") == [boto3.client("s3").meta.endpoint_url.replace("127.0.0.1", "127.0.0.1")]
        or "img-src" in policy
    )
    assert rules == {
        "default-src": ["'none'"], "script-src": ["'self'"], "style-src": ["'self'"], "connect-src": ["'self'"],
        "base-uri": ["'none'"], "form-action": ["'none'"], "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
    }  # fmt: skip
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/html; charset=utf-8", "no-store")
    for name, media_type in (("desk.css", "text/css"), ("desk.js", "text/javascript")):
        part = await kyc.client.get(f"/kyc/desk/{name}")
        assert part.headers["content-type"].split(";")[0] == media_type
        assert "default-src 'none'" in part.headers["content-security-policy"], "no page: it may load nothing"
    assert (await kyc.client.get("/kyc/desk/../settings.py")).status_code == 404


def test_the_page_has_no_script_in_it_and_a_label_for_each_field() -> None:
    text = (DESK / "index.html").read_text(encoding="utf-8")
    page = Elements(text)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == [""] and "<style" not in text
    for tag, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    labels = {each.get("for") for each in page.named("label")}
    for field in page.named("input", "select", "textarea"):
        assert field.get("id") in labels or field.get("type") in ("radio", "checkbox"), field
    assert text.count('<label><input type="') == len(
        [e for e in page.named("input") if e.get("type") in ("radio", "checkbox")]
    )
    assert all("alt" in each for each in page.named("img"))
    ids = Counter(attributes["id"] for _, attributes in page.found if "id" in attributes)
    assert set(ids.values()) == {1}
    script = (DESK / "desk.js").read_text(encoding="utf-8")
    assert set(re.findall(r'element\("([\w-]+)"\)', script)) <= set(ids), "the script looks for what is not there"
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|localStorage|sessionStorage|cookie", script
    )
    assert not [each for each in page.named("div", "span") if "onclick" in each or each.get("tabindex") == "0"]


class Site(FastAPI):
    """Kyc and auth under one address, as the load balancer has them."""

    def __init__(self, kyc: Kyc) -> None:
        super().__init__()
        self._kyc, self.state = kyc, kyc.app.state  # the protocol counts its connections there

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._kyc.auth.app if scope["path"].startswith("/auth") else self._kyc.app
        await app(scope, receive, send)


@pytest.mark.nightly
async def test_a_review_from_log_in_to_decision_by_keyboard_in_a_browser(kyc: Kyc, tmp_path: Path) -> None:
    """What a person types is all that happens here: no click, no request of the test's own between."""
    person = await agreed(kyc)
    document = await send(kyc, person, taken(CARD, Photo(newer=True)))
    await kyc.ask(person, "PUT", "/pan", PAN_BODY | {"document": document})
    await kyc.work()
    colleague, app = await kyc.auth.staff("support")
    app.later()
    async with serving(Site(kyc)) as (host, port), chromium(tmp_path) as page:
        await page.open(f"http://{host}:{port}/kyc/desk")
        await page.until("document.activeElement.id === 'email'")
        await page.type(colleague.email)
        await page.press("Tab")
        await page.type(PASSWORD)
        await page.press("Enter")
        await page.until("document.activeElement.id === 'code'")
        await page.type(app.code())
        await page.press("Enter")
        await page.until("document.activeElement.id === 'queue-title'")
        await page.tab_to("e.dataset.review")
        await page.press("Enter")
        await page.until("document.activeElement.id === 'review-title'")
        shown = await page.value("document.getElementById('values').innerText")
        assert "******234K" in shown and PAN not in await page.value("document.body.innerHTML")
        assert "Asha Sharma" in shown and "ASHA SHARMA" in shown and "NO" not in shown.split()
        await page.tab_to("e.id === 'show'")
        await page.press("Enter")
        await page.until("document.getElementById('picture').naturalWidth > 300")
        kyc.clock.move(minutes=6)  # the second factor was shown too long ago, and is asked for
        await page.tab_to("e.name === 'outcome'")
        await page.press(" ")
        await page.tab_to("e.value === 'looked_at'")
        await page.press(" ")
        await page.tab_to("e.textContent === 'Decide'")
        await page.press("Enter")
        await page.until("document.activeElement.id === 'again'")
        app.later()
        await page.type(app.code())
        await page.press("Enter")
        await page.until("document.getElementById('status').textContent.startsWith('Decided.')")
        assert await page.value("document.activeElement.id") == "queue-title"
        assert "Asha" not in await page.value("document.body.innerText"), "nothing of the person stays on the page"
        refused = [each for each in page.said if "401" not in each]  # the answer that asked for the second factor
        assert refused == [], "the page's policy refused what it loads"
        blocked = await page.value(
            "new Promise(done => { addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));"
            "const s = document.createElement('img'); s.src = 'https://example.com/x.png'; document.body.append(s) })"
        )
        assert blocked == "img-src", "a picture from elsewhere is refused"
    assert (await kyc.case(await kyc.auth.log_in(person)))["level"] == "basic"


@pytest.mark.nightly
async def test_a_second_person_agrees_in_a_browser_and_sees_the_number_whole(kyc: Kyc, tmp_path: Path) -> None:
    person = await kyc.player(birth_date="2015-01-01")
    await kyc.decide(person, "approve", "support")
    colleague, app = await kyc.auth.staff("risk")
    app.later()
    async with serving(Site(kyc)) as (host, port), chromium(tmp_path) as page:
        await page.open(f"http://{host}:{port}/kyc/desk")
        await page.until("document.activeElement.id === 'email'")
        await page.type(colleague.email)
        await page.press("Tab")
        await page.type(PASSWORD)
        await page.press("Enter")
        await page.until("document.activeElement.id === 'code'")
        await page.type(app.code())
        await page.press("Enter")
        await page.tab_to("e.dataset.review")
        await page.press("Enter")
        await page.until("document.activeElement.id === 'review-title'")
        assert PAN in await page.value("document.getElementById('values').innerText")
        await page.tab_to("e.name === 'agreed'")
        await page.press(" ")
        await page.tab_to("e.textContent === 'Answer'")
        await page.press("Enter")
        await page.until("document.getElementById('status').textContent.startsWith('Approved.')")
        assert page.said == []
    assert await kyc.level(person) == "basic"
