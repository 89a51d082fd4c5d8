"""What goes over the wire of administration."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from twofold.core.policy import REASON_CHARACTERS
from twofold.fastapi.schemas import KeptBackupCodesItem, KeptFactorItem, KeptSessionItem, Strict

ID_CHARACTERS = 255
"""Of a user id as a text; more is nobody's."""

REASON_EXAMPLE = "Lost phone, known to us by voice, ticket 4711"

UserIdItem = Annotated[int | str, Field(description="As the application names its users.", examples=[17])]


class ReasonRequest(Strict):
    """Why an admin does it; the user can read it."""

    reason: str = Field(
        description=f"1 to {REASON_CHARACTERS} printable characters on one line.", examples=[REASON_EXAMPLE]
    )


class UserItem(BaseModel):
    """One user in a list."""

    id: UserIdItem
    account: str = Field(description="The name in the authenticator app.", examples=["ann@example.com"])
    enabled: bool = Field(description="Whether any second factor is on.")
    enabled_at: datetime | None
    locked_until: datetime | None = Field(description="The end of the last wait, which may be over.")


class UsersAnswer(BaseModel):
    """Users, in the order of their ids."""

    items: list[UserItem]
    next_cursor: str | None = Field(description="For `?cursor=`, where there are more.", examples=["66"])


class AdminEventItem(BaseModel):
    """One thing that happened to anybody."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=["4711"])
    user_id: UserIdItem | None = Field(description="Nobody where a stranger was refused.")
    kind: str = Field(
        description="What happened, in the past tense; `unreadable` where it cannot be read.", examples=["signed_in"]
    )
    moment: datetime | None = Field(examples=["2030-01-01T12:00:30Z"])
    outcome: str | None = Field(description="`success`, or the slug of the error.", examples=["success"])
    factor: str | None = Field(description="Where one was proved or refused.", examples=["totp"])
    client_address: str | None = Field(
        description="Where it came from, as long as that is kept.", examples=["192.0.2.7"]
    )
    actor: str | None = Field(description="Who did it, where that is not the user.", examples=["3"])
    reason: str | None = Field(description="Why, in that one's words.", examples=[REASON_EXAMPLE])


class AdminEventsAnswer(BaseModel):
    """Everybody's events, or one user's, the newest first."""

    items: list[AdminEventItem]
    next_cursor: str | None = Field(description="For `?cursor=`, where there are more.", examples=["4661"])


class UserAnswer(UserItem):
    """Where one user's second factor stands; no secret, no code, no digest of one."""

    factors: list[KeptFactorItem]
    backup_codes: KeptBackupCodesItem | None
    set_up_until: datetime | None = Field(description="Until when a set-up waits, or waited, for its first code.")
    failures: dict[str, int] = Field(
        description="Failures in a row, by what is counted together.", examples=[{"totp": 5}]
    )
    sessions: list[KeptSessionItem] = Field(description="Those that have proved a second factor.")
    pending_sign_ins: list[datetime] = Field(description="When each sign-in expires that waits for its second step.")
    unreadable: list[str] = Field(
        description="The names of those members that could not be read, and are empty; of a row that is damaged, the "
        "names of its columns.",
        examples=[[]],
    )
    events: AdminEventsAnswer = Field(description="The newest; the others by `GET /events?user=`.")


class AdoptionAnswer(BaseModel):
    """How many users have a second factor."""

    model_config = ConfigDict(from_attributes=True)

    users: int = Field(description="All of them.", examples=[1000])
    enabled: int = Field(description="Those with a second factor.", examples=[640])
    totp: int = Field(description="Those with an authenticator app.", examples=[640])
    webauthn: int = Field(description="Those with WebAuthn keys.", examples=[120])
    pending: int = Field(description="Those whose set-up waits for its first code.", examples=[2])
    locked: int = Field(description="Those whose typed codes wait.", examples=[1])
    without_factor: int = Field(description="Those who are enabled and have nothing left to prove.", examples=[0])
