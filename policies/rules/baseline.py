"""What makes a stack an account's: the resources that are set once per account, which "must exist" controls look for there."""

from __future__ import annotations

from collections.abc import Callable

from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell
from policies.model import Verdict, Whole, bad, ok

#: A stack with any of these is an account's baseline; one without (an application's) is not asked for the others.
ACCOUNT_WIDE: tuple[str, ...] = (
    "aws:accessanalyzer/analyzer:Analyzer",
    "aws:account/alternativeContact:AlternativeContact",
    "aws:cfg/recorder:Recorder",
    "aws:cloudtrail/trail:Trail",
    "aws:ebs/encryptionByDefault:EncryptionByDefault",
    "aws:guardduty/detector:Detector",
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
    "aws:inspector2/enabler:Enabler",
    "aws:macie2/account:Account",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    "aws:securityhub/account:Account",
)


def exists(kind: str, fix: str, fits: Callable[[Resource], bool] | None = None) -> Whole:
    """In an account's stack there is a resource of type `kind` that `fits`."""

    def check(stack: Stack) -> Verdict:
        undecided: CannotTell | None = None
        found = stack.of(kind)
        for resource in found:
            try:
                if fits is None or fits(resource):
                    return ok()
            except CannotTell as reason:
                undecided = undecided or reason
        if undecided:
            raise undecided
        name = kind.rpartition(":")[2]
        return bad(name, f"{len(found)} found, none of them right" if found else None, fix)

    return Whole(ACCOUNT_WIDE, check)
