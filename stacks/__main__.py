"""The Pulumi program: reads the stack's settings and the services' manifests, and makes what the stack is made of."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

from environments.settings import SettingsError, load
from model.catalog import CatalogError, load_catalog
from stacks.configuration import configuration

SERVICES = Path(__file__).parent.parent / "services"

#: What Pulumi's language hosts take for "the user has been told why"; with any other code they add a sentence of their own.
ALREADY_SHOWN = 32


def main() -> None:
    """Refuse bad settings and manifests in one sentence before any resource is registered; then compose."""
    try:
        settings = load(pulumi.get_stack(), configuration())
        catalog = load_catalog(SERVICES, settings.tier.value)
    except (SettingsError, CatalogError) as error:
        pulumi.log.error(str(error))
        sys.exit(ALREADY_SHOWN)
    # Imported late: the AWS classes take seconds to load, and what is refused above needs none of them.
    from stacks.environment import Environment

    for name, value in Environment(settings, catalog).outputs.items():
        pulumi.export(name, value)


main()
