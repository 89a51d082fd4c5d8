"""Time-based one-time passwords: the RFCs' vectors, the window, what may be typed, and the text of the QR code."""

import json
from base64 import b32decode, b32encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.policy import MAX_LABEL_CHARACTERS, RECOMMENDED
from twofold.core.totp import (
    DIGESTS,
    TimeStep,
    TotpSecret,
    TypedCode,
    checked_issuer,
    matching_steps,
    new_totp_secret,
    otpauth_uri,
    time_step_at,
    typed_code,
    window_at,
)
from twofold.errors import ConfigurationError, MalformedCode
from twofold.testing.clock import NOON

VECTORS = Path(__file__).parent.parent / "vectors"
HOTP = json.loads((VECTORS / "rfc4226_appendix_d.json").read_text())
TOTP = json.loads((VECTORS / "rfc6238_appendix_b.json").read_text())
SECRET = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")

moments = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is the next argument
texts = st.text(max_size=MAX_LABEL_CHARACTERS)
issuers = texts.filter(lambda text: text.strip() and text.isprintable() and ":" not in text)


def shared(ascii_secret: str, **parameters: object) -> TotpSecret:
    return TotpSecret(b32encode(ascii_secret.encode()).decode().rstrip("="), **parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("vector", HOTP["vectors"])
def test_codes_are_those_of_rfc_4226(vector):
    """
    The code of a time step is the HOTP value of RFC 4226 for the same counter.
    """
    secret = shared(HOTP["secret"], algorithm=HOTP["algorithm"], digits=HOTP["digits"])

    assert vector["code"] == secret.code_at(vector["counter"])


@pytest.mark.parametrize("algorithm", TOTP["secrets"])
@pytest.mark.parametrize("vector", TOTP["vectors"], ids=lambda vector: str(vector["unix_time"]))
def test_codes_are_those_of_rfc_6238(vector, algorithm):
    """
    The code at a moment is the value of RFC 6238, for each algorithm, also where the step leaves 32 bits behind.
    """
    secret = shared(TOTP["secrets"][algorithm], algorithm=algorithm, digits=TOTP["digits"], period=TOTP["period"])
    step = time_step_at(datetime.fromtimestamp(vector["unix_time"], UTC), secret.period)

    assert int(vector["time_step"], 16) == step
    assert vector[algorithm] == secret.code_at(step)


def test_the_vectors_of_rfc_6238_need_keys_as_long_as_the_hash():
    """
    The trap that the vectors' note names is real: the prose's 20-byte key gives another code for SHA-256.
    """
    secret = shared(TOTP["secrets"]["SHA1"], algorithm="SHA256", digits=8)

    assert secret.code_at(TimeStep(1)) == "32247374"


def test_a_time_step_may_be_wider_than_32_bits():
    """
    RFC 6238, section 4.2: "T" MUST be larger than a 32-bit integer when time goes beyond 2038 or, here, far beyond.
    """
    step = TimeStep(2**32 + 1)

    assert SECRET.code_at(step) != SECRET.code_at(TimeStep(1))
    assert pyotp.HOTP(SECRET.base32).at(2**32 + 1) == SECRET.code_at(step)


@given(moment=moments, drift=st.integers(-20, 20), tolerance=st.integers(0, 5), period=st.integers(1, 120))
def test_the_window_is_the_tolerance_and_no_wider(moment, drift, tolerance, period):
    """
    A step is in the window exactly when it is within the tolerance of the current one.
    """
    window = window_at(moment, period, tolerance)

    assert (time_step_at(moment, period) + drift in window) == (abs(drift) <= tolerance)


@given(moment=moments, period=st.integers(1, 120))
def test_a_time_step_begins_at_a_multiple_of_its_period(moment, period):
    """
    RFC 6238, section 4.2: T = (Current Unix time - T0) / X, "and the default floor function is used".
    """
    step = time_step_at(moment, period)

    assert step * period <= moment.timestamp() < (step + 1) * period


def test_the_window_does_not_reach_before_1970():
    """
    There is no negative time step, not even in the first seconds of the epoch.
    """
    window = window_at(datetime.fromtimestamp(0, UTC), period=30, drift=3)

    assert range(4) == window


def test_a_moment_means_the_same_in_every_time_zone():
    """
    A host whose clock speaks another time zone gets the same time step.
    """
    elsewhere = NOON.astimezone(datetime.strptime("+0530", "%z").tzinfo)

    assert time_step_at(NOON, 30) == time_step_at(elsewhere, 30)


@given(drift=st.integers(-20, 20))
def test_a_code_matches_the_steps_that_have_it(drift):
    """
    A code matches its own step when that is in the window, and nothing when it is not.
    """
    # These 43 codes are all different, so a match is no coincidence.
    step = time_step_at(NOON, 30)
    assert len({SECRET.code_at(TimeStep(step + other)) for other in range(-21, 22)}) == 43
    typed = TypedCode(SECRET.code_at(TimeStep(step + drift)))
    found = matching_steps(SECRET, typed, window_at(NOON, 30, 1))

    assert ([step + drift] if abs(drift) <= 1 else []) == found


def test_all_steps_that_share_a_code_are_found():
    """
    Where two steps of a window happen to have one code, both are told, so that the newest can be claimed.
    """
    codes = [SECRET.code_at(TimeStep(step)) for step in range(4000)]
    twice = next(code for code in codes if codes.count(code) > 1)
    found = matching_steps(SECRET, TypedCode(twice), range(4000))

    assert [step for step, code in enumerate(codes) if code == twice] == found


def test_a_new_secret_has_160_random_bits():
    """
    RFC 4226, section 4, R6: "this document RECOMMENDs a shared secret length of 160 bits"; no two are alike.
    """
    secrets = {new_totp_secret(RECOMMENDED).base32 for _ in range(1000)}

    assert len(secrets) == 1000
    assert {20} == {len(b32decode(secret)) for secret in secrets}


def test_a_new_secret_has_what_the_policy_says():
    """
    Strength, digits and period come from the policy; the algorithm is the one that every app knows.
    """
    secret = new_totp_secret(replace(RECOMMENDED, secret_bytes=33, digits=8, period=60))

    assert (secret.algorithm, secret.digits, secret.period) == ("SHA1", 8, 60)
    assert len(b32decode(secret.base32 + "=" * (-len(secret.base32) % 8))) == 33
    assert "=" not in secret.base32


@given(
    key=st.binary(min_size=16, max_size=64),
    algorithm=st.sampled_from(["SHA1", "SHA256", "SHA512"]),
    digits=st.integers(6, 8),
    period=st.integers(1, 120),
)
def test_a_secret_is_read_as_it_was_written(key, algorithm, digits, period):
    """
    What is sealed holds the secret and its parameters, and gives the same codes when it is read again.
    """
    secret = TotpSecret(b32encode(key).decode().rstrip("="), algorithm, digits, period)
    read = TotpSecret.from_bytes(secret.to_bytes())

    assert secret == read
    assert secret.code_at(TimeStep(1)) == read.code_at(TimeStep(1))


@pytest.mark.parametrize(
    "stored", [SECRET.base32, SECRET.base32.lower(), f" {SECRET.base32}\n", f"{SECRET.base32}===="]
)
def test_a_bare_secret_of_an_older_version_is_read(stored):
    """
    An older version stored base32 alone; it is read with the parameters that were the only ones then.
    """
    read = TotpSecret.from_bytes(stored.encode())

    assert TotpSecret(SECRET.base32, "SHA1", 6, 30) == read


@pytest.mark.parametrize(
    "parameters",
    [
        ("",),
        ("A" * 16,),
        ("A" * 21,),
        ("A" * 22,),
        ("A" * 31 + "0",),
        ("a" * 32,),
        ("A" * 31 + "=",),
        (SECRET.base32, "MD5"),
    ],
)
def test_what_is_no_secret_is_refused(parameters):
    """
    NIST SP 800-63B-4, 3.1.4.1: a key of at least 112 bits; nothing shorter, and nothing but base32, becomes a secret.
    """
    with pytest.raises(ValueError, match="base32 of at least 112 bits") as refusal:
        TotpSecret(*parameters)

    assert not parameters[0] or parameters[0] not in str(refusal.value)


@pytest.mark.parametrize("vector", HOTP["vectors"])
def test_codes_of_our_own_hotp_are_those_of_rfc_4226(vector):
    """
    The few lines that compute the codes of weak secrets give the HOTP values of RFC 4226, appendix D.
    """
    secret = shared(HOTP["secret"], algorithm=HOTP["algorithm"], digits=HOTP["digits"])

    assert vector["code"] == secret._hotp_of_weak(vector["counter"])


@pytest.mark.parametrize("algorithm", TOTP["secrets"])
@pytest.mark.parametrize("vector", TOTP["vectors"], ids=lambda vector: str(vector["unix_time"]))
def test_codes_of_our_own_hotp_are_those_of_rfc_6238(vector, algorithm):
    """
    And those of RFC 6238, appendix B, for each algorithm.
    """
    secret = shared(TOTP["secrets"][algorithm], algorithm=algorithm, digits=TOTP["digits"], period=TOTP["period"])

    assert vector[algorithm] == secret._hotp_of_weak(TimeStep(int(vector["time_step"], 16)))


@given(
    key=st.binary(min_size=10, max_size=13),
    step=st.integers(0, 2**40),
    algorithm=st.sampled_from(["SHA1", "SHA256", "SHA512"]),
    digits=st.integers(6, 8),
)
def test_codes_of_weak_secrets_are_those_of_pyotp(key, step, algorithm, digits):
    """
    A weak secret shows the codes that pyotp computes where it is told not to look at the length.
    """

    class Lenient(pyotp.HOTP):
        min_secret_length_bits = 80

    secret = TotpSecret(b32encode(key).decode().rstrip("="), algorithm, digits, from_elsewhere=True)
    theirs = Lenient(secret.base32, digits=digits, digest=DIGESTS[algorithm])

    assert secret.is_weak
    assert theirs.at(step) == secret.code_at(step)


@pytest.mark.parametrize("length", [16, 18, 20, 21, 23, 24])
def test_a_secret_from_elsewhere_may_be_weak(length):
    """
    From 80 bits on a secret that another application made is taken; it is weak below 112 bits.
    """
    secret = TotpSecret("A" * length, from_elsewhere=True)

    assert (length < 23) == secret.is_weak
    assert secret == TotpSecret.from_bytes(secret.to_bytes(), from_elsewhere=True)


@pytest.mark.parametrize("stored", [b"JBSWY3DPEHPK3PXP", b'{"s":"JBSWY3DPEHPK3PXP","a":"SHA1","d":6,"p":30}'])
def test_a_weak_secret_is_read_only_as_one_from_elsewhere(stored):
    """
    A stored secret of 80 bits is a weak one where it may come from elsewhere, and none at all anywhere else.
    """
    read = TotpSecret.from_bytes(stored, from_elsewhere=True)
    with pytest.raises(ValueError, match="at least 112 bits"):
        TotpSecret.from_bytes(stored)

    assert read.is_weak
    assert (read.algorithm, read.digits, read.period) == ("SHA1", 6, 30)


@pytest.mark.parametrize("length", [15, 17, 19, 22, 25, 27])
def test_what_no_bytes_have_is_no_secret(length):
    """
    RFC 4648, section 6: so many characters of base32 are no whole bytes; fewer than 80 bits are no secret.
    """
    with pytest.raises(ValueError, match="base32"):
        TotpSecret("A" * length, from_elsewhere=True)


@pytest.mark.parametrize(
    "typed", ["123456", "123 456", "123-456", "  123456  ", " 123 456 ", "1 23456", "12345-6", " 123-456"]
)
def test_a_code_may_be_typed_with_spaces_around_and_one_separator_inside(typed):
    """
    ASCII spaces around, and one space or hyphen inside, are forgiven.
    """
    code = typed_code(typed, 6)

    assert TypedCode("123456") == code


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="empty"),
        pytest.param("      ", id="spaces alone"),
        pytest.param("12345", id="five digits"),
        pytest.param("1234567", id="seven digits"),
        pytest.param("12  3456", id="two spaces inside"),
        pytest.param("12 - 34 56", id="spaces and hyphen"),
        pytest.param("12 34 56", id="two groups too many"),
        pytest.param("12--3456", id="two hyphens"),
        pytest.param("-123456", id="hyphen in front"),
        pytest.param("123456-", id="hyphen behind"),
        pytest.param("+123456", id="plus sign"),
        pytest.param("+12345", id="plus sign in place of a digit"),
        pytest.param("-12345", id="minus sign in place of a digit"),
        pytest.param("\N{MINUS SIGN}12345", id="minus sign of mathematics"),
        pytest.param("123\N{EN DASH}456", id="en dash"),
        pytest.param("12345a", id="letter"),
        pytest.param("0x1234", id="hexadecimal"),
        pytest.param("1_2345", id="underscore"),
        pytest.param("1234.5", id="point"),
        pytest.param("1e0005", id="exponent"),
        pytest.param("123456\n", id="newline behind"),
        pytest.param("\n123456", id="newline in front"),
        pytest.param("123\n456", id="newline inside"),
        pytest.param("\t123456", id="tab in front"),
        pytest.param("123\t456", id="tab inside"),
        pytest.param("123456\r", id="carriage return"),
        pytest.param("123456\0", id="null"),
        pytest.param("\N{NO-BREAK SPACE}123456", id="no-break space around"),
        pytest.param("123\N{NO-BREAK SPACE}456", id="no-break space inside"),
        pytest.param("123\N{ZERO WIDTH SPACE}456", id="zero width space"),
        pytest.param("\N{ZERO WIDTH NO-BREAK SPACE}123456", id="byte order mark"),
        pytest.param("\uff11\uff12\uff13\uff14\uff15\uff16", id="full-width digits"),
        pytest.param("\u0661\u0662\u0663\u0664\u0665\u0666", id="Arabic-Indic digits"),
        pytest.param("\u00b9\u00b2\u00b3\u2074\u2075\u2076", id="superscript digits"),
        pytest.param("12345\u0666", id="one Arabic-Indic digit"),
        pytest.param("1" * 10**6, id="a million digits"),
        pytest.param(" " * 10**6, id="a million spaces"),
        pytest.param(" " * 10**6 + "123456", id="a million spaces in front"),
    ],
)
def test_what_cannot_be_a_code_is_refused(typed):
    """
    Anything but the digits of a code is refused before it is compared with anything, and not echoed.
    """
    with pytest.raises(MalformedCode) as refusal:
        typed_code(typed, 6)

    assert str(refusal.value) == "A code has 6 digits."
    assert refusal.value.errors == ({"field": "code", "message": "A code has 6 digits."},)


@given(typed=st.text(max_size=40) | st.text("0123456789 -", max_size=12))
def test_only_ascii_digits_come_through(typed):
    """
    Whatever was typed is either refused, or six ASCII digits with nothing but spaces and a hyphen between.
    """
    try:
        code = typed_code(typed, 6).text
    except MalformedCode:
        code = None
    separators = [character for character in typed.strip(" ") if character in " -"]
    bare = typed.strip(" ").replace(" ", "").replace("-", "")
    inside = not typed.strip(" ").startswith("-") and not typed.strip(" ").endswith("-")
    right = bare.isascii() and bare.isdigit() and len(bare) == 6 and len(separators) <= 1 and inside

    assert (bare if right else None) == code


@given(issuer=issuers, account=texts)
def test_nothing_in_issuer_or_account_can_break_the_uri(issuer, account):
    """
    Any issuer and any account come out of the URI as they went in, and nothing else does.
    """
    uri = otpauth_uri(SECRET, issuer=issuer, account=account)
    parts = urlsplit(uri)
    label_issuer, colon, label_account = parts.path.removeprefix("/").partition(":")

    assert uri.isascii()
    assert (parts.scheme, parts.netloc, parts.fragment) == ("otpauth", "totp", "")
    assert (issuer, ":", account) == (unquote(label_issuer), colon, unquote(label_account))
    assert {
        "secret": [SECRET.base32],
        "issuer": [issuer],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    } == parse_qs(parts.query, keep_blank_values=True, strict_parsing=True)


@given(issuer=issuers, account=texts)
def test_an_authenticator_reads_the_uri_as_it_was_meant(issuer, account):
    """
    A parser of the other side finds the same secret, issuer and account, and computes the same code.
    """
    read = pyotp.parse_uri(otpauth_uri(SECRET, issuer=issuer, account=account))

    assert isinstance(read, pyotp.TOTP)
    assert (SECRET.base32, issuer, account or "Secret") == (read.secret, read.issuer, read.name)
    assert SECRET.code_at(time_step_at(NOON, 30)) == read.at(NOON)


def test_the_uri_is_the_one_that_apps_expect():
    """
    Key URI format: issuer in label and parameter, spaces as %20, the secret without padding.
    """
    uri = otpauth_uri(SECRET, issuer="Acme & Söhne", account="ann:o'neil+1@example.com")

    assert uri == (
        "otpauth://totp/Acme%20%26%20S%C3%B6hne:ann%3Ao%27neil%2B1%40example.com"
        f"?secret={SECRET.base32}&issuer=Acme%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30"
    )


def test_the_uri_says_other_parameters_too():
    """
    Algorithm, digits and period of the secret stand in the URI.
    """
    read = pyotp.parse_uri(otpauth_uri(TotpSecret(SECRET.base32, "SHA256", 8, 60), issuer="Acme", account="ann"))

    assert isinstance(read, pyotp.TOTP)
    assert (read.digest().name, read.digits, read.interval) == ("sha256", 8, 60)


def test_a_long_account_is_shortened():
    """
    An account name of any length leaves the QR code small enough to scan.
    """
    read = pyotp.parse_uri(otpauth_uri(SECRET, issuer="Acme", account="a" * 10_000))

    assert read.name == "a" * MAX_LABEL_CHARACTERS


@pytest.mark.parametrize("issuer", ["Acme", "Acme & Söhne", "100 % Öko", "アクメ", "A" * 128, "ア" * 33])
def test_an_issuer_that_apps_can_show_is_taken(issuer):
    """
    An issuer of printable characters is taken as it is.
    """
    assert issuer == checked_issuer(issuer)


@pytest.mark.parametrize(
    ("issuer", "why"),
    [
        ("", "printable characters, no colon"),
        ("   ", "printable characters, no colon"),
        ("Acme: Shop", "printable characters, no colon"),
        ("Acme\nShop", "printable characters, no colon"),
        ("A\0", "printable characters, no colon"),
        ("A" * 129, "at most 128 characters"),
        ("ア" * 34, "300 when percent-encoded"),
    ],
)
def test_an_issuer_that_apps_cannot_show_is_refused(issuer, why):
    """
    An issuer that is empty, too long, unprintable or has a colon is refused with words that say what is allowed.
    """
    with pytest.raises(ConfigurationError) as refusal:
        checked_issuer(issuer)

    assert why in str(refusal.value)


@pytest.mark.parametrize("shown", [SECRET, TypedCode("123456"), [SECRET], {"secret": SECRET}])
def test_what_is_secret_shows_in_no_repr(shown):
    """
    Neither a secret nor a typed code stands in its own repr, nor in that of what holds it.
    """
    text = f"{shown!r} {shown!s} {shown}"

    assert SECRET.base32 not in text
    assert "123456" not in text


@given(offset=st.timedeltas(min_value=timedelta(0), max_value=timedelta(seconds=29, microseconds=999_999)))
def test_a_step_lasts_its_whole_period(offset):
    """
    Every moment of a period has the same time step, down to the microsecond.
    """
    assert time_step_at(NOON, 30) == time_step_at(NOON + offset, 30)
