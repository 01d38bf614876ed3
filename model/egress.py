"""Where services may go outside of AWS, as groups that a manifest names: who is called and by which names; pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class EgressGroup:
    """Who is called, and the domains that DNS answers for it; `*.` in front takes every name below one.

    `endpoints`: variable → URL of whom a service calls, as its processes are given it; an environment may have another one,
    and has to name one where this says None: then its host is answered for, too.
    `pins`: issuers (`model/pins.py`) whose certificates a service is given, as far as the environment names any.
    """

    summary: str
    domains: tuple[str, ...]
    endpoints: Mapping[str, str | None] = field(default_factory=dict)
    pins: tuple[str, ...] = ()


#: Name → group. A service whose `egress` is empty reaches nothing outside of AWS.
EGRESS: Mapping[str, EgressGroup] = {
    "payments-providers": EgressGroup(
        summary="Razorpay and Cashfree: orders, payouts, refunds",
        domains=("api.razorpay.com", "api.cashfree.com", "sandbox.cashfree.com", "payout-api.cashfree.com"),
        endpoints={"RAZORPAY_URL": "https://api.razorpay.com", "CASHFREE_URL": "https://api.cashfree.com"},
    ),
    "pan-verification": EgressGroup(
        summary="Cashfree Secure ID: asks the Income Tax Department about a PAN",
        domains=("api.cashfree.com", "sandbox.cashfree.com"),
        endpoints={"SECURE_ID_URL": "https://api.cashfree.com"},
    ),
    "identity-providers": EgressGroup(
        summary="DigiLocker: documents of players; the eSign provider: what became of a signature",
        domains=("digilocker.meripehchaan.gov.in", "esign.verasys.in"),
        endpoints={
            "DIGILOCKER_URL": "https://digilocker.meripehchaan.gov.in",
            "ESIGN_URL": "https://esign.verasys.in",
        },
        pins=("uidai", "digilocker", "esp", "signers"),
    ),
    "sign-in-providers": EgressGroup(
        summary="Sign-in with Google and Apple: keys and tokens",
        domains=("accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com", "appleid.apple.com"),
        endpoints={"OIDC_URL": "https://accounts.google.com"},
    ),
    "messaging": EgressGroup(
        summary="The environment's messaging gateway: e-mails and text messages to players",
        domains=(),
        endpoints={"MESSAGES_URL": None},
    ),
    "sports-feeds": EgressGroup(
        summary="Results of matches: f1db (its files on GitHub), the Fantasy Premier League, Cricsheet, a scorer",
        # Not Jolpica: its data are for non-commercial use.
        domains=("fantasy.premierleague.com", "raw.githubusercontent.com", "cricsheet.org"),
        endpoints={
            "FPL_URL": "https://fantasy.premierleague.com",
            "F1DB_URL": "https://raw.githubusercontent.com/f1db/f1db/main",
            "CRICSHEET_URL": "https://cricsheet.org",
            "SCORER_URL": None,
        },
    ),
}
