"""What goes over the wire, in the specification's names."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TOKEN_EXAMPLE = "EC7MBY0SVBdExJuMMWXlXbrXjCC0qe_Mwu0QWXvpTpM"  # noqa: S105 - an example
SECRET_EXAMPLE = "IZM4WUNWOGHUGN5XZJMCP5AKICQ6JGRF"  # noqa: S105 - an example
EVENT_ID_EXAMPLE = "TkGwKzcTlgGsS4crGfXJ4JEBNXTsL0uM"
URI_EXAMPLE = f"otpauth://totp/Acme:ann%40example.com?secret={SECRET_EXAMPLE}&issuer=Acme"

Code = Annotated[str, Field(description="Six digits from the authenticator app.", examples=["123456"])]
BackupCode = Annotated[
    str,
    Field(
        description="A backup code; case, spaces and hyphens do not matter.",
        examples=["9KE8-6NKM-SJGG-DFYG-42FD-QC4N"],
    ),
]
Credential = Annotated[
    dict[str, Any],
    Field(
        description="The answer of a WebAuthn key, as `PublicKeyCredential.toJSON()` gives it.",
        examples=[
            {
                "id": "uTmT3xrfbX0",
                "rawId": "uTmT3xrfbX0",
                "type": "public-key",
                "response": {"clientDataJSON": "eyJ0...", "authenticatorData": "SZYN...", "signature": "MEUC..."},
            }
        ],
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

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "123456"}]})

    code: Code = Field(default_factory=str, repr=False)


class CodeOrKeyRequest(CodeRequest):
    """A proof: exactly one of `code` (or `X-TOTP-Code`) and `credential`."""

    credential: Credential = Field(default_factory=dict, repr=False)


class ProofRequest(CodeOrKeyRequest):
    """A proof: exactly one of `code` (or `X-TOTP-Code`), `backup_code` and `credential`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"code": "123456"}, {"backup_code": "9KE8-6NKM-SJGG-DFYG-42FD-QC4N"}]}
    )

    backup_code: BackupCode = Field(default_factory=str, repr=False)


class FinishRequest(ProofRequest):
    """The second step of a sign-in: the token and exactly one proof."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"sign_in_token": TOKEN_EXAMPLE, "code": "123456"},
                {"sign_in_token": TOKEN_EXAMPLE, "backup_code": "9KE8-6NKM-SJGG-DFYG-42FD-QC4N"},
            ]
        }
    )

    sign_in_token: str = Field(repr=False, examples=[TOKEN_EXAMPLE])


class KeyRequest(Strict):
    """A new key, by its answer to the options of a moment ago."""

    credential: Credential = Field(repr=False)
    name: Annotated[
        str | None, Field(description="What its owner calls it; a number where none is given.", examples=["Blue key"])
    ] = None


class KeyNameRequest(Strict):
    """Another name for a key."""

    name: str = Field(description="1 to 64 characters on one line.", examples=["Blue key"])


class KeyOptionsRequest(Strict):
    """For whom a key is asked: the session, or a pending sign-in."""

    sign_in_token: str = Field(
        default="", repr=False, description="Of a pending sign-in; without it, the session.", examples=[TOKEN_EXAMPLE]
    )


class SecondFactorRequired(BaseModel):
    """The password was right; the second factor is still to come. Nothing but finishing is open with this token."""

    status: Literal["second_factor_required"] = "second_factor_required"
    sign_in_token: str = Field(repr=False, examples=[TOKEN_EXAMPLE])
    methods: list[str] = Field(description="What this user has.", examples=[["totp", "backup_code"]])
    expires_at: datetime
    locked_until: Annotated[datetime | None, Field(description="Only while typed codes must wait.")] = None


class SetUpAnswer(BaseModel):
    """What an authenticator app needs; shown once."""

    secret: str = Field(repr=False, description="base32, for typing it in.", examples=[SECRET_EXAMPLE])
    otpauth_uri: str = Field(repr=False, description="The text of the QR code.", examples=[URI_EXAMPLE])
    qr_code: str = Field(repr=False, description="A PNG to put into `img src`.", examples=["data:image/png;base64,..."])
    issuer: str = Field(examples=["Acme"])
    account: str = Field(examples=["ann@example.com"])
    algorithm: str = Field(examples=["SHA1"])
    digits: int = Field(examples=[6])
    period: int = Field(description="Seconds of a time step.", examples=[30])
    expires_at: datetime = Field(description="Until when `/verify` takes the first code.")


class StatusAnswer(BaseModel):
    """Where the user's second factor stands."""

    enabled: bool = Field(description="Whether any second factor is on.")
    pending: bool = Field(description="Whether a set-up waits for its first code.")
    methods: list[str] = Field(description="What this user has.", examples=[["totp", "backup_code"]])
    backup_codes_remaining: int = Field(examples=[9])
    enabled_at: datetime | None
    last_used_at: datetime | None
    required: bool = False
    deadline: datetime | None = None


class BackupCodesAnswer(BaseModel):
    """The new set; shown once, the old one is dead."""

    backup_codes: list[str] = Field(repr=False, examples=[["9KE8-6NKM-SJGG-DFYG-42FD-QC4N"]])


class KeyItem(BaseModel):
    """One WebAuthn key."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="Its name in paths.", examples=["yJ0kPq8sX2aB"])
    name: str = Field(examples=["Blue key"])
    created_at: datetime
    last_used_at: datetime | None
    backed_up: bool = Field(description="Whether it lives on several devices of its owner: a synced passkey.")
    transports: list[str] = Field(description="How a browser reaches it.", examples=[["usb"]])


class KeysAnswer(BaseModel):
    """The user's keys, in the order in which they were registered."""

    items: list[KeyItem]
    next_cursor: str | None = Field(default=None, description="There is one page.")


class StepUpAnswer(BaseModel):
    """What the session has proved now."""

    aal: int = Field(description="What was proved: 1 one factor, 2 two (NIST SP 800-63B-4, 2.2.1).", examples=[2])
    amr: list[str] = Field(description="Authentication methods (RFC 8176).", examples=[["pwd", "otp", "mfa"]])
    second_factor_at: datetime | None


class EventItem(BaseModel):
    """One thing that happened."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(description="Its name; tells nothing of other users.", examples=[EVENT_ID_EXAMPLE])
    kind: str = Field(
        description="What happened, in the past tense; `unreadable` where it cannot be read.", examples=["signed_in"]
    )
    moment: datetime | None = Field(examples=["2030-01-01T12:00:30Z"])
    outcome: str | None = Field(description="`success`, or the slug of the error.", examples=["success"])
    factor: str | None = Field(description="Where one was proved or refused.", examples=["totp"])
    client_address: str | None = Field(
        description="Where it came from, as long as that is kept.", examples=["192.0.2.7"]
    )
    reason: str | None = Field(description="Why, where an admin did it.", examples=["Lost phone, ticket 4711"])


class EventsAnswer(BaseModel):
    """The user's own events, the newest first."""

    items: list[EventItem]
    next_cursor: str | None = Field(description="For `?cursor=`, where there are more.", examples=[EVENT_ID_EXAMPLE])


class KeptFactorItem(BaseModel):
    """One factor."""

    model_config = ConfigDict(from_attributes=True)

    factor: str = Field(examples=["totp"])
    enabled_at: datetime | None
    last_used_at: datetime | None
    switched_off: bool = Field(description="By too many wrong codes.")
    name: str | None = Field(description="What its owner calls a key.", examples=["Blue key"])
    transports: list[str] = Field(description="How a browser reaches a key.", examples=[["usb"]])
    backed_up: bool | None = Field(description="Whether a key lives on several devices.")
    user_verified: bool | None = Field(description="Whether a key has ever verified who touched it.")


class KeptBackupCodesItem(BaseModel):
    """The set of backup codes, without the codes."""

    model_config = ConfigDict(from_attributes=True)

    made: int = Field(examples=[10])
    remaining: int = Field(examples=[9])
    used_at: list[datetime] = Field(description="When each of those was used that were.")
    switched_off: bool = Field(description="By too many wrong codes.")


class KeptSessionItem(BaseModel):
    """What one session has proved."""

    current: bool = Field(description="Whether it is the one that asks.")
    aal: int = Field(description="What was proved: 1 one factor, 2 two (NIST SP 800-63B-4, 2.2.1).", examples=[2])
    amr: list[str] = Field(description="Authentication methods (RFC 8176).", examples=[["pwd", "otp", "mfa"]])
    proved_at: datetime
    second_factor_at: datetime | None


class ExportAnswer(BaseModel):
    """All that is stored about one's own second factor; no secret, no code, no digest of one."""

    exported_at: datetime
    account: str = Field(description="The name in the authenticator app.", examples=["ann@example.com"])
    enabled: bool = Field(description="Whether any second factor is on.")
    factors: list[KeptFactorItem]
    backup_codes: KeptBackupCodesItem | None
    set_up_until: datetime | None = Field(description="Until when a set-up waits, or waited, for its first code.")
    failures: dict[str, int] = Field(
        description="Failures in a row, by what is counted together.", examples=[{"totp": 1}]
    )
    locked_until: datetime | None = Field(description="The end of the last wait.")
    sessions: list[KeptSessionItem] = Field(description="Those that have proved a second factor.")
    pending_sign_ins: list[datetime] = Field(description="When each sign-in expires that waits for its second step.")
    challenges: list[datetime] = Field(description="When each challenge expires that waits for a key.")
    unreadable: list[str] = Field(
        description="The names of those members that could not be read, and are empty.", examples=[[]]
    )
    # The last one: the text is made up to here, and goes on page by page.
    events: list[EventItem] = Field(description="All of them, the newest first.")


class ProblemDetails(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:twofold:problem:invalid-code"])
    title: str = Field(description="The same for every problem of this type.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="For the person in front of the screen: what to do next.")
