"""Pins: a provider's certificate comes from an environment's settings, and a stand-in's is believed on a laptop alone."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from environments.settings import KEY, load
from environments.source import PINS_KEY, SettingsError
from localcloud.partners.keys import NAMES, Keys, pins
from localcloud.partners.signing import Identity
from model.catalog import load_catalog
from model.pins import ISSUERS, STAND_IN, VARIABLE, der, is_stand_in
from stacks import partners
from tests.environments.test_settings import configuration
from tests.tables import every_row

#: As a provider's own would be: the same with another organization of as many letters. Nobody looks at its signature here.
OTHER = "x" * len(STAND_IN)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a clone's stand-ins keep their keys."""
    folder = tmp_path_factory.mktemp("state") / "partners"
    Keys(folder).make()
    return folder


def providers_own(pem: str) -> str:
    """A certificate that is no stand-in's."""
    lines = base64.encodebytes(der(pem).replace(STAND_IN.encode(), OTHER.encode())).decode()
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----"


def with_pins(stack: str, named: object) -> dict[str, str]:
    """A stack's configuration with `pins` in its file."""
    config = configuration(stack)
    return config | {KEY: json.dumps(json.loads(config[KEY]) | {"pins": named})}


def test_keys_are_made_once_and_are_their_owners_alone(kept: Path) -> None:
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    assert sorted(before) == sorted(f"{issuer}.pem" for issuer in NAMES) and NAMES.keys() == ISSUERS.keys()
    assert {file.stat().st_mode & 0o777 for file in kept.iterdir()} == {0o600} and kept.stat().st_mode & 0o777 == 0o700
    again = Keys(kept)
    again.make()
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    for issuer, (pem,) in pins(kept).items():
        assert pem == again.identity(issuer).certificate_pem().strip()
    assert "PRIVATE" not in str(pins(kept))
    assert Keys(None).identity("esp").certificate != again.identity("esp").certificate
    assert pins(kept / "nothing") == {}


def test_everything_that_a_stand_in_makes_says_so(kept: Path) -> None:
    signer = Identity.made("Asha Sharma", Keys(kept).identity("signers"), key=Keys(kept).identity("esp").key)
    for pem in (*(each for (each,) in pins(kept).values()), signer.certificate_pem()):
        assert is_stand_in(der(pem)) and not is_stand_in(der(providers_own(pem)))


def test_on_a_laptop_the_services_that_call_providers_are_given_the_stand_ins_pins(kept: Path) -> None:
    settings = load("local", configuration("local") | {PINS_KEY: json.dumps(pins(kept))})
    catalog = load_catalog(Path(__file__).parents[2] / "services", "laptop")
    given = {name: partners.pins(settings, service) for name, service in catalog.services.items()}
    assert json.loads(given.pop("kyc")[VARIABLE]) == pins(kept)
    assert set(map(str, given.values())) == {"{}"}, "nobody else"
    assert partners.pins(load("local", configuration("local")), catalog.services["kyc"]) == {}


@every_row("stack", ("dev", "prod"))
def test_elsewhere_a_stand_in_is_refused_however_it_comes(kept: Path, stack: str) -> None:
    for issuer, (pem,) in pins(kept).items():
        with pytest.raises(SettingsError, match=rf"pins\.{issuer}\[1\]: a certificate of a stand-in's"):
            load(stack, with_pins(stack, {issuer: [providers_own(pem), pem]}))
    with pytest.raises(SettingsError, match=f"{PINS_KEY}: no such key in the tier"):
        load(stack, configuration(stack) | {PINS_KEY: json.dumps(pins(kept))})
    own = {issuer: [providers_own(pem)] for issuer, (pem,) in pins(kept).items()}
    assert load(stack, with_pins(stack, own)).pins == own


def _armour(kind: str, body: str) -> str:
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----"


@every_row(
    "text",
    ("", "x", *(_armour("CERTIFICATE", each) for each in ("", "MAA=\n", "?\n")), _armour("PRIVATE KEY", "MAA=\n")),
)
def test_what_is_no_certificate_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"pins\.esp\[0\]: .*one certificate is accepted, as PEM"):
        load("dev", with_pins("dev", {"esp": [text]}))


def test_an_issuer_that_nobody_knows_is_named(kept: Path) -> None:
    with pytest.raises(SettingsError, match="uidai, digilocker, esp, signers"):
        load("dev", with_pins("dev", {"somebody": []}))
    two = "\n".join(each for (each,) in pins(kept).values())
    with pytest.raises(SettingsError, match=r"pins\.esp\[0\]"):
        load("local", with_pins("local", {"esp": [two]}))
