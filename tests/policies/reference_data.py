"""Writes policies/data/actions.txt from AWS's service authorisation reference, as cfn-lint carries it.

.venv/bin/python -m tests.policies.reference_data
"""

from __future__ import annotations

import json
from importlib.resources import files

from policies.lang.unscoped import ACTIONS

#: Actions that AWS retired from the reference in 2023 and that old policies still hold; none ever had a resource.
RETIRED = {
    "aws-portal": (
        "modifyaccount", "modifybilling", "modifypaymentmethods",
        "viewaccount", "viewbilling", "viewpaymentmethods", "viewusage",
    )
}  # fmt: skip

HEADER = """# Every action of AWS by service: those that act on a resource (+) and those defined for Resource "*" only (-).
# Written by tests/policies/reference_data.py from the service authorisation reference; do not edit.
"""


def expected() -> str:
    """What the file must hold."""
    data = json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text(encoding="utf-8"))
    lines = []
    for service in sorted({*data, *RETIRED}):
        actions = data.get(service, {}).get("Actions", {})
        scoped = sorted(name for name, details in actions.items() if details.get("Resources"))
        unscoped = sorted(
            [name for name, details in actions.items() if not details.get("Resources")] + list(RETIRED.get(service, ()))
        )
        lines += [f"{service}{sign} {' '.join(names)}\n" for sign, names in (("+", scoped), ("-", unscoped)) if names]
    return HEADER + "".join(lines)


if __name__ == "__main__":
    ACTIONS.write_text(expected(), encoding="utf-8")
