"""Names: spellings of one name are alike, other names are not, and the measure behaves like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kyc import names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Asha Sharma", "ASHA SHARMA"),
        ("Sharma Asha", "Asha Sharma"),
        ("Smt. Asha Sharma", "Asha Sharma"),
        ("Sreenivasan", "Srinivasan"),
        ("Krishna Moorthy", "Krishnamurthi"),
        ("Mohammed Yousuf", "Mohamed Yusuf"),
        ("Laxmi Naraian", "Lakshmi Narayan"),
        ("Ravi Kumar", "Ravikumar"),
        ("Vijay Chowdhury", "Wijay Choudhuri"),
        ("Deepak Sinh", "Dipak Sinh"),
        ("José D'Souza", "Jose DSouza"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    found = names.likeness(one, other)
    assert found is not None and found >= names.SAME, (found, names.words(one), names.words(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Asha Sharma", "Ravi Iyer"), ("Asha Sharma", "Priya Verma"), ("Mohan Lal", "Rekha Devi"), ("A", "B")],
)
def test_other_names(one: str, other: str) -> None:
    found = names.likeness(one, other)
    assert found is not None and found < names.DIFFERENT, found


@pytest.mark.parametrize(
    ("one", "other"),
    [("Asha Sharma", "Asha Verma"), ("S. Iyer", "Suresh Iyer"), ("Asha Rani Devi Sharma", "Asha Sharma")],
)
def test_what_a_person_has_to_look_at(one: str, other: str) -> None:
    found = names.likeness(one, other)
    assert found is not None and names.DIFFERENT <= found < 1.0, found


@pytest.mark.parametrize("unreadable", ["आशा शर्मा", "", "  ", "123", "Аsha"])
def test_what_cannot_be_read_is_not_compared(unreadable: str) -> None:
    assert names.likeness(unreadable, "Asha") is None
    assert names.likeness("Asha", unreadable) is None


word = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
name = st.lists(word, min_size=1, max_size=5).map(" ".join)


@settings(max_examples=40)
@given(name, name)
def test_it_is_a_likeness(one: str, other: str) -> None:
    found = names.likeness(one, other)
    assert found is not None and 0 <= found <= 1
    assert names.likeness(other, one) == found
    assert names.likeness(one, one) == 1.0


@settings(max_examples=40)
@given(name, name, st.randoms(use_true_random=False))
def test_order_case_and_titles_do_not_matter(one: str, other: str, random: object) -> None:
    parts = one.split()
    random.shuffle(parts)  # type: ignore[attr-defined]  # a random.Random
    if len(parts) == len(other.split()) and not set(one.split() + other.split()) & names._TITLES:
        assert names.likeness(one, other) == names.likeness("Mrs. " + " ".join(parts).upper(), other)


@settings(max_examples=40)
@given(st.text(max_size=130), st.text(max_size=130))
def test_whatever_is_typed_is_answered(one: str, other: str) -> None:
    found = names.likeness(one, other)
    assert found is None or 0 <= found <= 1
