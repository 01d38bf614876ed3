"""Selfies: what is seen of faces, gestures by their geometry, what a person is shown; and that no selfie approves itself."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kyc import faces, matching, selfies
from services.kyc.faces import Face, Gesture, Seen
from services.kyc.findings import Finding, any_failed
from services.kyc.packing import packed, unpacked
from services.kyc.reader import Act
from services.kyc.sandbox import Sandbox
from tests.services.auth.fixtures import Person
from tests.services.kyc.card_pictures import Holder, Photo, taken
from tests.services.kyc.face_pictures import POSES, frame
from tests.services.kyc.fixtures import PAN, PATIENT, Kyc
from tests.services.kyc.test_documents import CONSENT, PAN_BODY, agreed, objects, send

STRAIGHT = Face(0.0, 0.0, 0.3)
OF = {
    Gesture.TURN_LEFT: Face(0.1, 0.0, 0.4), Gesture.TURN_RIGHT: Face(-0.1, 0.0, 0.4), Gesture.TILT_LEFT: Face(0.0, 12, 0.4),
    Gesture.TILT_RIGHT: Face(0.0, -12, 0.4),
}  # fmt: skip


def seen(*gestures: Gesture, distance: float | None = 0.3, apart: float | None = 0.4) -> Seen:
    return Seen([Face(0, 0, distance), *(OF[each] for each in gestures)], apart, distance is not None)


def landmarks(turn: float, tilt: float, at: tuple[float, float] = (300, 300), size: float = 50) -> list[faces.Point]:
    """Of a head that turns (a share of the eyes' distance) and tilts (degrees)."""
    points = [(2.0, 0.0), (0.8, 0.0), (-2.0, 0.0), (-0.8, 0.0), (4 * turn, 1.5)]
    angle = math.radians(tilt)
    return [
        (
            at[0] + size * (x * math.cos(angle) - y * math.sin(angle)),
            at[1] + size * (x * math.sin(angle) + y * math.cos(angle)),
        )
        for x, y in points
    ]


@given(st.floats(-0.3, 0.3), st.floats(-40, 40), st.floats(0, 2000), st.floats(10, 200))
def test_geometry_says_how_a_head_is_held_wherever_it_is(turn: float, tilt: float, at: float, size: float) -> None:
    face = Face.of(landmarks(turn, tilt, (at, at), size), None)
    assert face.turn == pytest.approx(turn, abs=1e-6) and face.tilt == pytest.approx(tilt, abs=1e-6)


@pytest.mark.parametrize("shown", Gesture)
@pytest.mark.parametrize("drawn", Gesture)
def test_a_gesture_is_no_other(shown: Gesture, drawn: Gesture) -> None:
    assert faces.shows(OF[shown], STRAIGHT, drawn) == (shown is drawn)
    assert not faces.shows(STRAIGHT, STRAIGHT, drawn)


def test_gestures_are_two_of_four_in_any_order() -> None:
    drawn = {tuple(faces.drawn()) for _ in range(600)}
    assert len(drawn) == 12 and all(one is not other for one, other in drawn)


def test_what_follows_from_what_is_seen() -> None:
    asked = [Gesture.TURN_LEFT, Gesture.TILT_RIGHT]
    assert faces.findings_of(seen(*asked), asked) == [Finding.LIVENESS]
    assert faces.findings_of(seen(*reversed(asked)), asked) == [Finding.LIVENESS, Finding.GESTURE_DIFFERS]
    assert faces.findings_of(seen(*asked, distance=0.55), asked) == [Finding.LIVENESS, Finding.FACE_UNCLEAR]
    assert faces.findings_of(seen(*asked, distance=0.6), asked) == [Finding.LIVENESS, Finding.FACE_DIFFERS]
    assert faces.findings_of(seen(*asked, apart=0.7), asked) == [Finding.LIVENESS, Finding.FACE_DIFFERS]
    assert faces.findings_of(seen(*asked, distance=None), asked) == [Finding.LIVENESS, Finding.FACE_UNCLEAR]
    nobody = Seen([None, OF[asked[0]], OF[asked[1]]], None, True)
    assert faces.findings_of(nobody, asked) == [Finding.LIVENESS, Finding.FACE_UNCLEAR]
    assert any_failed(["face_differs"]) and any_failed(["gesture_differs"]) and not any_failed(["face_unclear"])


floats = st.floats(-1, 1)
any_face = st.none() | st.builds(Face, floats, st.floats(-90, 90), st.none() | st.floats(0, 2))


@given(st.lists(any_face, min_size=3, max_size=3), st.none() | st.floats(0, 2), st.permutations(list(Gesture)))
def test_no_selfie_approves_itself(found: list[Face | None], apart: float | None, drawn: list[Gesture]) -> None:
    what = Seen(found, apart, document=True)
    assert Finding.LIVENESS in faces.findings_of(what, drawn[:2])
    assert Seen.of(json.loads(json.dumps(what.values))) == what


@given(
    st.dictionaries(st.text(max_size=8), st.integers()), st.dictionaries(st.text(max_size=8), st.binary(max_size=40))
)
def test_what_is_packed_comes_out(values: dict[str, int], content: dict[str, bytes]) -> None:
    values.pop("files", None)
    assert unpacked(packed(values, content)) == (values, content)


@pytest.mark.parametrize("stream", [b"", b"[]\n", b"{}\n", b'{"files": 3}\n', b"\xff\n"])
def test_what_is_not_packed_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError):
        unpacked(stream)


# --- the models


def selfie(*gestures: Gesture | None, seed: int = 0) -> dict[str, bytes]:
    return {str(at): frame(seed, each) for at, each in enumerate((None, *gestures))}


def of_holder(seed: int = 0) -> bytes:
    """A card with the face of its holder."""
    from services.kyc.ocr import opened  # it is imported in its own process else

    card = opened(taken(Holder(PAN, "ASHA SHARMA", "RAVI SHARMA", date(1993, 6, 30)), Photo(newer=True)))
    return with_face(card, seed)


def with_face(card: Any, seed: int) -> bytes:
    import io

    from tests.services.kyc.face_pictures import face

    card.paste(face(seed, size=200), (640, 150))
    out = io.BytesIO()
    card.save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.mark.nightly
async def test_a_selfie_is_seen_in_a_process_of_its_own() -> None:
    asked = [Gesture.TURN_RIGHT, Gesture.TILT_LEFT]
    found = await Sandbox(PATIENT).run(Act.FACES, packed({}, selfie(*asked) | {"document": of_holder()}))
    what = Seen.of(found.values)
    assert faces.findings_of(what, asked) == [Finding.LIVENESS]
    assert what.distance is not None and what.distance < faces.SAME
    assert set(found.files) == {"faces"} and "descriptor" not in str(found.values)


@pytest.fixture(scope="module")
def matcher() -> matching.Matcher:
    return matching.Matcher()


@pytest.mark.slow
@pytest.mark.parametrize("gesture", Gesture)
def test_drawn_heads_do_what_they_do(matcher: matching.Matcher, gesture: Gesture) -> None:
    def look(pose: Gesture | None) -> Face:
        (only,) = matcher.faces(matching._opened(frame(3, pose), 640))
        return Face.of(only.landmarks, None)

    assert faces.shows(look(gesture), look(None), gesture)


def test_a_model_with_other_bytes_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in matching.MODELS:
        monkeypatch.setitem(matching.MODELS, name, "0" * 64)
    with pytest.raises(matching.ModelError, match="shape_predictor_5"):
        matching.Matcher()


# --- the whole way


pytestmark = pytest.mark.postgres


async def verified(kyc: Kyc, *, picture: bool = True) -> Person:
    """A player whose PAN is verified, with a card that has their face on it."""
    kyc.provider.stand_in.balance = None
    person = await agreed(kyc)
    more = {"document": await send(kyc, person, of_holder())} if picture else {}
    assert (await kyc.ask(person, "PUT", "/pan", PAN_BODY | more)).status_code == 200
    await kyc.work()
    if not picture:
        assert (await kyc.decide(person, "approve")).status_code == 200
    assert await kyc.level(person) == "basic"
    assert (await kyc.ask(person, "PUT", "/consents/selfie", CONSENT)).status_code == 200
    return person


def announced(content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"kind": "selfie", "media_type": "image/jpeg", "size": len(content), "sha256": digest}


async def drawn(kyc: Kyc, person: Person) -> Mapping[str, Any]:
    answer = await kyc.ask(person, "POST", "/selfies")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def hand_in(
    kyc: Kyc,
    person: Person,
    challenge: Mapping[str, Any],
    content: Callable[[int, Gesture | None], bytes] | None = None,
) -> httpx.Response:
    """Frames with the gestures that were drawn; `content` makes others."""
    frames = []
    for at, gesture in enumerate((None, *map(Gesture, challenge["gestures"]))):
        picture = frame(0, gesture) if content is None else content(at, gesture)
        frames.append(await send(kyc, person, picture, announced(picture)))
    return await kyc.ask(person, "PUT", "/selfie", {"challenge": challenge["id"], "frames": frames})


async def test_from_gestures_to_the_level(kyc: Kyc) -> None:
    person = await verified(kyc)
    card = objects(kyc)
    challenge = await drawn(kyc, person)
    answer = await hand_in(kyc, person, challenge)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["items"][0]["kind"], answer.json()["items"][0]["shown"]) == ("selfie", "selfie")
    again = await hand_in(kyc, person, challenge)
    assert (again.status_code, again.json()["code"]) == (409, "challenge_unknown"), "gestures are good once"
    await kyc.work()
    assert (await kyc.case(person))["level"] == "basic", "no selfie approves itself"
    made = [each for each in objects(kyc) if each not in card and "documents/" in each]
    assert [each.rpartition("/")[2] for each in made] == ["faces.jpg"]
    review = await kyc.review_of(person)
    assert (review["findings"], review["document"]) == (["liveness"], True)
    path = f"/reviews/{review['id']}"
    for who in ("risk", "support"):
        assert (await kyc.ask(who, "POST", f"{path}/claim")).status_code == 200
        values = (await kyc.ask(who, "GET", path)).json()["values"]
        assert values["gestures"] == " ".join(challenge["gestures"]) and float(values["distance"]) < faces.SAME
        look = (await kyc.ask(who, "GET", f"{path}/document")).json()
        assert not look["masked"]
        async with httpx.AsyncClient(trust_env=False) as client:
            picture = await client.get(look["url"])
        assert picture.headers["content-type"] == "image/jpeg"
        if who == "risk":
            kyc.clock.move(minutes=16)
            await kyc.colleague("support")
    assert (await kyc.decide(person, "approve")).json()["closed"]
    assert await kyc.level(person) == "full"
    export = (await kyc.ask(await kyc.auth.show_two_factors(person), "GET", "/export")).json()
    urls = [each["url"] for each in export["documents"] if each["kind"] == "selfie" and each["url"]]
    assert len(urls) == 1 and "faces.jpg" in urls[0]


def uploads(kyc: Kyc) -> set[str]:
    """What was sent and is not taken yet."""
    return {each for each in objects(kyc) if each.startswith("uploads/")}


@pytest.mark.nightly
async def test_another_gesture_takes_two_persons(kyc: Kyc) -> None:
    person = await verified(kyc)
    challenge = await drawn(kyc, person)
    first, second = map(Gesture, challenge["gestures"])
    others = {None: None, first: second, second: first}
    assert (await hand_in(kyc, person, challenge, lambda at, each: frame(0, others[each]))).status_code == 200
    await kyc.work()
    assert (await kyc.review_of(person))["findings"] == ["liveness", "gesture_differs"]
    assert (await kyc.decide(person, "approve")).json()["proposed"]
    assert await kyc.level(person) == "basic"


@pytest.mark.nightly
async def test_without_a_face_or_a_card_a_person_looks_and_what_is_no_picture_comes_again(kyc: Kyc) -> None:
    person = await verified(kyc, picture=False)
    assert (await hand_in(kyc, person, await drawn(kyc, person))).status_code == 200
    await kyc.work()
    assert (await kyc.review_of(person))["findings"] == ["liveness", "face_unclear"]
    assert (await kyc.decide(person, "resubmit")).status_code == 200
    broken = b"\xff\xd8\xff" + bytes(200)
    answer = await hand_in(
        kyc, person, await drawn(kyc, person), lambda at, each: broken if at == 2 else frame(1, each)
    )
    assert answer.status_code == 200
    await kyc.work()
    case = await kyc.case(person)
    assert (case["state"], case["items"][0]["state"], case["level"]) == ("resubmit", "resubmit", "basic")
    assert not uploads(kyc), "nothing that was sent is left"


async def test_gestures_are_ones_own_fresh_and_the_last_ones(kyc: Kyc) -> None:
    newcomer = await agreed(kyc)
    assert (await kyc.ask(newcomer, "POST", "/selfies")).json()["code"] == "state_forbids"
    person = await verified(kyc, picture=False)
    before = await drawn(kyc, person)
    challenge = await drawn(kyc, person)
    frames = [str(uuid4()) for _ in range(3)]

    async def code(**body: Any) -> Any:
        return (
            await kyc.ask(person, "PUT", "/selfie", {"challenge": challenge["id"], "frames": frames} | body)
        ).json()["code"]

    assert await code() == "document_unknown"
    assert await code(frames=frames[:1] * 3) == "invalid"
    assert await code(frames=frames[:2]) == "invalid"
    assert (await hand_in(kyc, person, before)).json()["code"] == "challenge_unknown"
    kyc.clock.move(seconds=selfies.GOOD.total_seconds())
    person = await kyc.auth.show_two_factors(person)
    assert (await hand_in(kyc, person, challenge)).json()["code"] == "challenge_unknown"
    assert (await kyc.ask(person, "PUT", "/consents/selfie", CONSENT | {"given": False})).status_code == 200
    assert await code() == "consent_missing"
    gestures = {*before["gestures"], *challenge["gestures"]}
    assert len(uploads(kyc)) == 1 + len(gestures), "a picture that is announced again is the same upload"


def test_every_pose_is_a_gesture() -> None:
    assert set(POSES) == {None, *Gesture}
