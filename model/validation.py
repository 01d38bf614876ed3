"""From what pydantic finds to sentences for people: key path, value, what is accepted; every problem, not only the first."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]

#: Pattern → what it accepts, in words; filled by `described`.
_PATTERNS: dict[str, str] = {}


class DocumentError(ValueError):
    """A file says what cannot be. `sentences`: a line for each problem, with file, key path, value and what is accepted."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at `path`; `text` begins with the value where that helps."""

    path: Path
    text: str
    value: Any = field(default=None, compare=False)


def described(pattern: str, words: str) -> str:
    """`pattern`, whose mismatch is reported as `words` (what is accepted) and not as a regular expression."""
    _PATTERNS[pattern] = words
    return pattern


def words_of(pattern: str) -> str:
    """What `pattern` accepts, as `described`; the pattern itself if nobody described it."""
    return _PATTERNS.get(pattern, f"text like {pattern}")


def problems(error: ValidationError, model: type[BaseModel], hidden: Collection[str] = ()) -> list[Problem]:
    """Everything that `error` holds, in words. `hidden`: fields at the top of `model` that no document may give."""
    found = error.errors(include_url=False)
    # pydantic counts only the items that are right: a list with a wrong one is not also too short.
    within = {details["loc"][:-1] for details in found}
    counted = ("too_short", "too_long")
    return [
        _problem(details, model, hidden)
        for details in found
        if not (details["type"] in counted and details["loc"] in within)
    ]


def dotted(path: Path) -> str:
    """`path` as a person writes it: `processes.web.cpu`."""
    return ".".join(map(str, path))


def _problem(details: ErrorDetails, model: type[BaseModel], hidden: Collection[str]) -> Problem:
    path = tuple(part for part in details["loc"] if part != "[key]")
    kind, value = details["type"], details["input"]
    if kind == "extra_forbidden":
        known = [name for name in _fields(model, path[:-1]) if len(path) > 1 or name not in hidden]
        close = difflib.get_close_matches(str(path[-1]), known, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        return Problem(path, f"no such key; accepted: {', '.join(known)}{meant}", value)
    if kind == "missing":
        return Problem(path, "is missing; it is required", None)
    text = _accepted(details)
    # A rule about several keys names them itself; repeating the whole section would bury it.
    whole = isinstance(value, Mapping | BaseModel) and kind == "value_error"
    return Problem(path, text if whole else f"{value!r}: {text}", value)


def _accepted(details: ErrorDetails) -> str:
    """What would have been right, by the kind of the error."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "value_error":
        return details["msg"].removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"accepted: {words_of(context['pattern'])}"
    if kind in ("tuple_type", "list_type") and isinstance(value, str):
        return f"a list is accepted, such as [{', '.join(value.split())}]"
    words = _WORDS.get(kind)
    return words.format(**context) if words else details["msg"][0].lower() + details["msg"][1:]


#: Kind of error in pydantic → what is accepted.
_WORDS: Mapping[str, str] = {
    "bool_type": "true or false is accepted",
    "dict_type": "a mapping is accepted",
    "enum": "accepted: {expected}",
    "float_type": "a number is accepted",
    "greater_than_equal": "at least {ge} is accepted",
    "int_from_float": "an integer is accepted",
    "int_type": "an integer is accepted, written without quotes",
    "less_than": "less than {lt} is accepted",
    "less_than_equal": "at most {le} is accepted",
    "list_type": "a list is accepted",
    "literal_error": "accepted: {expected}",
    "model_type": "a mapping is accepted",
    "string_too_long": "at most {max_length} characters are accepted",
    "string_too_short": "at least {min_length} characters are accepted",
    "string_type": "text is accepted; quote a number that is meant as text",
    "too_long": "at most {max_length} items are accepted, not {actual_length}",
    "too_short": "at least {min_length} items are accepted, not {actual_length}",
    "tuple_type": "a list is accepted",
}


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """The keys of the section at `path`."""
    section: Any = model
    for part in path:
        # A model's field by its name; an item of a list or mapping is the model that its annotation holds.
        within = _model_in(section)
        annotation = within.model_fields[str(part)].annotation if part in within.model_fields else section
        section = annotation
    return list(_model_in(section).model_fields)


def _model_in(annotation: Any) -> type[BaseModel]:
    """The model that `annotation` is or holds: `Scaling | None`, `dict[str, Process]`, `tuple[Slo, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        try:
            return _model_in(argument)
        except LookupError:
            continue
    raise LookupError(f"{annotation} holds no model")
