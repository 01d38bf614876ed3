"""What staff may do: permissions, and the roles that are sets of them. Whatever a role does not hold is refused.

A permission is a scope of the service that asks for it (`scopes` in its manifest), checked by `callers.may`. Auth puts the
permissions of a person's roles into the access token, and only after two factors. Clients have none (but `scoring:manage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Permission(StrEnum):
    """One kind of act."""

    READ_ACCOUNTS = "auth:read-accounts"
    READ_SECURITY_EVENTS = "auth:read-security-events"
    END_SESSIONS = "auth:end-sessions"
    FREEZE_ACCOUNTS = "auth:freeze-accounts"
    GRANT_ROLES = "auth:grant-roles"
    AUDIT_WALLET = "wallet:audit"
    FREEZE_MONEY = "wallet:freeze"
    PROPOSE_ADJUSTMENTS = "wallet:adjust"
    APPROVE_ADJUSTMENTS = "wallet:approve"
    AUDIT_PAYMENTS = "payments:audit"
    CONFIRM_INSTRUMENTS = "payments:confirm"
    REFUND_DEPOSITS = "payments:refund"
    APPROVE_PAYOUTS = "payments:approve"
    APPROVE_PRIZES = "scoring:approve"
    AUDIT_PRIZES = "scoring:audit"
    MANAGE_CONTESTS = "scoring:manage"
    REVIEW_KYC = "kyc:review"
    OVERRIDE_KYC = "kyc:override"
    AUDIT_KYC = "kyc:audit"


class StaffRole(StrEnum):
    """What somebody works as."""

    SUPPORT = "support"
    RISK = "risk"
    FINANCE = "finance"
    ADMIN = "admin"
    AUDITOR = "auditor"


#: What changes nothing: all that an auditor may hold.
READ_ONLY = frozenset(
    {
        Permission.READ_ACCOUNTS,
        Permission.READ_SECURITY_EVENTS,
        Permission.AUDIT_WALLET,
        Permission.AUDIT_PAYMENTS,
        Permission.AUDIT_PRIZES,
        Permission.AUDIT_KYC,
    }
)

#: Nobody pays out what they propose: who manages contests does not approve prizes, who confirms players' accounts does not
#: approve payouts, and whoever grants roles moves no money. One person with several roles is refused act by act.
ROLES: Mapping[StaffRole, frozenset[Permission]] = {
    StaffRole.SUPPORT: frozenset(
        {
            Permission.READ_ACCOUNTS,
            Permission.READ_SECURITY_EVENTS,
            Permission.END_SESSIONS,
            Permission.AUDIT_PAYMENTS,
            Permission.CONFIRM_INSTRUMENTS,
            Permission.REVIEW_KYC,
        }
    ),
    StaffRole.RISK: frozenset(
        {
            Permission.READ_ACCOUNTS,
            Permission.READ_SECURITY_EVENTS,
            Permission.END_SESSIONS,
            Permission.FREEZE_ACCOUNTS,
            Permission.FREEZE_MONEY,
            Permission.AUDIT_PAYMENTS,
            Permission.REVIEW_KYC,
            Permission.OVERRIDE_KYC,
        }
    ),
    StaffRole.FINANCE: frozenset(
        {
            Permission.READ_ACCOUNTS,
            Permission.AUDIT_WALLET,
            Permission.PROPOSE_ADJUSTMENTS,
            Permission.APPROVE_ADJUSTMENTS,
            Permission.AUDIT_PAYMENTS,
            Permission.REFUND_DEPOSITS,
            Permission.APPROVE_PAYOUTS,
            Permission.APPROVE_PRIZES,
            Permission.AUDIT_PRIZES,
        }
    ),
    StaffRole.ADMIN: frozenset(
        {
            Permission.READ_ACCOUNTS,
            Permission.READ_SECURITY_EVENTS,
            Permission.END_SESSIONS,
            Permission.FREEZE_ACCOUNTS,
            Permission.GRANT_ROLES,
            Permission.MANAGE_CONTESTS,
        }
    ),
    StaffRole.AUDITOR: READ_ONLY,
}


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """The permissions of all `roles` together; a name that is no role has none."""
    known = {role.value: role for role in StaffRole}
    return frozenset[Permission]().union(*(ROLES[known[name]] for name in roles if name in known))
