"""Metrics out of log lines, as CloudWatch Logs makes them: the embedded metric format, and metric filters for JSON lines.

Filter syntax: `{ $.field = "text*" && ($.other > 5 || $.third NOT EXISTS) }` (CloudWatch Logs User Guide, "Filter pattern
syntax for metric filters").
"""

from __future__ import annotations

import fnmatch
import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from localcloud.dataplane.watch.metrics import Metric

#: Whether a line, as the object that it is, is one of a filter's.
Matcher = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<selector>\$(?:\.[A-Za-z0-9_-]+|\[\d+\])+)|(?P<op>&&|\|\||!=|<=|>=|=|<|>)|(?P<sign>[()])"""
    r"""|"(?P<quoted>[^"]*)"|(?P<word>[^\s()"&|=<>!]+))"""
)
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MISSING = object()


class BadPattern(ValueError):
    """A filter pattern that is not applied here."""


@dataclass(frozen=True)
class Filter:
    """One deployed metric filter of a log group."""

    group: str
    metric: Metric
    value: float
    matches: Matcher = field(compare=False)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Filter:
        """A filter of `describe_metric_filters`; BadPattern if its pattern or value is not known here."""
        (given,) = row["metricTransformations"]
        if given.get("dimensions"):
            raise BadPattern("it gives its metric dimensions")
        try:
            value = float(given["metricValue"])
        except ValueError as error:
            raise BadPattern(f"its value {given['metricValue']!r} is a field of the line") from error
        metric = Metric.of(given["metricNamespace"], given["metricName"], {})
        return cls(row["logGroupName"], metric, value, pattern(row["filterPattern"]))


def embedded(line: Mapping[str, Any]) -> Iterator[tuple[Metric, float]]:
    """The metrics of a line in the embedded metric format, once per set of dimensions; none of what is not well formed."""
    with suppress(AttributeError, KeyError, TypeError):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: line[name] for name in names}
                if all(isinstance(value, str) for value in dimensions.values()):
                    yield from _values(line, directive, dimensions)


def _values(
    line: Mapping[str, Any], directive: Mapping[str, Any], dimensions: Mapping[str, str]
) -> Iterator[tuple[Metric, float]]:
    for metric in directive["Metrics"]:
        value = line[metric["Name"]]
        for each in value if isinstance(value, list) else [value]:
            if _is_number(each):
                yield Metric.of(str(directive["Namespace"]), str(metric["Name"]), dimensions), float(each)


def parsed(text: str) -> Mapping[str, Any] | None:
    """A line's object; None for a line of another kind."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def pattern(text: str) -> Matcher:
    """A function that tells a JSON filter's lines; BadPattern for patterns of other kinds."""
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise BadPattern(f"the pattern {text!r} is none for JSON lines")
    tokens = _tokens(inner[1:-1], text)
    found = _either(tokens, text)
    if tokens:
        raise BadPattern(f"{tokens[-1][1]!r} is too much in the pattern {text!r}")
    return found


def _tokens(inner: str, text: str) -> list[tuple[str, str]]:
    """(kind, word), the first one last."""
    found, place = [], 0
    while inner[place:].strip():
        match = _TOKEN.match(inner, place)
        if match is None or match.lastgroup is None:
            raise BadPattern(f"{inner[place:].strip()!r} in the pattern {text!r} is not known")
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found[::-1]


def _either(tokens: list[tuple[str, str]], text: str) -> Matcher:
    terms = _list(tokens, text, "||", _all)
    return lambda line: any(term(line) for term in terms)


def _all(tokens: list[tuple[str, str]], text: str) -> Matcher:
    terms = _list(tokens, text, "&&", _one)
    return lambda line: all(term(line) for term in terms)


def _list(
    tokens: list[tuple[str, str]], text: str, between: str, part: Callable[[list[tuple[str, str]], str], Matcher]
) -> Sequence[Matcher]:
    terms = [part(tokens, text)]
    while tokens and tokens[-1] == ("op", between):
        tokens.pop()
        terms.append(part(tokens, text))
    return terms


def _one(tokens: list[tuple[str, str]], text: str) -> Matcher:
    kind, word = _next(tokens, text)
    if (kind, word) == ("sign", "("):
        inner = _either(tokens, text)
        if _next(tokens, text) != ("sign", ")"):
            raise BadPattern(f"a parenthesis is left open in the pattern {text!r}")
        return inner
    if kind != "selector":
        raise BadPattern(f"{word!r} in the pattern {text!r} where a field such as $.level is expected")
    look = _selector(word)
    kind, sign = _next(tokens, text)
    if kind == "word":
        words = (sign, _next(tokens, text)[1])
        if words == ("NOT", "EXISTS"):
            return lambda line: look(line) is _MISSING
        if words == ("IS", "NULL"):
            return lambda line: look(line) is None
        raise BadPattern(f"{' '.join(words)!r} in the pattern {text!r} is not known")
    return _compared(look, sign, *_next(tokens, text), text)


def _compared(look: Callable[[Mapping[str, Any]], Any], sign: str, kind: str, word: str, text: str) -> Matcher:
    if sign in _ORDER:
        bound = _number(word, text)
        holds = _ORDER[sign]
        return lambda line: _is_number(value := look(line)) and holds(value, bound)
    if sign not in ("=", "!=") or kind not in ("quoted", "word"):
        raise BadPattern(f"{sign!r} {word!r} in the pattern {text!r} is not known")
    equals = _equal(kind, word)
    if sign == "=":
        return lambda line: equals(look(line))
    return lambda line: (value := look(line)) is not _MISSING and not equals(value)


def _equal(kind: str, word: str) -> Callable[[Any], bool]:
    if kind == "quoted" or not re.fullmatch(r"-?\d+(\.\d+)?", word):
        fitting = re.compile(fnmatch.translate(word.replace("[", "[[]").replace("?", "[?]")))
        return lambda value: isinstance(value, str) and fitting.fullmatch(value) is not None
    number = float(word)
    return lambda value: _is_number(value) and value == number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise BadPattern(f"{word!r} in the pattern {text!r} is no number") from error


def _selector(word: str) -> Callable[[Mapping[str, Any]], Any]:
    steps = [int(index) if index else name for name, index in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", word)]

    def look(line: Mapping[str, Any]) -> Any:
        value: Any = line
        for step in steps:
            if isinstance(step, int):
                value = value[step] if isinstance(value, list) and step < len(value) else _MISSING
            else:
                value = value.get(step, _MISSING) if isinstance(value, Mapping) else _MISSING
        return value

    return look


def _next(tokens: list[tuple[str, str]], text: str) -> tuple[str, str]:
    if not tokens:
        raise BadPattern(f"the pattern {text!r} ends too soon")
    return tokens.pop()
