"""Takes out of a virtual environment what no process of an image loads: APIs of AWS that no service asks, libraries' own tests,
what compilers leave in shared libraries for debuggers.

    python trim.py SITE_PACKAGES

botocore describes 440 APIs; a service that asks another than those kept gets `UnknownServiceError`
(tests/scripts/test_images.py holds the list against the code).
"""

import shutil
import struct
import sys
from pathlib import Path

#: AWS's services that some service of ours asks, by botocore's names.
KEPT = ("kms", "s3", "sesv2")

#: Models that nothing of ours loads; the first was trained on pictures that forbid commercial use.
_MODELS = ("shape_predictor_68_face_landmarks.dat", "mmod_human_face_detector.dat")

#: The beginning of a 64-bit, little-endian ELF file (ELF-64 Object File Format, version 1.5, "ELF header").
_ELF = b"\x7fELF\x02\x01"


def trim(packages: Path) -> None:
    """Remove it; what is not there is no error, as not every set of requirements has it."""
    for described in packages.glob("botocore/data/*/"):
        if described.is_dir() and described.name not in KEPT:
            shutil.rmtree(described)
    for tests in (*packages.glob("*/SelfTest"), *packages.glob("*/tests")):
        shutil.rmtree(tests)
    for model in _MODELS:
        (packages / "face_recognition_models" / "models" / model).unlink(missing_ok=True)
    for library in packages.rglob("*.so*"):
        if library.is_file() and not library.is_symlink():
            strip(library)


def strip(library: Path) -> None:
    """Cut a shared library off behind what is loaded of it (its segments), as `sstrip` does.

    Behind that stand sections that only linkers and debuggers read, and the table of sections, which the loader does not.
    """
    content = library.read_bytes()
    if not content.startswith(_ELF):
        return
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    end = table + size * count
    for number in range(count):
        start, length = (struct.unpack_from("<Q", content, table + number * size + place)[0] for place in (8, 32))
        end = max(end, start + length)
    if end < len(content):
        header = content[:40] + bytes(8) + content[48:60] + bytes(4) + content[64:]
        library.write_bytes(header[:end])


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
