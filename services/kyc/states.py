"""State machines of cases and of what players hand in, as tables; and the levels that other services learn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum


class State(StrEnum):
    """Of a player's case."""

    CREATED = "created"
    COLLECTING = "collecting"  #: the player has agreed and may hand things in
    CHECKING = "checking"  #: something was handed in; the clock of the SLA runs
    APPROVED = "approved"
    REJECTED = "rejected"
    RESUBMIT = "resubmit"  #: something has to be handed in again
    EXPIRED = "expired"  #: what was approved is too old
    ERASED = "erased"  #: what was known of the player is erased; the logs stay for a while


class CaseEvent(StrEnum):
    """What happens to a case."""

    CONSENT = "consent"
    SUBMIT = "submit"
    APPROVE = "approve"
    REJECT = "reject"
    RESUBMIT = "resubmit"
    EXPIRE = "expire"
    REOPEN = "reopen"  #: a second reviewer, drawn to look again, decides otherwise
    ERASE = "erase"


#: State → what may happen in it → the state after it. What is not here is refused.
TRANSITIONS: Mapping[State, Mapping[CaseEvent, State]] = {
    State.CREATED: {CaseEvent.CONSENT: State.COLLECTING, CaseEvent.ERASE: State.ERASED},
    State.COLLECTING: {
        CaseEvent.CONSENT: State.COLLECTING,
        CaseEvent.SUBMIT: State.CHECKING,
        CaseEvent.ERASE: State.ERASED,
    },
    State.CHECKING: {
        CaseEvent.APPROVE: State.APPROVED,
        CaseEvent.REJECT: State.REJECTED,
        CaseEvent.RESUBMIT: State.RESUBMIT,
        CaseEvent.ERASE: State.ERASED,
    },
    # What was verified before holds while another thing has to come again, and ends meanwhile all the same.
    State.RESUBMIT: {
        CaseEvent.CONSENT: State.RESUBMIT,
        CaseEvent.SUBMIT: State.CHECKING,
        CaseEvent.EXPIRE: State.EXPIRED,
        CaseEvent.ERASE: State.ERASED,
    },
    # More may be handed in for a higher level; the one that there is holds meanwhile.
    State.APPROVED: {
        CaseEvent.EXPIRE: State.EXPIRED,
        CaseEvent.SUBMIT: State.CHECKING,
        CaseEvent.REOPEN: State.CHECKING,
        CaseEvent.ERASE: State.ERASED,
    },
    State.EXPIRED: {
        CaseEvent.CONSENT: State.EXPIRED,
        CaseEvent.SUBMIT: State.CHECKING,
        CaseEvent.ERASE: State.ERASED,
    },
    State.REJECTED: {CaseEvent.REOPEN: State.CHECKING, CaseEvent.ERASE: State.ERASED},
    # Nothing is known of the player any more: whoever agrees again begins anew.
    State.ERASED: {CaseEvent.CONSENT: State.COLLECTING},
}


def after(state: State, event: CaseEvent) -> State | None:
    """The state that `event` leads to; None where it may not happen."""
    return TRANSITIONS[state].get(event)


class Kind(StrEnum):
    """What a player can hand in."""

    PAN = "pan"
    AADHAAR = "aadhaar"  #: UIDAI's offline e-KYC file, or DigiLocker's e-Aadhaar
    SELFIE = "selfie"  #: frames of their face, for whoever has no such file
    AGREEMENT = "agreement"  #: the player agreement, signed


class DocumentKind(StrEnum):
    """Of what a picture is."""

    PAN_CARD = "pan_card"
    SELFIE = "selfie"  #: a frame of one


#: What a picture goes with.
SHOWS: Mapping[DocumentKind, Kind] = {DocumentKind.PAN_CARD: Kind.PAN, DocumentKind.SELFIE: Kind.SELFIE}


class DocumentState(StrEnum):
    """Of a picture."""

    AWAITED = "awaited"  #: announced; it may be in the bucket or not
    LINKED = "linked"  #: handed in with an item
    KEPT = "kept"  #: read; what it came as is deleted
    REFUSED = "refused"  #: it was no picture that is taken; deleted
    GONE = "gone"  #: deleted, as it was handed in with nothing, or as its time was over


class ItemState(StrEnum):
    """Of something that was handed in."""

    SUBMITTED = "submitted"
    CONFIRMING = "confirming"  #: a provider is asked, until a deadline
    REVIEW = "review"  #: a person looks at it
    VERIFIED = "verified"
    REJECTED = "rejected"
    RESUBMIT = "resubmit"
    EXPIRED = "expired"


class FlowState(StrEnum):
    """Of a player's way to DigiLocker and back."""

    OPEN = "open"  #: the player is there
    ANSWERED = "answered"  #: they came back; the worker fetches
    DONE = "done"
    REFUSED = "refused"  #: by the player, DigiLocker or us; a new one may begin


class SigningState(StrEnum):
    """Of an agreement on its way to be signed."""

    PREPARING = "preparing"  #: the worker makes the document and the request
    AWAITING = "awaiting"  #: the player is at the eSign provider's
    ANSWERED = "answered"  #: a response came; the worker looks at it
    SIGNED = "signed"
    REFUSED = "refused"  #: by the player, the provider or us; a new one may begin


#: CaseEvent of a case that a decision on an item is → the item's state.
DECIDED: Mapping[CaseEvent, ItemState] = {
    CaseEvent.APPROVE: ItemState.VERIFIED,
    CaseEvent.REJECT: ItemState.REJECTED,
    CaseEvent.RESUBMIT: ItemState.RESUBMIT,
}


class Level(StrEnum):
    """What others may rely on."""

    NONE = "none"
    BASIC = "basic"  #: name, date of birth and PAN are verified
    FULL = "full"  #: the face, too: by Aadhaar (with the address), or by a selfie that a person compared


#: What a level takes, the highest level first: all of one of these sets. A place that asks for a signed agreement adds it here.
STEPS: Mapping[Level, Sequence[Collection[Kind]]] = {
    Level.FULL: ({Kind.PAN, Kind.AADHAAR}, {Kind.PAN, Kind.SELFIE}),
    Level.BASIC: ({Kind.PAN},),
}


def level_of(verified: Collection[Kind], steps: Mapping[Level, Sequence[Collection[Kind]]] = STEPS) -> Level:
    """The level of a player of whom `verified` is verified."""
    return next(
        (level for level, sets in steps.items() if any(set(each) <= set(verified) for each in sets)), Level.NONE
    )
