"""Options that may stand without their value on the command line, which Typer's declarations cannot say."""

from __future__ import annotations

from typer.core import TyperCommand

#: Option → the value that it then has.
WITHOUT_VALUE = {"--against": "base"}


class Command(TyperCommand):
    """A subcommand whose options of `WITHOUT_VALUE` may be the last word, or be followed by another option."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]  # Typer's own copy of Click has no public types
        """As Typer's, with the values put in."""
        return super().parse_args(ctx, _filled(args))


def _filled(words: list[str]) -> list[str]:
    filled: list[str] = []
    for word, following in zip(words, [*words[1:], "-"], strict=True):
        filled.append(word)
        if word in WITHOUT_VALUE and following.startswith("-"):
            filled.append(WITHOUT_VALUE[word])
    return filled
