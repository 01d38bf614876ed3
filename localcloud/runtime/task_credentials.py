"""The credentials of a task's role on the local cloud: an access key that says which role it is of.

Nothing is secret here and nobody checks a signature: whoever reaches the emulator may do everything. What a task finds as its
credentials only says who asks, so that a role that may not do something is refused as in AWS.
"""

from __future__ import annotations

import base64
import re

_PREFIX = "ASIATASK"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}")


def access_key(role_arn: str) -> str:
    """The access key id of a task with this role."""
    return _PREFIX + base64.b32encode(role_arn.encode()).decode().rstrip("=")


def role_of(key: str) -> str | None:
    """The ARN of the role whose access key id it is; None for any other key."""
    if not key.startswith(_PREFIX):
        return None
    body = key.removeprefix(_PREFIX)
    try:
        found = base64.b32decode(body + "=" * (-len(body) % 8)).decode()
    except ValueError:  # binascii.Error, UnicodeError
        return None
    return found if _ROLE.fullmatch(found) else None
