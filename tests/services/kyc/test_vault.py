"""Envelope encryption against a real KMS: what is sealed opens for its player, item and field, and nowhere else."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.kyc import vault as vault_module
from services.kyc.kms import Kms
from services.kyc.vault import Context, DataKey, KeysUnavailableError, Vault, VaultError

pytestmark = pytest.mark.process


class Counted(Kms):
    """Counts what KMS is asked."""

    calls = 0

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        self.calls += 1
        return await super().unwrap(wrapped, context)


async def test_a_value_opens_where_it_was_sealed_and_nowhere_else(data_key: str) -> None:
    kms = Counted(data_key)
    player, item, now = uuid4(), uuid4(), [0.0]
    made = await Vault(kms).new(player)
    sealed = made.seal(item, "pan", "ABCPS1234K")
    assert b"ABCPS" not in sealed and sealed != made.seal(item, "pan", "ABCPS1234K")
    vault = Vault(kms, lambda: now[0])
    for _ in range(3):
        key = await vault.open(player, made.wrapped)
        assert key.open(item, "pan", sealed) == "ABCPS1234K"
    assert kms.calls == 1, "the plain key is cached"
    now[0] += vault_module.CACHED_SECONDS + 1
    await vault.open(player, made.wrapped)
    assert kms.calls == 2, "for a while"
    for where in ((uuid4(), "pan", sealed), (item, "name", sealed), (item, "pan", sealed[:-1]), (item, "pan", b"")):
        with pytest.raises(VaultError):
            key.open(*where)
    with pytest.raises(VaultError):
        await vault.open(uuid4(), made.wrapped)  # KMS itself holds the key to its player
    with pytest.raises(VaultError):
        DataKey(uuid4(), made.wrapped, b"0" * 32).open(item, "pan", sealed)


async def test_no_more_keys_are_cached_than_may_be(data_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "CACHED", 2)
    kms = Counted(data_key)
    vault = Vault(kms)
    keys = [await vault.new(uuid4()) for _ in range(3)]
    for key in reversed(keys):
        await vault.open(key.player, key.wrapped)
    assert kms.calls == 1


async def test_a_kms_that_is_away(data_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(KeysUnavailableError):
        await Vault(Kms(data_key)).new(uuid4())
