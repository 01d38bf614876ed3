"""What scoring takes and gives over HTTP. Points are exact decimal strings (or fractions such as "4/3"), money is paise."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

#: In paise: ₹1 crore, the most that the client of service.yaml may have the wallet pay at once.
MOST_PRIZE = 1_000_000_000

#: An id of a match as sources give it: `cricsheet:1304066`.
MatchId = Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}:[A-Za-z0-9._-]{1,60}$")]
PlayerId = Annotated[str, Field(min_length=1, max_length=100)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
#: A file's name, as a source has it: `race-results.yml`.
FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,60}$")]
#: Where a file is at its provider: no other host, nothing above. `/api/event/7/live/`, `/api/fixtures/?event=7`.
FilePath = Annotated[
    str, Field(pattern=r"^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?(\?[A-Za-z0-9=&._-]{1,100})?$", max_length=300)
]
Source = Literal["cricsheet", "f1db", "fpl", "events"]
Decimal = Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?$")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PublishRequest(_Request):
    """Rules to publish: the reference of a document that ships with the platform, or a document's JSON as text."""

    reference: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}@[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    document: Annotated[str, Field(max_length=200_000)] | None = None
    parameters: Annotated[dict[Word, str | int], Field(max_length=20)] = {}


class RulesView(BaseModel):
    """Published rules; `sha256` names them."""

    sha256: str
    name: str
    published_at: datetime
    withdrawn: bool


class SnapshotRequest(_Request):
    """All that a feed says of a match now: each file by name, as the source has them: its text, or the SHA-256 of one that was
    uploaded.

    `seen_at`: when the feed said so. `complete`: whether the match has a result (a feed that goes ball by ball says false).
    """

    source: Source
    provider: Word
    files: Annotated[dict[FileName, str], Field(max_length=30)] = {}
    stored: Annotated[dict[FileName, Sha256], Field(max_length=30)] = {}
    seen_at: AwareDatetime
    complete: bool = True


class UploadRequest(_Request):
    """A file of a feed's that is too large for a request."""

    sha256: Sha256
    size: Annotated[int, Field(ge=1, le=8 * 1024 * 1024)]


class UploadView(BaseModel):
    """Where to PUT it within 15 minutes, with these headers; S3 takes exactly the bytes with that SHA-256."""

    url: str
    headers: dict[str, str]


class FeedRequest(_Request):
    """What to ask a provider for a match: the path of each file, by the name that the source has for it.

    `every`: how often while there is no result, in seconds; from then on as its sport needs it. `begins_at`: not before.
    """

    files: Annotated[dict[FileName, FilePath], Field(min_length=1, max_length=30)]
    every: Annotated[int, Field(ge=1, le=86_400)] = 3600
    begins_at: AwareDatetime | None = None


class BackfillRequest(_Request):
    """Matches that are over: each is asked for until it has been taken in once."""

    matches: Annotated[
        dict[MatchId, Annotated[dict[FileName, FilePath], Field(min_length=1, max_length=30)]],
        Field(min_length=1, max_length=60),
    ]


class FeedView(BaseModel):
    """How a feed of a match stands. `state`: active, ended (the match is final or was taken in), refused (by what is said of
    it in `error`). `failures` counts those since the last success."""

    match: str
    provider: str
    state: str
    next_at: datetime
    asked_at: datetime | None
    failures: int
    error: str | None


class Feeds(BaseModel):
    """A provider's feeds: how many in each state, whether it asked us to wait, and a page of them by match."""

    states: dict[str, int]
    paused_until: datetime | None
    feeds: list[FeedView]


class IngestedView(BaseModel):
    """What became of a snapshot: how many events it added, changed or withdrew (0: it confirms what was known)."""

    match: str
    revision: int
    events: int
    phase: str
    disputed: bool


class PreferRequest(_Request):
    """Which feed is believed where two differ, first to last."""

    providers: Annotated[list[Word], Field(min_length=1, max_length=10)]


class MatchView(BaseModel):
    """A match. `label` is what players are to be shown of its points: scheduled, provisional, disputed or final."""

    id: str
    sport: str
    title: str
    label: str
    revision: int
    result_at: datetime | None
    final_at: datetime | None


class DisputeView(BaseModel):
    """One thing that two feeds say differently, by feed."""

    event: str
    attribute: str
    values: dict[str, str | int | bool | None]


class Disputes(BaseModel):
    """What a reviewer has to decide."""

    disputes: list[DisputeView]


class ListedPlayer(_Request):
    """Whom teams may pick: the operator's word on role, team and price."""

    id: PlayerId
    role: Word | None = None
    team: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    price: Decimal | None = None


class SlateRequest(_Request):
    """Matches that count together under some rules."""

    title: Title
    rules: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    matches: Annotated[list[MatchId], Field(min_length=1, max_length=50)]
    players: Annotated[list[ListedPlayer], Field(max_length=400)] = []
    locks_at: AwareDatetime


class SlateView(BaseModel):
    """A slate with its matches; `revision` counts its scorings."""

    id: UUID
    title: str
    rules: str
    matches: list[MatchView]
    players: list[ListedPlayer]
    locks_at: datetime
    revision: int


class TeamRequest(_Request):
    """A team: whom it picks, who is captain and so on, who is on the bench, which chip is played."""

    players: Annotated[list[PlayerId], Field(min_length=1, max_length=30)]
    offices: Annotated[dict[Word, PlayerId], Field(max_length=10)] = {}
    bench: Annotated[list[PlayerId], Field(max_length=20)] = []
    chips: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=5)] = []


class TeamView(BaseModel):
    """A team and its points so far."""

    id: UUID
    slate: UUID
    players: list[str]
    offices: dict[str, str]
    bench: list[str]
    chips: list[str]
    points: str


class ContestRequest(_Request):
    """A contest of a slate: `prizes` holds the prize of each place, in paise."""

    slate: UUID
    title: Title
    prizes: Annotated[list[Annotated[int, Field(ge=0, le=MOST_PRIZE)]], Field(max_length=1000)] = []


class ContestView(BaseModel):
    """A contest. `label`: whether its points are provisional, disputed or final."""

    id: UUID
    slate: UUID
    title: str
    prizes: list[int]
    label: str
    state: str
    entries: int


class EntryRequest(_Request):
    """A team that enters."""

    team: UUID


class Place(BaseModel):
    """A place on a board; equal points share a rank and the next one skips ("1224")."""

    rank: int
    team: UUID
    points: str


class Board(BaseModel):
    """Part of a contest's board, best first."""

    contest: UUID
    label: str
    entries: int
    places: list[Place]


class PointsView(BaseModel):
    """Points of one of the match's players."""

    player: str
    points: str


class MatchPoints(BaseModel):
    """Everyone's points in a match under some rules, best first; `scored` is the match's revision that they are of."""

    match: str
    label: str
    rules: str
    scored: int
    players: list[PointsView]


class LineView(BaseModel):
    """Points that a rule gave in a scoring of the match, or took back (a correction): totals are sums of these."""

    revision: int
    player: str
    rule: str
    place: str
    points: str
    measured: dict[str, int]
    events: list[str]


class Lines(BaseModel):
    """Every line of a match under some rules, in the order in which they were made."""

    lines: list[LineView]


class NotificationView(BaseModel):
    """What a player was told."""

    id: UUID
    match: str
    message: str
    created_at: datetime


class Notifications(BaseModel):
    """The newest first."""

    notifications: list[NotificationView]
