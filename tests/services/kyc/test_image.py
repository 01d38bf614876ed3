"""Kyc's image is built, looked at and run (nightly: minutes, and root): each act, as its user, on a read-only tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from scripts.images import buildah
from scripts.images.build import LARGEST
from services.kyc import matching
from services.kyc.cards import Card
from services.kyc.faces import Gesture, Seen
from services.kyc.packing import packed, unpacked
from services.kyc.reader import Act
from services.kyc.sandbox import LIMITS
from tests.services.kyc.card_pictures import Holder, Photo, taken
from tests.services.kyc.face_pictures import frame
from tests.services.support import ROOT
from tests.services.test_image import inside

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

TAG = "localhost/matchday/kyc:test"

CARD = taken(Holder("ABCPS1234K", "ASHA SHARMA", "RAVI SHARMA", date(1993, 6, 30)), Photo(newer=True))

GESTURES = (None, Gesture.TURN_LEFT, Gesture.TILT_RIGHT)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image's files."""
    assert os.geteuid() == 0, "to open an image as a folder and to run in it takes root: run the nightly tests as root"
    out = tmp_path_factory.mktemp("image")
    words = ["--base", "debian", "--requirements", "kyc", "--tag", TAG, "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.images.build", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "image.json").read_text())["bytes"] <= LARGEST["kyc"]
    with buildah.files(TAG) as folder:
        yield folder
    buildah.run("buildah", "rmi", TAG)


def test_the_desk_and_the_models_that_are_loaded_are_in_it_and_no_others(root: Path) -> None:
    assert {each.name for each in (root / "app/services/kyc/desk").iterdir()} == {"index.html", "desk.css", "desk.js"}
    (models,) = root.glob("venv/lib/python3.11/site-packages/face_recognition_models/models")
    assert {each.name for each in models.iterdir()} == set(matching.MODELS)


@pytest.mark.parametrize("act", Act)
def test_every_act_works_in_it_within_its_bounds(root: Path, act: Act) -> None:
    frames = {str(at): frame(1, gesture) for at, gesture in enumerate(GESTURES)}
    given = packed({}, frames) if act is Act.FACES else CARD
    environment = dict(line.split("=", 1) for line in buildah.described(TAG)["config"]["Env"])
    limits = LIMITS[act]
    command = ["python", "-m", "services.kyc.reader", act.value, str(limits.memory), str(limits.cpu)]
    done = subprocess.run(inside(root, *command), env=environment, input=given, capture_output=True, check=False)
    # onnxruntime finds no /proc/cpuinfo in the sandbox of the test, and says so.
    said = [line for line in done.stderr.decode().splitlines() if "cpuinfo" not in line]
    assert (done.returncode, said) == (0, [])
    values, files = unpacked(done.stdout)
    assert values.pop("refused") is None
    if act is Act.READ:
        number = Card.of(values).number
        assert number is not None and number.value == "ABCPS1234K" and "masked" in files
    elif act is Act.FACES:
        assert all(Seen.of(values).faces) and "faces" in files
    else:
        assert files["picture"].startswith(b"\xff\xd8")
