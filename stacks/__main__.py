"""The Pulumi program: reads the stack's settings and the services' manifests, and makes what the stack is made of."""

from __future__ import annotations

from pathlib import Path

import pulumi

from environments.settings import SettingsError, load
from services.catalog import CatalogError, load_catalog
from stacks.configuration import configuration
from stacks.environment import Environment

SERVICES = Path(__file__).parent.parent / "services"


def main() -> None:
    """Refuse bad settings and manifests in one sentence before any resource is registered; then compose."""
    try:
        settings = load(pulumi.get_stack(), configuration())
        catalog = load_catalog(SERVICES, settings.tier.value)
    except (SettingsError, CatalogError) as error:
        raise pulumi.RunError(str(error)) from None
    for name, value in Environment(settings, catalog).outputs.items():
        pulumi.export(name, value)


main()
