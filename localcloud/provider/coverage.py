"""The coverage table, docs/local-provider-coverage.md, made from the rows: `python -m localcloud.provider.coverage > …`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from localcloud.provider import invokes, random_kinds, schema
from localcloud.provider.row import Row
from localcloud.provider.rows import ROWS
from localcloud.provider.translate import Translator

HEADER = """# What the local provider covers

Made by `python -m localcloud.provider.coverage` from the rows in `localcloud/provider/rows/`; a test keeps it current.

- **emulated**: the resource lives in the emulator; what the program says is read back, so drift shows.
- **recorded**: the emulator cannot hold this kind; inputs are kept in the provider's store, id and ARN have AWS's format.
- *remembered*: properties that the emulator drops. They are sent, kept in the store and read from there: no drift shows.
- *no place in the API call*: properties that no call of ours takes. They are remembered too, and have no effect.

A property in neither list is written to the emulator and read back. Should the emulator drop one all the same, the
provider remembers it and says so in its log.
"""


def unplaced(translator: Translator) -> list[str]:
    """Inputs that no API call of the row takes, and no code of it either."""
    found = []
    for name in translator.kind.inputs:
        prop = translator.prop(name)
        handled = prop.virtual or prop.identity or prop.set or prop.encode or prop.update or prop.live or prop.unread
        if name in ("tags", "region") or handled or (callable(translator.row.arguments) and prop.api == ""):
            continue
        if translator.target(name, translator.row.create) is None:
            found.append(name)
    return sorted(found)


def _line(token: str, row: Row, translator: Translator) -> str:
    if row.recorded:
        return f"| `{token}` | recorded | all | |"
    kept = ", ".join(sorted(row.kept | (set() if row.tagging or "tags" not in translator.kind.inputs else {"tags"})))
    return f"| `{token}` | emulated | {kept} | {', '.join(unplaced(translator))} |"


def _share(schemas: schema.Schema) -> str:
    """How much of the kinds with a row of their own is read back."""
    kinds = [(row, Translator(schemas.kind(token), row, schemas)) for token, row in ROWS.items() if not row.neighbour]
    emulated = [(row, translator) for row, translator in kinds if not row.recorded]
    every = sum(len(translator.kind.inputs) for _, translator in emulated)
    unseen = sum(
        len({*row.kept, *unplaced(translator)} & set(translator.kind.inputs))
        + sum(prop.virtual or prop.unread for prop in row.props.values())
        for row, translator in emulated
    )
    return (
        f"Of {len(kinds)} kinds with a row {len(emulated)} are emulated; of their {every} properties {every - unseen} "
        f"({100 * (every - unseen) // every} %) are read back, so that drift of them shows."
    )


def lines(schemas: schema.Schema) -> Iterator[str]:
    """The document, line by line."""
    yield HEADER
    yield _share(schemas)
    yield ""
    yield "| kind | how | remembered | no place in the API call |"
    yield "|---|---|---|---|"
    for token, row in sorted((token, row) for token, row in ROWS.items() if not row.neighbour):
        yield _line(token, row, Translator(schemas.kind(token), row, schemas))
    yield ""
    neighbours: dict[str, list[str]] = {}
    for token, row in sorted(ROWS.items()):
        if row.neighbour:
            neighbours.setdefault(token.split(":")[1].split("/")[0], []).append(token.split(":")[-1])
    count = sum(map(len, neighbours.values()))
    yield f"{count} further kinds have no row of their own. They are checked like the others by the official provider's schema"
    yield "and the limits of the API's model, updated or replaced as that schema says, and *recorded*: nothing of them lives in"
    yield "the emulator, and nothing that depends on them does anything."
    yield ""
    for module, names in neighbours.items():
        yield f"- {module}: {', '.join(names)}"
    yield ""
    yield "Package `random`, whole: " + ", ".join(f"`{token.split(':')[-1]}`" for token in random_kinds.KINDS) + "."
    yield ""
    yield "Functions: " + ", ".join(f"`{token.split(':')[-1]}`" for token in invokes.FUNCTIONS) + "."


def main() -> None:
    cache = Path.home() / ".cache" / "matchday"
    sys.stdout.write("\n".join(lines(schema.load(cache, ROWS))) + "\n")


if __name__ == "__main__":
    main()
