"""Each service's README has a table of its calls; what it says of time-outs is what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.auth import letters, oidc
from services.common import aws, cache, issuer, revocations, tokens
from services.payments import deposits, levels
from services.payments.providers import transport
from services.scoring import fetching
from services.scoring import letters as scoring_letters
from services.scoring import wallet as scoring_wallet
from tests.services.support import CATALOG, ROOT, SERVICES

HEADER = ["call", "time-out", "retry", "idempotency key", "UNKNOWN means"]

#: What whoever checks auth's tokens calls: beginning of the call, seconds.
OF_AUTH = {
    f"`GET auth {tokens.JWKS_PATH}`": issuer.KEYS_SECONDS,
    f"`GET auth {revocations.PATH}`": revocations.FETCH_SECONDS,
}

#: The same for a service's own.
OWN: dict[str, dict[str, float]] = {
    "auth": {
        "the cache": cache.COMMAND_SECONDS,
        "`POST gateway /messages`": letters.GATEWAY_SECONDS,
        "the provider": oidc.CALL_SECONDS,
    },
    "kyc": {"KMS": aws.CONNECT_SECONDS, "S3": aws.CONNECT_SECONDS},
    "payments": {
        "`POST auth /auth/token`": transport.TIMEOUT.read or 0,
        "create an order": deposits.ORDER_SECONDS,
        "ask about an order": transport.CALL_SECONDS,
        "refund": transport.CALL_SECONDS,
        "payout": transport.CALL_SECONDS,
        "settlement report": transport.CALL_SECONDS,
        "`POST wallet /wallet/internal/…`": transport.CALL_SECONDS,
        "`GET kyc /kyc/internal/levels/": levels.SECONDS,
    },
    "scoring": {
        "a file of a provider": fetching.FILE_SECONDS,
        "S3": aws.CONNECT_SECONDS,
        "`POST auth /auth/token`": scoring_letters.SECONDS,
        "`POST wallet /wallet/internal/batches`": scoring_wallet.SECONDS,
    },
}


def calls(readme: str) -> list[list[str]]:
    """The cells of the rows of the table below "Calls"."""
    section = readme.partition("\n## Calls\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    if not rows:
        assert section.strip() == "None.", 'neither a table nor "None."'
        return []
    assert rows[0] == HEADER
    return rows[2:]


@pytest.mark.parametrize("service", SERVICES)
def test_the_readme_says_of_each_call_what_the_code_does(service: str) -> None:
    rows = calls(Path(ROOT / "services" / service / "README.md").read_text())
    for row in rows:
        assert len(row) == len(HEADER) and all(row), row
    wanted = OWN.get(service, {}) | (OF_AUTH if "auth" in CATALOG.services[service].calls else {})
    for call, seconds in wanted.items():
        (row,) = [row for row in rows if row[0].startswith(call)]
        assert row[1].split(" s")[0] == f"{seconds:g}", row


@pytest.mark.parametrize("service", SERVICES)
def test_it_names_whom_the_manifest_lets_it_call_and_nobody_else(service: str) -> None:
    rows = calls(Path(ROOT / "services" / service / "README.md").read_text())
    manifest = CATALOG.services[service]
    named = {row[0].split(" ")[1] for row in rows if row[0].startswith(("`GET ", "`POST ", "`PUT ", "`DELETE "))}
    assert named & set(SERVICES) == set(manifest.calls)
    if manifest.egress:
        assert any(not row[0].startswith("`") for row in rows), "calls to a provider"
