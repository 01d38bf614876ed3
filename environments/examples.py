"""What this repository's files give as examples, and an environment that is to be deployed with one: refused."""

from __future__ import annotations

from collections.abc import Callable

from environments.settings import KEY, EnvironmentSettings
from environments.source import SettingsError

#: The hosted zones of `dev` and `prod` here. Nobody has them.
ZONES = frozenset({"Z01111222233334444ABC", "Z04444555566667777ABC"})

#: The account of AWS's documentation, which a local cloud answers for: nobody's, too, so examples are enough in it.
NOBODYS = "123456789012"


def refuse(settings: EnvironmentSettings, account: Callable[[], str]) -> None:
    """Raises SettingsError where an environment in somebody's account still names an example. `account` says whose it is;
    only one that names an example asks.

    Without it half of the environment would be made first: Route 53 is asked for the zone when the first record is.
    """
    zone = settings.edge.zone_id
    if zone in ZONES and (number := account()) != NOBODYS:
        raise SettingsError(
            f"environments/Pulumi.{settings.stack}.yaml: {KEY}.edge.zone_id: {zone!r}: an example of this repository, which "
            f"the account {number} does not have; accepted: the id of the hosted zone of {settings.edge.domain} there, as "
            "`pulumi stack output zone_ids --stack account` prints it"
        )
