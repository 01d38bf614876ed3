"""What is seen in a selfie: the drawn gestures by the geometry of five landmarks, and how alike the faces are; pure.

A selfie is three frames: straight into the camera, then two gestures that were drawn for this one time. Nothing here proves a
living person: a screen can be held before a camera. So whatever is seen, a person looks, and what is seen tells them where.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from services.kyc.findings import Finding


class Gesture(StrEnum):
    """What a player is asked to do, to their own left or right; frames are as the camera sees, not mirrored."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    TILT_LEFT = "tilt_left"  #: the head towards the shoulder
    TILT_RIGHT = "tilt_right"


#: Frames of a selfie: one without a gesture, and two with one each.
FRAMES = 3

#: How far the nose moves between the eyes (a share of their distance, about 15 degrees), and degrees that eyes tilt, at least.
TURNED, TILTED = 0.06, 8.0

#: Without a gesture at most.
STRAIGHT_TURN, STRAIGHT_TILT = 0.12, 12.0

#: Euclidean distance of two faces' descriptors (dlib's ResNet, whose authors split pairs of LFW at 0.6): up to the first one
#: they are taken for one person's, from the second on for two persons'; between them it is not clear. They are published, and
#: not calibrated on our players: docs/kyc.md says what could be measured here. So whatever they say, a person looks.
SAME, DIFFERENT = 0.50, 0.60

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """The one face of a frame.

    `turn`: of the nose between the eyes, positive to the player's left, a share of the eyes' distance; `tilt`: of the eyes in
    degrees, positive to the player's left; `distance`: from the document's face, if it has one.
    """

    turn: float
    tilt: float
    distance: float | None

    @classmethod
    def of(cls, landmarks: Sequence[Point], distance: float | None) -> Self:
        """From dlib's five: both corners of the eye on the right of the picture, of the one on the left, below the nose."""
        right, left = _middle(landmarks[0], landmarks[1]), _middle(landmarks[2], landmarks[3])
        across, down = right[0] - left[0], right[1] - left[1]
        eyes = math.hypot(landmarks[0][0] - landmarks[2][0], landmarks[0][1] - landmarks[2][1])
        between, nose = _middle(right, left), landmarks[4]
        # Along the line of the eyes, so that a head that tilts does not turn.
        along = ((nose[0] - between[0]) * across + (nose[1] - between[1]) * down) / math.hypot(across, down)
        return cls(along / eyes, math.degrees(math.atan2(down, across)), distance)


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


@dataclass(frozen=True, slots=True)
class Seen:
    """Of a selfie: the face of each frame, None where there is none or are several; the largest distance between frames."""

    faces: Sequence[Face | None]
    apart: float | None
    document: bool  #: a face was found on the document

    @property
    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        faces = [None if face is None else [face.turn, face.tilt, face.distance] for face in self.faces]
        return {"faces": faces, "apart": self.apart, "document": self.document}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From `values`."""
        faces = [None if each is None else Face(*each) for each in values["faces"]]
        return cls(faces, values["apart"], bool(values["document"]))

    @property
    def distance(self) -> float | None:
        """The frame without a gesture from the document."""
        return None if not self.faces or self.faces[0] is None else self.faces[0].distance


def drawn() -> list[Gesture]:
    """Two different gestures, in an order that nobody knows before: one of twelve."""
    return secrets.SystemRandom().sample(list(Gesture), FRAMES - 1)


def shows(face: Face, straight: Face, gesture: Gesture) -> bool:
    """Whether a face, beside the same without a gesture, does that one, and that more than any other."""
    turn, tilt = (face.turn - straight.turn) / TURNED, (face.tilt - straight.tilt) / TILTED
    strongest = max(
        (turn, Gesture.TURN_LEFT), (-turn, Gesture.TURN_RIGHT), (tilt, Gesture.TILT_LEFT), (-tilt, Gesture.TILT_RIGHT)
    )
    return strongest[0] >= 1 and strongest[1] is gesture


def findings_of(seen: Seen, gestures: Sequence[Gesture]) -> list[Finding]:
    """What is to be found in a selfie; `gestures`: those that were drawn for it. Never empty."""
    found = [Finding.LIVENESS]
    faces = [face for face in seen.faces if face is not None]
    if len(faces) < FRAMES or seen.distance is None or seen.apart is None:
        return [*found, Finding.FACE_UNCLEAR]
    straight = faces[0]
    if abs(straight.turn) > STRAIGHT_TURN or abs(straight.tilt) > STRAIGHT_TILT:
        found.append(Finding.FACE_UNCLEAR)
    if not all(shows(face, straight, each) for face, each in zip(faces[1:], gestures, strict=True)):
        found.append(Finding.GESTURE_DIFFERS)
    if max(seen.distance, seen.apart) >= DIFFERENT:
        found.append(Finding.FACE_DIFFERS)
    elif max(seen.distance, seen.apart) > SAME:
        found.append(Finding.FACE_UNCLEAR)
    return list(dict.fromkeys(found))
