"""A player's way over DigiLocker and eSign in the smoke journey: what a browser does between the platform and a provider."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from services.common.journey import FIRST, Journey, SecondFactor, Unexpected

#: How long the worker may take for each part, in seconds.
SECONDS = 120

#: The texts that are agreed to, and the agreement's own.
_VERSION = "2026-11"


def by_digilocker(journey: Journey) -> str:
    """UIDAI's data by a DigiLocker account, signed by a provider that the environment pins; then the level is full."""
    journey.kept(SecondFactor).show(FIRST)
    # Whoever is in UIDAI's data may be one player at a time: each walk is of somebody else.
    citizen = {"name": "Asha Sharma", "dob": "30-06-1993", "last_four": f"{int(journey.run[:4], 16) % 10_000:04}"}
    journey.partners.put("/_partners/digilocker/citizen", json=citizen).raise_for_status()
    _consent(journey, "aadhaar")
    begun = journey.ask("POST", "/kyc/digilocker", 200, who=FIRST)
    asked = dict(parse_qsl(urlsplit(begun["url"]).query))
    back = journey.partners.get("/_partners/digilocker/authorize", params=asked)
    given = dict(parse_qsl(urlsplit(back.headers.get("location", "")).query))
    if "code" not in given:
        raise Unexpected(f"DigiLocker sends nobody back: {back.status_code} {back.text[:200]}")
    answer = {"flow": begun["flow"], "state": given["state"], "code": given["code"]}
    journey.ask("POST", f"/kyc/digilocker/{begun['id']}/answer", 200, who=FIRST, json=answer)
    _ended(journey, f"/kyc/digilocker/{begun['id']}", "done")
    case = journey.ask("GET", "/kyc/case", 200, who=FIRST)
    if case["level"] != "full":
        raise Unexpected(f"the case is {case}")
    return f"{FIRST} is full by {case['items'][0]['shown']}"


def sign(journey: Journey) -> str:
    """The player agreement: a form to the eSign provider, its response posted back, the signed PDF looked at."""
    journey.partners.put("/_partners/esign/person", json={"name": "Asha Sharma"}).raise_for_status()
    _consent(journey, "esign")
    begun = journey.ask("POST", "/kyc/agreements", 200, who=FIRST, json={"version": _VERSION})
    path = f"/kyc/agreements/{begun['id']}"
    form = journey.until(SECONDS, "the agreement is prepared", lambda: _form(journey, path))
    where = urlsplit(form["url"])
    page = journey.partners.post(where.path, data=form["fields"], headers={"Host": where.netloc}).text
    found = re.search(r'action="([^"]+)".*name="eSignResponse" value="([^"]*)"', page, re.DOTALL)
    if found is None:
        raise Unexpected(f"the eSign provider gives no response: {page[:200]}")
    to, response = (html.unescape(each) for each in found.groups())
    posted = journey.public.post(urlsplit(to).path, data={"eSignResponse": response})
    if posted.status_code != 303:
        raise Unexpected(f"the response is answered with {posted.status_code} {posted.text[:200]}")
    _ended(journey, path, "signed")
    look = journey.ask("GET", f"{path}/file", 200, who=FIRST)
    pdf = httpx.get(look["url"], trust_env=False).content
    if not pdf.startswith(b"%PDF") or b"/ByteRange" not in pdf:
        raise Unexpected(f"the file is no signed PDF: {pdf[:20]!r}")
    return f"{len(pdf)} bytes, signed by the provider's person"


def _consent(journey: Journey, purpose: str) -> None:
    body = {"version": _VERSION, "given": True}
    journey.ask("PUT", f"/kyc/consents/{purpose}", 200, who=FIRST, json=body)


def _form(journey: Journey, path: str) -> Any:
    """The form once it is there. Raises Unexpected where the way has ended."""
    view = journey.ask("GET", path, 200, who=FIRST)
    if view["reason"] is not None:
        raise Unexpected(f"{path}: {view['state']} {view['reason']}")
    return view["form"]


def _ended(journey: Journey, path: str, wanted: str) -> None:
    """Once it has ended, and so. Raises Unexpected."""

    def look() -> Any:
        view = journey.ask("GET", path, 200, who=FIRST)
        return view if view["state"] in (wanted, "refused") else None

    view = journey.until(SECONDS, f"{path} (does the worker run?)", look)
    if view["state"] != wanted:
        raise Unexpected(f"{path}: {view['state']} {view['reason']}")
