"""Metric math of alarms (one number per period) and the rules of composite alarms, as functions of what they name; pure.

Metric math: numbers, names, + - * /, comparisons, AND, OR, IF(), FILL(x, number). Where a part has no value the whole has none,
but for FILL. (CloudWatch User Guide, "Using math expressions with CloudWatch metrics"; "Create a composite alarm".)
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping

#: A number, or None where there is none in a period.
Value = float | None
Math = Callable[[Mapping[str, Value]], Value]

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_TOKEN = re.compile(r'\s*(?:(?P<sign>[()])|(?P<quoted>"[^"]*")|(?P<word>[^\s()"]+))')


class BadExpression(ValueError):
    """An expression that is not evaluated here."""


def math(expression: str) -> Math:
    """A function from the inputs' values to the expression's; BadExpression names what is not known here."""
    text = re.sub(r"\bAND\b|&&", " and ", re.sub(r"\bOR\b|\|\|", " or ", expression)).strip()
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadExpression(f"the expression {expression!r} is no metric math") from error
    return _compiled(tree.body, expression)


def _compiled(node: ast.expr, whole: str) -> Math:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            constant = float(number)
            return lambda _: constant
        case ast.Name(id=name):
            return lambda values: values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _compiled(operand, whole)
            return lambda values: None if (value := inner(values)) is None else -value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _both(_compiled(left, whole), _compiled(right, whole), _ARITHMETIC[type(op)])
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return _both(_compiled(left, whole), _compiled(right, whole), _COMPARISONS[type(op)])
        case ast.BoolOp(op=op, values=parts):
            decide = all if isinstance(op, ast.And) else any
            terms = [_compiled(part, whole) for part in parts]
            return lambda values: _decided([term(values) for term in terms], decide)
        case ast.Call(func=ast.Name(id="IF"), args=[condition, first, second], keywords=[]):
            return _if(*(_compiled(part, whole) for part in (condition, first, second)))
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, ast.Constant() as given], keywords=[]):
            of, instead = _compiled(filled, whole), _compiled(given, whole)
            return lambda values: instead(values) if (value := of(values)) is None else value
    raise BadExpression(f"{ast.unparse(node)!r} in the expression {whole!r} is not evaluated here")


def _both(left: Math, right: Math, what: Callable[[float, float], float]) -> Math:
    def run(values: Mapping[str, Value]) -> Value:
        first, second = left(values), right(values)
        if first is None or second is None:
            return None
        try:
            return float(what(first, second))
        except ZeroDivisionError:  # CloudWatch has no data point there
            return None

    return run


def _decided(found: list[Value], decide: Callable[[Iterator[bool]], bool]) -> Value:
    return None if None in found else float(decide(bool(value) for value in found))


def _if(condition: Math, first: Math, second: Math) -> Math:
    def run(values: Mapping[str, Value]) -> Value:
        decided = condition(values)
        return None if decided is None else (first if decided else second)(values)

    return run


#: From the names of alarms to whether the rule holds; the argument gives an alarm's state.
Rule = Callable[[Callable[[str], str]], bool]


def rule(text: str) -> Rule:
    """A composite alarm's rule: ALARM("name"), OK(…), INSUFFICIENT_DATA(…), TRUE, FALSE, AND, OR, NOT and parentheses."""
    tokens = _tokens(text)
    found = _either(tokens, text)
    if tokens:
        raise BadExpression(f"{tokens[-1]!r} is too much in the rule {text!r}")
    return found


def _tokens(text: str) -> list[str]:
    """The words of a rule, the first one last."""
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise BadExpression(f"the rule {text!r} has an open quotation")
        found.append(match.group().strip())
        place = match.end()
    return found[::-1]


def _either(tokens: list[str], text: str) -> Rule:
    terms = _terms(tokens, text, "OR", _all)
    return lambda state: any(term(state) for term in terms)


def _all(tokens: list[str], text: str) -> Rule:
    terms = _terms(tokens, text, "AND", _one)
    return lambda state: all(term(state) for term in terms)


def _terms(tokens: list[str], text: str, between: str, part: Callable[[list[str], str], Rule]) -> list[Rule]:
    terms = [part(tokens, text)]
    while tokens and tokens[-1] == between:
        tokens.pop()
        terms.append(part(tokens, text))
    return terms


def _one(tokens: list[str], text: str) -> Rule:
    word = _next(tokens, text)
    if word == "NOT":
        inner = _one(tokens, text)
        return lambda state: not inner(state)
    if word == "(":
        inner = _either(tokens, text)
        _expect(tokens, ")", text)
        return inner
    if word in ("TRUE", "FALSE"):
        return lambda _: word == "TRUE"
    if word not in _STATES:
        raise BadExpression(f"{word!r} in the rule {text!r} is not known; accepted: {', '.join(_STATES)}, NOT, AND, OR")
    _expect(tokens, "(", text)
    name = _next(tokens, text).strip('"').rpartition(":alarm:")[2]
    _expect(tokens, ")", text)
    return lambda state: state(name) == word


def _next(tokens: list[str], text: str) -> str:
    if not tokens:
        raise BadExpression(f"the rule {text!r} ends too soon")
    return tokens.pop()


def _expect(tokens: list[str], sign: str, text: str) -> None:
    if (found := _next(tokens, text)) != sign:
        raise BadExpression(f"{found!r} in the rule {text!r} where {sign!r} is expected")
