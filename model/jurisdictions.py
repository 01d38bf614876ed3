"""Where the platform is offered, by the files that services decide by: `services/<name>/jurisdictions/*.yaml`; pure.

Only who and where is read here (`jurisdiction`, `environments`); the rules are the service's own to read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from model.documents import Document, read
from model.validation import DocumentError

_CODE = re.compile(r"([A-Z]{2})(-[A-Z0-9]{1,3})?")

#: "User-assigned code elements" of ISO 3166-1: no country has one, so no viewer is in one. XX is the local stack's.
_NO_COUNTRY = re.compile(r"AA|Q[M-Z]|X[A-Z]|ZZ")


def served(directory: Path) -> dict[str, tuple[str, ...]]:
    """Environment → the countries (ISO 3166-1) whose files name it, of every `directory`/*/jurisdictions/*.yaml.

    A part of a country (`IN-KA`) counts as the country: whoever shows the site cannot tell parts apart. Raises DocumentError.
    """
    found: dict[str, set[str]] = {}
    wrong: list[str] = []
    for file in sorted(directory.glob("*/jurisdictions/*.yaml")):
        try:
            country, environments = _read(read(file, "/".join(file.parts[-4:])))
        except DocumentError as error:
            wrong += error.sentences
            continue
        for environment in environments if country else ():
            found.setdefault(environment, set()).add(country)
    if wrong:
        raise DocumentError(*wrong)
    return {environment: tuple(sorted(countries)) for environment, countries in sorted(found.items())}


def _read(document: Document) -> tuple[str, list[str]]:
    """The country, empty where there is none of that code, and the environments."""
    content: Mapping[str, object] = document.content
    code, environments = content.get("jurisdiction"), content.get("environments")
    matched = _CODE.fullmatch(code) if isinstance(code, str) else None
    if matched is None:
        raise DocumentError(
            f"{document.shown}: jurisdiction: {code!r}; accepted: a country's two letters, or a part of it such as IN-KA"
        )
    if not isinstance(environments, list) or not all(isinstance(each, str) for each in environments):
        raise DocumentError(f"{document.shown}: environments: {environments!r}; accepted: a list of stacks' names")
    return "" if _NO_COUNTRY.fullmatch(matched[1]) else matched[1], environments
