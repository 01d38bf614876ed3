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
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess",
    "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess",
    "aws:guardduty/detector:Detector",
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy",
    "aws:inspector2/enabler:Enabler",
    "aws:macie2/account:Account",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    "aws:securityhub/account:Account",
)
#: Why a stack that holds none of them gives no answer.
ELSEWHERE = "a setting of the account: this stack holds none of those, the account's own stack answers"


def in_account(check: Callable[[Stack], Verdict]) -> Whole:
    """`check` over an account's stack; any other stack is not assessed."""
    return Whole(ACCOUNT_WIDE, check, elsewhere=ELSEWHERE)


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

    return in_account(check)


def account_setting(kind: str, check: Callable[[Resource], Verdict], fix: str) -> Whole:
    """In an account's stack there is a resource of type `kind`, and `check` holds for each (there is one per Region)."""

    def judged(stack: Stack) -> Verdict:
        found = stack.of(kind)
        if not found:
            return bad(kind.rpartition(":")[2], None, fix)
        undecided: CannotTell | None = None
        for resource in found:
            try:
                verdict = check(resource)
            except CannotTell as reason:
                undecided = undecided or reason
                continue
            if verdict != ok():
                return verdict
        if undecided:
            raise undecided
        return ok()

    return Whole((*ACCOUNT_WIDE, *(() if kind in ACCOUNT_WIDE else (kind,))), judged, elsewhere=ELSEWHERE)
