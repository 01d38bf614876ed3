"""What is pure: PANs, findings, states."""

from __future__ import annotations

import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from services.kyc import findings, pan
from services.kyc.findings import Finding
from services.kyc.states import DECIDED, TRANSITIONS, CaseEvent, ItemState, Kind, Level, State, after, level_of

pans = st.from_regex(pan.FORM, fullmatch=True).map(str.strip)


@given(pans)
def test_a_pan_says_whose_it_is_and_is_never_shown_whole(number: str) -> None:
    assert pan.HOLDERS[number[3]]
    assert pan.is_personal(number) == (number[3] == "P")
    shown = pan.masked(number)
    assert len(shown) == 10 and shown.endswith(number[-4:]) and not re.search("[A-Z0-9]", shown[:6])


def test_what_is_no_pan() -> None:
    for text in (
        "",
        "ABCPS123K",
        "ABCPS0000K",
        "abcps1234k",
        "ABCXS1234K",
        "ABCPS1234K ",
        "ABCPS12345",
        "ABCPS1234K\n",
    ):
        assert not re.fullmatch(pan.FORM, text) or text.endswith("\n")
    assert set("ABCFGHJKLPT") == set(pan.HOLDERS)


def test_the_initial_of_a_surname_is_a_hint() -> None:
    assert pan.has_initial_of("ABCPS1234K", "Asha sharma")
    assert not pan.has_initial_of("ABCPS1234K", "Ravi Iyer")


def test_what_is_found_in_a_pan() -> None:
    today = date(2026, 11, 26)
    assert findings.of_pan("ABCPS1234K", "Asha Sharma", date(1993, 6, 30), today) == [Finding.UNCONFIRMED]
    found = findings.of_pan("ABCPS1234K", "Ravi Iyer", date(2008, 11, 27), today)
    assert found == [Finding.UNCONFIRMED, Finding.SURNAME_INITIAL, Finding.UNDER_AGE]
    assert not findings.any_failed(["unconfirmed", "surname_initial"])
    assert findings.any_failed(found)


def test_ages_change_on_birthdays() -> None:
    birth_date = date(2008, 2, 29)
    assert [findings.age_on(day, birth_date) for day in (date(2026, 2, 28), date(2026, 3, 1))] == [17, 18]


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 120))
def test_an_age_is_the_number_of_birthdays(birth_date: date, years: int) -> None:
    if (birth_date.month, birth_date.day) != (2, 29):
        birthday = birth_date.replace(year=birth_date.year + years)
        assert findings.age_on(birthday, birth_date) == years
        assert findings.age_on(date.fromordinal(birthday.toordinal() - 1), birth_date) == years - 1


def test_the_table_of_states() -> None:
    assert set(TRANSITIONS) == set(State)
    reached = {State.CREATED}
    for _ in State:
        reached |= {to for state in reached for to in TRANSITIONS[state].values()}
    assert reached == set(State), "a state that no case gets to"
    assert set(TRANSITIONS[State.REJECTED]) == {CaseEvent.REOPEN, CaseEvent.ERASE}, "for the player it is the end"
    assert TRANSITIONS[State.ERASED] == {CaseEvent.CONSENT: State.COLLECTING}, "nothing is known: it begins anew"
    approvals = [state for state in State if after(state, CaseEvent.APPROVE)]
    assert approvals == [State.CHECKING], "nothing is approved that was not checked"
    assert after(State.CREATED, CaseEvent.SUBMIT) is None, "nothing is taken without consent"
    assert set(DECIDED) == {CaseEvent.APPROVE, CaseEvent.REJECT, CaseEvent.RESUBMIT}
    assert DECIDED[CaseEvent.APPROVE] is ItemState.VERIFIED
    assert [level_of(each) for each in ([], [Kind.PAN], [Kind.AADHAAR], [Kind.PAN, Kind.AADHAAR])] == [
        Level.NONE, Level.BASIC, Level.NONE, Level.FULL,
    ]  # fmt: skip
