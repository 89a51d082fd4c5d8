"""What goes over the wire, in the specification's names."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from twofold.errors import InvalidRequest, TwofoldError
from twofold.fastapi.errors import KINDS, MEDIA_TYPE

Code = Annotated[str, Field(description="Six digits from the authenticator app.", examples=["123456"])]
BackupCode = Annotated[
    str,
    Field(
        description="A backup code; case, spaces and hyphens do not matter.",
        examples=["9KE8-6NKM-SJGG-DFYG-42FD-QC4N"],
    ),
]


class Strict(BaseModel):
    """A body: no conversion of types, no field beyond those that are named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class SetUpRequest(Strict):
    """Begin to set up an authenticator app."""

    replace: Annotated[bool, Field(description="Move to a new phone where an authenticator app is on.")] = False


class CodeRequest(Strict):
    """A proof by the authenticator app; `X-TOTP-Code` may stand in its place."""

    code: Code = ""


class ProofRequest(CodeRequest):
    """A proof: exactly one of `code` (or `X-TOTP-Code`) and `backup_code`."""

    backup_code: BackupCode = ""


class FinishRequest(ProofRequest):
    """The second step of a sign-in: the token and exactly one proof."""

    sign_in_token: str


class SecondFactorRequired(BaseModel):
    """The password was right; the second factor is still to come. Nothing but finishing is open with this token."""

    status: Literal["second_factor_required"] = "second_factor_required"
    sign_in_token: str = Field(repr=False)
    methods: list[str] = Field(examples=[["totp", "backup_code"]])
    expires_at: datetime
    locked_until: Annotated[datetime | None, Field(description="Only while typed codes must wait.")] = None


class SetUpAnswer(BaseModel):
    """What an authenticator app needs; shown once."""

    secret: str = Field(repr=False, description="base32, for typing it in.")
    otpauth_uri: str = Field(repr=False)
    qr_code: str = Field(repr=False, description="A PNG as `data:image/png;base64,...`.")
    issuer: str
    account: str
    algorithm: str
    digits: int
    period: int = Field(description="Seconds of a time step.")
    expires_at: datetime


class StatusAnswer(BaseModel):
    """Where the user's second factor stands."""

    enabled: bool
    pending: bool = Field(description="Whether a set-up waits for its first code.")
    methods: list[str]
    backup_codes_remaining: int
    enabled_at: datetime | None
    last_used_at: datetime | None
    required: bool = False
    deadline: datetime | None = None


class BackupCodesAnswer(BaseModel):
    """The new set; shown once, the old one is dead."""

    backup_codes: list[str] = Field(repr=False)


class StepUpAnswer(BaseModel):
    """What the session has proved now."""

    aal: int
    amr: list[str]
    second_factor_at: datetime | None


class ProblemDetails(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:twofold:problem:invalid-code"])
    title: str
    status: int
    detail: str


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI words for a body that a dependency reads."""
    schema = model.model_json_schema()
    return {"requestBody": {"content": {"application/json": {"schema": schema}}, "required": False}}


def problems(*errors: type[TwofoldError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI words for the errors of a route."""
    # Too large, and not JSON: a malformed request too, under statuses of their own.
    told: dict[int | str, list[str]] = {413: [InvalidRequest.slug], 415: [InvalidRequest.slug]}
    for error in errors:
        told.setdefault(KINDS[error.slug].status, []).append(error.slug)
    return {
        status: {
            "description": ", ".join(f"`{slug}`" for slug in slugs),
            "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
        }
        for status, slugs in told.items()
    }
