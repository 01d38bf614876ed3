"""The Pulumi program: finds the stack's kind, reads what it is made from, and composes it."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pulumi

from model.validation import DocumentError
from stacks import kinds
from stacks.configuration import configuration, secret_keys

ROOT = Path(__file__).parent.parent

#: What Pulumi's language hosts take for "the user knows why"; with any other code they add a sentence of their own.
ALREADY_SHOWN = 32


# The program lives for seconds, and nearly all that it makes (the classes of pulumi_aws above all) lives as long as it does:
# looking for garbage in that takes a third of its time.
gc.disable()


def main() -> None:
    """Refuse bad settings, manifests and budgets, a sentence for each problem, before any resource is registered; compose."""
    try:
        outputs = kinds.prepare(ROOT, pulumi.get_stack(), configuration(), secret=secret_keys())()
    except DocumentError as error:
        for sentence in error.sentences:
            pulumi.log.error(sentence)
        sys.exit(ALREADY_SHOWN)
    for name, value in outputs.items():
        pulumi.export(name, value)


main()
