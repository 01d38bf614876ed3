"""Options that may stand without their value on the command line, which Typer's declarations cannot say."""

from __future__ import annotations

from typer.core import TyperCommand

#: Option → the value that it then has.
WITHOUT_VALUE = {"--against": "base"}


class Command(TyperCommand):
    """A subcommand whose options of `WITHOUT_VALUE` may be the last word, or be followed by another option."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]  # Typer's own copy of Click has no public types
        """As Typer's, with the values put in."""
        return super().parse_args(ctx, filled(args))


def filled(words: list[str]) -> list[str]:
    """The words of a command line with the values that may be left out."""
    given: list[str] = []
    for place, word in enumerate(words):
        given.append(word)
        if word in WITHOUT_VALUE and (place + 1 == len(words) or words[place + 1].startswith("-")):
            given.append(WITHOUT_VALUE[word])
    return given
