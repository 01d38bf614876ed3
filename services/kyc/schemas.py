"""What kyc takes and gives over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from services.kyc import pan
from services.kyc.faces import FRAMES, Gesture
from services.kyc.pictures import MediaType
from services.kyc.states import DocumentKind, FlowState, ItemState, Kind, Level, SigningState, State
from services.kyc.store import UPLOAD_BYTES

Pan = Annotated[str, Field(pattern=pan.FORM)]
Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class Purpose(StrEnum):
    """What a player agrees to."""

    IDENTITY = "identity"  #: their documents are kept and checked
    AADHAAR = "aadhaar"  #: so is what UIDAI says of them
    SELFIE = "selfie"  #: their face is compared with the document's, by a program and by a person
    ESIGN = "esign"  #: an eSign provider asks UIDAI who they are, and signs for them


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ConsentRequest(_Request):
    """A player agrees to the text of that version, or takes it back."""

    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    given: bool


class DocumentRequest(_Request):
    """What picture is going to be sent: its kind, type, bytes, and SHA-256 in hexadecimal digits."""

    kind: DocumentKind
    media_type: MediaType
    size: Annotated[int, Field(ge=100, le=UPLOAD_BYTES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DocumentUpload(BaseModel):
    """Where to PUT it, and with which headers, until when; then it is handed in by its id."""

    id: UUID
    url: str
    headers: dict[str, str]
    expires_at: datetime


class DocumentLook(BaseModel):
    """Where to GET a picture until when; `masked`: most of its number is painted over."""

    url: str
    masked: bool
    expires_at: datetime


class PanRequest(_Request):
    """A PAN as its card has it; `document`: a picture of that card, which was sent before."""

    pan: Pan
    name: Annotated[str, Field(min_length=2, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]
    date_of_birth: Annotated[date, Field(ge=date(1900, 1, 1), le=date(2100, 1, 1))]
    document: UUID | None = None


class AadhaarRequest(_Request):
    """UIDAI's offline e-KYC file (a ZIP in base64), and the share code that opens it.

    `mobile` and `email`: what the player says is the holder's, compared with the file's hashes. None of these three is kept.
    """

    file: Annotated[str, Field(min_length=4, max_length=200_000, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
    share_code: Annotated[SecretStr, Field(min_length=4, max_length=16)]
    mobile: Annotated[SecretStr, Field(min_length=10, max_length=10)] | None = None
    email: Annotated[SecretStr, Field(min_length=5, max_length=254)] | None = None


class DigilockerStart(BaseModel):
    """Where to send the player's browser. `flow` proves on the way back that it is the same one: keep it in memory."""

    id: UUID
    flow: str
    url: str
    until: datetime


Secret = Annotated[SecretStr, Field(min_length=8, max_length=512)]


class DigilockerAnswer(_Request):
    """What DigiLocker put into the address that the player came back to: `state`, and `code` or `error`."""

    flow: Secret
    state: Secret
    code: Secret | None = None
    error: Annotated[str, Field(max_length=64, pattern=r"^[a-z_]+$")] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> DigilockerAnswer:
        if (self.code is None) == (self.error is None):
            raise ValueError("accepted: code or error, one of them")
        return self


class DigilockerView(BaseModel):
    """How far it is; `reason`: why it was refused."""

    id: UUID
    state: FlowState
    reason: str | None
    until: datetime


class SelfieChallenge(BaseModel):
    """What to do in the second and third frame of a selfie, to the player's own left or right; good once, until then."""

    id: UUID
    gestures: list[Gesture]
    expires_at: datetime


class SelfieRequest(_Request):
    """A selfie: three pictures of the kind `selfie` that were sent before, the first without a gesture, not mirrored."""

    challenge: UUID
    frames: Annotated[list[UUID], Field(min_length=FRAMES, max_length=FRAMES, json_schema_extra={"uniqueItems": True})]

    @field_validator("frames")
    @classmethod
    def _different(cls, frames: list[UUID]) -> list[UUID]:
        if len(set(frames)) != len(frames):
            raise ValueError("a frame counts once")
        return frames


class AgreementRequest(_Request):
    """The version of the text that is to be signed, which the player was shown."""

    version: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]


class SigningForm(BaseModel):
    """What the player's browser posts to the eSign provider, as multipart/form-data."""

    url: str
    fields: dict[str, str]


class SigningView(BaseModel):
    """How far an agreement is; `form`: while it waits for the player; `reason`: why it was refused."""

    id: UUID
    version: str
    state: SigningState
    form: SigningForm | None
    reason: str | None
    until: datetime


class AgreementLook(BaseModel):
    """Where to GET the signed PDF until when."""

    url: str
    expires_at: datetime


class ItemView(BaseModel):
    """Something that was handed in."""

    id: UUID
    kind: Kind
    state: ItemState
    shown: str
    created_at: datetime


class CaseView(BaseModel):
    """A player's case."""

    state: State
    level: Level
    until: datetime | None
    items: list[ItemView]


class LevelView(BaseModel):
    """All that another service learns."""

    player: UUID
    level: Level
    since: datetime | None
    until: datetime | None


class ReviewView(BaseModel):
    """A review without anything that is sealed; `check`: a colleague decided on it before, and it is decided once more."""

    id: UUID
    item: UUID
    player: UUID
    kind: Kind
    shown: str
    findings: list[str]
    opened_at: datetime
    due_at: datetime
    claimed_until: datetime | None
    proposed: bool
    closed: bool
    document: bool
    check: bool


class ReviewQueue(BaseModel):
    """The most urgent first."""

    reviews: list[ReviewView]


class ReviewDetail(BaseModel):
    """A review with the values that the caller may see."""

    review: ReviewView
    values: dict[str, str]


class DecisionRequest(_Request):
    """What becomes of an item, and why."""

    outcome: Literal["approve", "reject", "resubmit"]
    reasons: Annotated[list[Reason], Field(min_length=1, max_length=10)]


class ConfirmationRequest(_Request):
    """Whether a second person agrees."""

    agreed: bool


class DecisionLine(BaseModel):
    """A decision."""

    item: UUID | None
    actor: str
    outcome: str
    reasons: list[str]
    state: str
    at: datetime


class LookLine(BaseModel):
    """Someone was shown something."""

    item: UUID
    actor: str
    fields: list[str]
    at: datetime


class ConsentLine(BaseModel):
    """What the player said."""

    purpose: str
    version: str
    given: bool
    at: datetime


class History(BaseModel):
    """Of a player, the newest first."""

    decisions: list[DecisionLine]
    looks: list[LookLine]
    consents: list[ConsentLine]


class RetentionView(BaseModel):
    """By which rule what is known of a player is kept, and until when; `earliest`: where that depends on what has not happened
    yet (the account is open), the day if it happened today."""

    rule: str
    law: str
    source: str
    until: datetime | None
    earliest: datetime


class ErasureAnswer(BaseModel):
    """What became of a player's wish to be erased; `kept` says why and until when it was refused."""

    outcome: Literal["erased", "refused", "nothing_held"]
    kept: RetentionView | None


class ExportedItem(ItemView):
    """Something that was handed in, with what it says and what was read of it.

    `confirmed_by`: the reference of a provider's answer. `url`: where to GET a signed agreement, for a minute.
    """

    values: dict[str, str]
    confirmed_by: str | None
    url: str | None


class ExportedDocument(BaseModel):
    """A picture; `url`: where to GET it for `url_seconds`, if it is kept."""

    id: UUID
    kind: DocumentKind
    state: str
    media_type: str
    size: int
    created_at: datetime
    url: str | None
    url_seconds: int


class ExportedDecision(BaseModel):
    """What was decided and by whom."""

    item: UUID | None
    by: Literal["you", "system", "staff"]
    outcome: str
    state: str
    at: datetime


class ExportedLook(BaseModel):
    """What was shown, and to whom."""

    item: UUID
    by: Literal["you", "system", "staff"]
    fields: list[str]
    at: datetime


class Export(BaseModel):
    """Everything that kyc holds about a person; of each list the newest first, of pictures the oldest."""

    exported_at: datetime
    state: State
    level: Level
    since: datetime | None
    until: datetime | None
    kept: RetentionView | None
    items: list[ExportedItem]
    documents: list[ExportedDocument]
    consents: list[ConsentLine]
    decisions: list[ExportedDecision]
    looks: list[ExportedLook]
