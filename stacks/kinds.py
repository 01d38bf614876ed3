"""Which kind a stack is of. The one key `matchday:<kind>` of its file says it; each kind has settings of its own.

A kind reads and checks everything that it is made from before it returns what composes it: nothing is registered before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from environments import account as account_settings
from environments import examples, settings
from environments import recovery as recovery_settings
from environments.pager import pager
from model.catalog import load_catalog
from model.validation import DocumentError
from stacks import agreement, budgets, capacity

#: Composes a stack and returns its outputs.
Compose = Callable[[], Mapping[str, Any]]

#: Reads what a stack is made from: the repository's root, the stack's name, its configuration (`namespace:key` → text) and
#: which of its keys are encrypted. Raises DocumentError.
Prepare = Callable[[Path, str, Mapping[str, str], Collection[str]], Compose]


def environment(root: Path, stack: str, config: Mapping[str, str], secret: Collection[str]) -> Compose:
    """The platform in one place."""
    chosen = settings.load(stack, config)
    address = pager(stack, config, secret)
    catalog = load_catalog(root / "services", chosen.tier)
    agreement.check(chosen, catalog)
    budgets.check(chosen, catalog)
    for name, event in chosen.events.items():
        budgets.check(chosen, capacity.during(capacity.plan(name, event, catalog), catalog))

    def compose() -> Mapping[str, Any]:
        # Imported late: the AWS classes take seconds to load, and what is refused above needs none of them.
        import pulumi_aws as aws

        from stacks.environment.program import Environment

        examples.refuse(chosen, lambda: aws.get_caller_identity().account_id)
        return Environment(chosen, catalog, pager=address).outputs

    return compose


def account(root: Path, stack: str, config: Mapping[str, str], secret: Collection[str]) -> Compose:
    """What an AWS account has once, whatever environments are in it."""
    chosen = account_settings.load(stack, config)
    address = pager(stack, config, secret)

    def compose() -> Mapping[str, Any]:
        from stacks.account.program import Account  # late, as above

        return Account(chosen, pager=address).outputs

    return compose


def recovery(root: Path, stack: str, config: Mapping[str, str], secret: Collection[str]) -> Compose:
    """What another Region keeps for the day on which an environment's is lost."""
    chosen = recovery_settings.load(stack, config)

    def compose() -> Mapping[str, Any]:
        from stacks.recovery.program import RecoveryRegion  # late, as above

        return RecoveryRegion(chosen).outputs

    return compose


#: Configuration key → kind.
KINDS: Mapping[str, Prepare] = {
    settings.KEY: environment,
    account_settings.KEY: account,
    recovery_settings.KEY: recovery,
}


def prepare(
    root: Path,
    stack: str,
    config: Mapping[str, str],
    kinds: Mapping[str, Prepare] = KINDS,
    *,
    secret: Collection[str] = (),
) -> Compose:
    """What composes `stack`, by its kind. A file that names none is an environment's, whose settings say what is missing.
    `secret`: the keys of `config` that are encrypted.

    Raises DocumentError.
    """
    named = sorted(key for key in kinds if key in config)
    if len(named) > 1:
        raise DocumentError(
            f"environments/Pulumi.{stack}.yaml: {' and '.join(named)}: a stack is of one kind; give one"
        )
    return kinds[named[0] if named else settings.KEY](root, stack, config, secret)
