"""Takes out of a virtual environment what no process of an image loads: APIs of AWS that no service asks, libraries' own tests.

    python trim.py SITE_PACKAGES

botocore describes 440 APIs; a service that asks another than those kept gets `UnknownServiceError`
(tests/scripts/test_images.py holds the list against the code).
"""

import shutil
import sys
from pathlib import Path

#: AWS's services that some service of ours asks, by botocore's names.
KEPT = ("kms", "s3")


def trim(packages: Path) -> None:
    """Remove it; what is not there is no error, as not every set of requirements has it."""
    for described in packages.glob("botocore/data/*/"):
        if described.is_dir() and described.name not in KEPT:
            shutil.rmtree(described)
    for tests in (*packages.glob("*/SelfTest"), *packages.glob("*/tests")):
        shutil.rmtree(tests)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
