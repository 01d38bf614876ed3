"""The policy pack's entry point: what `pulumi … --policy-pack policies` starts."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Python puts a script's folder on its path; the package lives one up, and its modules must not hide others of their name.
sys.path[:] = [str(HERE.parent), *(entry for entry in sys.path if Path(entry).resolve() != HERE)]

from policies.pack.server import serve  # noqa: E402 (only now can it be found)

serve()
