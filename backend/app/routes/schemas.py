"""What the application's own routes take and answer."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from twofold.fastapi.schemas import Strict

Password = Annotated[str, Field(max_length=1024, repr=False, examples=["correct horse battery"])]


class Credentials(Strict):
    """What a person signs in with."""

    email: str = Field(max_length=1024, examples=["ann@example.com"])
    password: Password

    @property
    def address(self) -> str:
        """The address as it is stored."""
        return self.email.strip().lower()


class PasswordChange(Strict):
    """The password, and the one in its place."""

    current_password: Password
    new_password: Password


class Leaving(Strict):
    """The password, once more."""

    password: Password


class Token(BaseModel):
    """A session, as its client knows it."""

    access_token: str = Field(repr=False)
    token_type: str = "bearer"  # noqa: S105 - a kind, not a token
    expires_at: datetime


class Registered(BaseModel):
    """The same whether the address was free or not."""

    email: str


class Session(BaseModel):
    """The session that asks."""

    user: dict[str, Any] = Field(examples=[{"id": 1, "email": "ann@example.com"}])
    aal: int
    amr: list[str]
    authenticated_at: datetime
    second_factor_at: datetime | None
    expires_at: datetime


class ListedSession(BaseModel):
    """One of the user's sessions."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    current: bool = Field(default=False, description="Whether it is the one that asks.")
    client: str = Field(description="What the client called itself.")
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


class Sessions(BaseModel):
    """The user's sessions, the newest first."""

    items: list[ListedSession]
    next_cursor: int | None = Field(description="For `?cursor=`, where there are more.")
