"""Kyc's part of the smoke journey: a player hands in a PAN, staff decide, another service learns the level."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import httpx

from services.common.journey import FIRST, SECOND, SUPPORT, Journey, SecondFactor, Step, Unexpected
from services.kyc.identity_journey import by_digilocker, sign

#: How long the worker may take, in seconds: a picture is read in two processes of its own.
SECONDS = 120


def submit_pan(journey: Journey) -> str:
    """Without a second factor or consent it is refused; then it is kept, shown masked, and waits for a person."""
    body = {"pan": pan_of(journey.run), "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    journey.ask("PUT", "/kyc/pan", 401, who=SECOND, json=body)
    journey.kept(SecondFactor).show(FIRST)
    journey.ask("PUT", "/kyc/pan", 409, who=FIRST, json=body)
    journey.ask("PUT", "/kyc/consents/identity", 200, who=FIRST, json={"version": "2026-11", "given": True})
    # The department writes the name in another way, so that a person has something to decide.
    issued = {"name": "ASHA KUMARI SHARMA", "dob": body["date_of_birth"]}
    journey.partners.put("/_partners/secure-id/people", json={body["pan"]: issued}).raise_for_status()
    picture = send(journey, card(body["pan"]))
    case = journey.ask("PUT", "/kyc/pan", 200, who=FIRST, json={**body, "document": picture})
    if body["pan"] in str(case):
        raise Unexpected("the answer shows the number whole")
    journey.until(SECONDS, "the check (does the worker run?)", lambda: _item(journey, "review"))
    return f"{case['items'][0]['shown']} and a picture of the card wait for a person"


def review(journey: Journey) -> str:
    """Claimed, looked at, approved by support; the level is there, and is asked from inside alone."""
    authorise(journey, "kyc-level")
    journey.kept(SecondFactor).show(SUPPORT)
    player = _item(journey, "review")["id"]
    decide(journey, player, "approve")
    case = journey.ask("GET", "/kyc/case", 200, who=FIRST)
    if (case["state"], case["level"]) != ("approved", "basic"):
        raise Unexpected(f"the case is {case}")
    journey.ask("GET", "/kyc/internal/levels/00000000-0000-0000-0000-000000000000", 404, who="kyc-level")
    return f"{FIRST} is {case['level']} until {case['until'][:10]}"


def decide(journey: Journey, item_id: str, outcome: str) -> None:
    """What a reviewer does."""

    def ask(method: str, path: str, **request: Any) -> Any:
        return journey.ask(method, f"/kyc/reviews{path}", 200, who=SUPPORT, **request)

    (mine,) = [each for each in ask("GET", "")["reviews"] if each["item"] == item_id]
    ask("POST", f"/{mine['id']}/claim")
    seen = ask("GET", f"/{mine['id']}")
    if not seen["values"]["pan"].startswith("******"):
        raise Unexpected("a reviewer sees the number whole")
    look = ask("GET", f"/{mine['id']}/document")
    answer = httpx.get(look["url"], trust_env=False)
    if answer.status_code != 200 or answer.headers["content-type"] != "image/jpeg":
        raise Unexpected(f"the picture of the card: {answer.status_code} {answer.headers.get('content-type')}")
    ask("POST", f"/{mine['id']}/decision", json={"outcome": outcome, "reasons": ["looked_at"]})


def card(number: str) -> bytes:
    """A picture with what stands on a PAN card, as a JPEG."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (1000, 630), "#dfe8ef")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=44)
    lines = (
        "INCOME TAX DEPARTMENT",
        "Permanent Account Number Card",
        number,
        "Name",
        "ASHA SHARMA",
        "Date of Birth",
        "30/06/1993",
    )
    for place, line in enumerate(lines):
        draw.text((60, 40 + 80 * place), line, fill="#101010", font=font)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def send(journey: Journey, picture: bytes) -> str:
    """Announce a picture and send it where the answer says; its id."""
    announced = {
        "kind": "pan_card",
        "media_type": "image/jpeg",
        "size": len(picture),
        "sha256": hashlib.sha256(picture).hexdigest(),
    }
    upload = journey.ask("POST", "/kyc/documents", 200, who=FIRST, json=announced)
    answer = httpx.put(upload["url"], content=picture, headers=upload["headers"], trust_env=False)
    if answer.status_code != 200:
        raise Unexpected(f"the bucket answers {answer.status_code} {answer.text[:300]}")
    return str(upload["id"])


def pan_of(run: str) -> str:
    """A PAN of a walk's own, of a person whose surname begins with S; synthetic."""
    letters = "".join(chr(ord("A") + int(digit, 16)) for digit in run[:4])
    return f"{letters[:3]}PS{int(run[4:8], 16) % 9999 + 1:04}{letters[3]}"


def authorise(journey: Journey, client: str) -> None:
    """Leave a token of an operators' client."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": journey.secret("auth", f"CLIENT_SECRET_{client.upper().replace('-', '_')}"),
    }
    journey.tokens[client] = journey.ask("POST", "/auth/token", 200, inside="auth", data=form)["access_token"]


def _item(journey: Journey, state: str) -> Any:
    """The player's newest item once it is in `state`."""
    items = journey.ask("GET", "/kyc/case", 200, who=FIRST)["items"]
    return items[0] if items and items[0]["state"] == state else None


STEPS = (
    Step("submit PAN", submit_pan), Step("review", review), Step("DigiLocker", by_digilocker), Step("agreement", sign),
)  # fmt: skip
