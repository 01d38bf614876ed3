"""A stack's file and configuration, from which its kind's settings are read; mistakes are sentences with file and key."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from model.documents import read
from model.validation import DocumentError, Problem, dotted, problems
from model.vocabulary import Model

#: The Region is the AWS provider's own key.
REGION_KEY = "aws:region"

#: Whether facts of other stacks are stand-ins (stacks/facts.py): set by previews, never in a file.
FACTS_KEY = "matchday:facts"

#: Certificates of this machine's stand-ins (`pins` of the settings): set by `matchday`, never in a file, on a laptop only.
PINS_KEY = "matchday:pins"

#: The address of a paging service, which holds its key: encrypted in the stack's file (`pulumi config set --secret`).
PAGER_KEY = "matchday:pager"

#: Where the files of the stacks are.
DIRECTORY = Path(__file__).parent

M = TypeVar("M", bound=Model)


class SettingsError(DocumentError):
    """A stack cannot be what its file says; one sentence for each problem: file, key path, value, what is accepted."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the one key of a stack's file holds. shown: the file's name for messages."""

    stack: str
    key: str
    file: Path
    region: str
    document: Mapping[str, Any]

    @property
    def shown(self) -> str:
        """The file's name for messages."""
        return _shown(self.file)

    @classmethod
    def find(cls, stack: str, key: str, config: Mapping[str, str], directory: Path = DIRECTORY) -> Source:
        """The stack's document under `key`, from Pulumi's configuration (`namespace:key` to its text). Raises SettingsError."""
        file = directory / f"Pulumi.{stack}.yaml"
        shown = _shown(file)
        if not file.exists():
            known = ", ".join(
                sorted(re.sub(r"^Pulumi\.|\.yaml$", "", each.name) for each in directory.glob("Pulumi.*.yaml"))
            )
            raise SettingsError(f"there is no environment {stack!r}: {shown} does not exist; accepted: {known}")
        for each in sorted(config):
            if each.startswith("matchday:") and each not in (key, FACTS_KEY, PAGER_KEY, PINS_KEY):
                raise SettingsError(f"{shown}: {each}: no such key; accepted: {key}")
        for each in (key, REGION_KEY):
            if each not in config:
                raise SettingsError(f"{shown}: {each} is missing")
        try:
            document = json.loads(config[key])
        except json.JSONDecodeError:
            document = config[key]
        if not isinstance(document, dict):
            raise SettingsError(f"{shown}: {key}: {document!r}: a mapping is accepted")
        elsewhere = {"stack": "the stack's name is in the file's name", "region": f"the Region is {REGION_KEY}"}
        for each, where in elsewhere.items():
            if each in document:
                raise SettingsError(f"{shown}: {key}.{each}: no such key; {where}")
        return cls(stack, key, file, config[REGION_KEY], document)

    def validated(self, model: type[M], document: Mapping[str, Any]) -> M:
        """`document` as a `model`, which has `stack` and `region` besides. Raises SettingsError."""
        try:
            return model.model_validate({**document, "stack": self.stack, "region": self.region})
        except ValidationError as error:
            found = problems(error, model, hidden=("stack", "region"))
            raise SettingsError(*(self._sentence(problem) for problem in found)) from None

    def _sentence(self, problem: Problem) -> str:
        """`problem` with the file and, where the file itself says what is wrong, its line."""
        region = problem.path == ("region",)
        where: tuple[str | int, ...] = ("config", REGION_KEY) if region else ("config", self.key, *problem.path)
        line = None
        with contextlib.suppress(DocumentError, LookupError):
            document = read(self.file, self.shown)
            # A value may come from elsewhere: the tier's defaults, `pulumi config set` into another file.
            line = document.line(where) if document.value(where) == problem.value else None
        return f"{self.shown}: {dotted(where[1:])}: {problem.text}" + (f" (line {line})" if line else "")


def _shown(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
