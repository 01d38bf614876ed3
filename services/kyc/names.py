"""How alike two names are, however they were written in Latin letters; pure.

Documents of one person say Sreenivasan, Srinivasan and S. Shrinivasan. Words are folded to how they sound in India's
languages, paired in whichever order they stand, and compared letter by letter.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: From here on two names are one person's; below the second number they are two persons'; between them a person looks.
SAME, DIFFERENT = 0.85, 0.60

#: What an initial says of the word that it stands for.
_INITIAL = 0.8

#: A word that only one of the names has counts half: middle names and fathers' names are left out on many documents.
_UNPAIRED = 0.5

_TITLES = frozenset({"mr", "mrs", "ms", "miss", "master", "dr", "shri", "sri", "shree", "smt", "kumari", "km", "late"})

#: Spellings of one sound, longer ones first.
_SOUNDS = (
    ("ksh", "ks"), ("chh", "c"), ("sch", "s"), ("tth", "t"), ("ddh", "d"), ("sh", "s"), ("th", "t"), ("dh", "d"), ("bh", "b"),
    ("kh", "k"), ("gh", "g"), ("jh", "j"), ("ch", "c"), ("ph", "f"), ("zh", "l"), ("ck", "k"), ("q", "k"), ("ow", "u"),
    ("w", "v"), ("z", "j"), ("x", "ks"), ("ee", "i"), ("ie", "i"), ("oo", "u"), ("ou", "u"), ("aa", "a"), ("ai", "e"),
    ("ay", "e"), ("au", "o"), ("y", "i"),
)  # fmt: skip

_REPEATED = re.compile(r"(.)\1+")
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a name: its letters, and how they sound."""

    letters: str
    sound: str


def words(name: str) -> list[Word]:
    """The words of a name without titles; empty where it has letters of another script, which nothing here can read."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", name[:_LONGEST]) if not unicodedata.combining(c)
    ).casefold()
    if any(c.isalpha() and not "a" <= c <= "z" for c in plain):
        return []
    found = re.findall(r"[a-z]+", plain.replace("'", "").replace("’", ""))
    kept = [each for each in found if each not in _TITLES] or found
    return [Word(each, _sound(each)) for each in kept]


def _sound(word: str) -> str:
    for spelling, sound in _SOUNDS:
        word = word.replace(spelling, sound)
    word = _REPEATED.sub(r"\1", word)
    if len(word) > 3 and word.endswith(("a", "h")):  # Rama, Ram; Shah, Sha
        word = word[:-1]
    return word


def likeness(one: str, other: str) -> float | None:
    """From 0 (nothing in common) to 1 (the same name); None where one of them cannot be read."""
    left, right = words(one), words(other)
    if not left or not right:
        return None
    if len(left) == len(right):
        return _paired(left, right)
    # Ravi Kumar may be written in one word, and is then in this order.
    return max(_paired(left, right), _ratio(*("".join(word.sound for word in side) for side in (left, right))))


def _paired(left: list[Word], right: list[Word]) -> float:
    """The words that are most alike are paired first."""
    pairs = sorted(
        ((_alike(a, b), i, j) for i, a in enumerate(left) for j, b in enumerate(right)),
        key=lambda pair: (-pair[0], *sorted((left[pair[1]].letters, right[pair[2]].letters))),
    )
    used_left: set[int] = set()
    used_right: set[int] = set()
    gained = weight = 0.0
    for alike, i, j in pairs:
        if i in used_left or j in used_right:
            continue
        used_left.add(i)
        used_right.add(j)
        longer = max(len(left[i].sound), len(right[j].sound))
        gained, weight = gained + alike * longer, weight + longer
    for side, used in ((left, used_left), (right, used_right)):
        weight += sum(_UNPAIRED * len(word.sound) for number, word in enumerate(side) if number not in used)
    return round(gained / weight, 6)


def _alike(one: Word, other: Word) -> float:
    shorter, longer = sorted((one, other), key=lambda word: len(word.letters))
    if len(shorter.letters) == 1 and len(longer.letters) > 1:
        return _INITIAL if longer.letters[0] == shorter.letters else 0.0
    return _ratio(one.sound, other.sound)


def _ratio(one: str, other: str) -> float:
    """1 less the share of letters that have to be changed (Levenshtein)."""
    if one == other:
        return 1.0
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return round(1 - row[-1] / max(len(one), len(other), 1), 6)
