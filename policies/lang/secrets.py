"""Whether a setting is a secret in the clear, by its name and by its value."""

from __future__ import annotations

import re

#: Values that are secrets whatever they are called.
_VALUES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}\b")),
    ("a password in a URL", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s:@]+@", re.IGNORECASE)),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a token of GitHub", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})")),
    ("a token of GitLab", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("a token of Slack", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("a live key of a payment provider", re.compile(r"\b(?:sk|rk)_live_[A-Za-z0-9]{16,}|\brzp_live_[A-Za-z0-9]{10,}")),
    ("a key of Google", re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    ("a signed token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")),
)
#: Last words of names that hold secrets: DB_PASS, JWT_SECRET, API_TOKEN.
_WORDS = frozenset(
    {
        "apikey", "auth", "credential", "credentials", "creds", "pass", "passcode", "passphrase", "passwd", "password", "pwd",
        "secret", "secrets", "token", "tokens",
    }
)  # fmt: skip
#: Words that make of a `_KEY` a secret one: SECRET_KEY, JWT_SIGNING_KEY. (A PUBLIC_KEY or a KEY by itself is none.)
_KEYS = frozenset(
    {
        "access", "account", "admin", "api", "app", "auth", "client", "crypt", "decryption", "encryption", "fernet", "hash",
        "hmac", "jwt", "license", "master", "private", "secret", "secure", "service", "shared", "signing", "ssh", "storage",
    }
)  # fmt: skip
#: What refers to a secret and is none.
_REFERENCE = re.compile(r"^(?:arn:aws[a-z-]*:|/[\w./-]+$|\$\{|ssm:|secretsmanager:|vault:|file:)")
_PLAIN_URL = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
#: Values that are settings, not secrets: numbers (a long one is a password), switches, durations.
_SETTING = re.compile(
    r"^(?:\d{1,7}(?:\.\d+)?[a-z]{0,2}|true|false|yes|no|on|off|none|null|enabled|disabled|required|optional)$", re.I
)


def secret_in(name: str, value: str) -> str:
    """What secret a setting is, in words; "" when it is none."""
    for what, pattern in _VALUES:
        if pattern.search(value):
            return what
    if not value or _REFERENCE.match(value) or _PLAIN_URL.match(value) or _SETTING.match(value):
        return ""
    return "by its name" if _secret_name(name) else ""


def _secret_name(name: str) -> bool:
    words = [word for word in re.split(r"[^a-z0-9]+", _snake(name)) if word and not word.isdigit()]
    if not words:
        return False
    last = words[-1].rstrip("0123456789")
    return (
        last in _WORDS
        or (last in ("key", "keys") and any(word in _KEYS for word in words[:-1]))
        or last.endswith("apikey")
    )


def _snake(name: str) -> str:
    """A name in lower case with its words apart (`apiToken` is `api_token`)."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
