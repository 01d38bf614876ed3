"""Leaves compiled in an image what its processes load, by loading it: of all that is installed that is a third.

cd /app; python compiled.py    (with the environment's own Python, which writes __pycache__ beside what it reads)
"""

import compileall
import importlib
import sys
from pathlib import Path

#: Loaded only when they are used, which is after the image's files can no longer be written.
LATER = ("boto3", "botocore", "s3transfer")


def main() -> int:
    """Load every module of the services; one that cannot be loaded ends the build."""
    here = Path.cwd()
    sys.path.insert(0, str(here))
    for file in sorted(here.glob("services/*/*.py")):
        if file.stem != "__init__":
            importlib.import_module(".".join(file.relative_to(here).with_suffix("").parts))
    later = [Path(path) / name for path in sys.path for name in LATER if (Path(path) / name).is_dir()]
    return 0 if all(compileall.compile_dir(folder, quiet=1) for folder in (here, *later)) else 1


if __name__ == "__main__":
    sys.exit(main())
