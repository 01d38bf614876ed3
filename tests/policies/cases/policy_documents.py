"""Resource policies for the cases of kinds that carry one."""

import json
from collections.abc import Mapping


def policy(
    principal: object, action: str = "*", condition: Mapping[str, object] | None = None, effect: str = "Allow"
) -> str:
    """A resource policy of one statement."""
    statement: dict[str, object] = {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*"}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


OURS = policy({"AWS": "arn:aws:iam::111122223333:root"})
NARROWED = policy("*", condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::matchday-uploads"}})
PUBLIC = policy("*")
PUBLIC_BY_VIA = policy({"AWS": "*"}, condition={"Bool": {"aws:SecureTransport": "true"}})
