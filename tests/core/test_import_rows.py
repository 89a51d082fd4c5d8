"""What is imported, read strictly: secrets, URIs, lists, devices of django-otp; and what is done with each row."""

import io
from base64 import b32decode, b32encode
from dataclasses import replace
from urllib.parse import quote

import pyotp
import pytest
from cryptography.fernet import Fernet
from hypothesis import example, given
from hypothesis import strategies as st

from twofold.core.enrollment import Enrollment
from twofold.core.import_lines import csv_reader, line_of, lines_of
from twofold.core.imports import (
    Brought,
    Device,
    Outcome,
    fitting,
    outcome_for,
    secret_of,
    shown_account,
    uri_of,
    value_of,
)
from twofold.core.policy import MAX_LINE_BYTES, RECOMMENDED
from twofold.core.sealing import Sealed, fernet_opener
from twofold.core.totp import TimeStep, TotpSecret, otpauth_uri, time_step_at
from twofold.errors import ConfigurationError, RowRefused
from twofold.testing.clock import NOON

BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SECRET = TotpSecret(BASE32)
HEX = b32decode(BASE32).hex()
STEP = time_step_at(NOON, 30)

keys = st.binary(min_size=10, max_size=64)
parameters = st.tuples(st.sampled_from(["SHA1", "SHA256", "SHA512"]), st.integers(6, 8), st.integers(1, 120))
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)


def base32_of(key: bytes) -> str:
    return b32encode(key).decode().rstrip("=")


@pytest.mark.parametrize(
    "text", [BASE32, BASE32.lower(), f" {BASE32} ", "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", f"{BASE32}===="]
)
def test_a_secret_is_read_as_people_write_it(text):
    """
    Groups, lower case, spaces around and padding are forgiven, and change nothing of the secret.
    """
    assert secret_of(text) == SECRET


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not base32"),
        ("JBSWY3DPEHPK3PX0", "not base32"),
        ("JBSWY3DPEHPK3PX\uff30", "not base32"),
        ("JBSWY3DP\tEHPK3PXP", "not base32"),
        ("JBSW=3DPEHPK3PXP", "not base32"),
        ("A" * 17, "not base32"),
        ("A" * 15, "fewer than 80 bits"),
        ("A" * 104, "more than 512 bits"),
        ("A" * 3999, "more than 512 bits"),
    ],
)
def test_what_is_no_secret_is_refused(text, why):
    """
    What is not base32, too short or too long is refused, and not shown.
    """
    with pytest.raises(RowRefused, match=why) as refusal:
        secret_of(text)

    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize("length", [16, 18, 20, 21])
def test_a_weak_secret_is_taken_as_one(length):
    """
    From 80 bits on a secret is taken; below 112 bits it is a weak one.
    """
    assert secret_of("A" * length).is_weak


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"period": "0"}, "1 to 120 whole seconds"),
        ({"period": "121"}, "1 to 120 whole seconds"),
        ({"period": "-30"}, "1 to 120 whole seconds"),
        ({"period": "30.0"}, "1 to 120 whole seconds"),
        ({"period": "3e1"}, "1 to 120 whole seconds"),
        ({"period": "\u0663\u0660"}, "1 to 120 whole seconds"),
        ({"period": "9" * 4000}, "1 to 120 whole seconds"),
        ({"digits": "99"}, "6 to 8 digits"),
        ({"digits": "5"}, "6 to 8 digits"),
        ({"digits": "0"}, "6 to 8 digits"),
        ({"digits": "six"}, "6 to 8 digits"),
        ({"algorithm": "MD5"}, "SHA1, SHA256 and SHA512"),
        ({"algorithm": "SHA3-256"}, "SHA1, SHA256 and SHA512"),
    ],
)
def test_parameters_that_no_code_has_are_refused(given_, why):
    """
    A period of nothing, 99 digits, an algorithm of no TOTP: refused with what is allowed, wherever they come from.
    """
    for read in (
        lambda: secret_of(BASE32, given_),
        lambda: uri_of(f"otpauth://totp/ann?secret={BASE32}&" + "&".join(f"{k}={quote(v)}" for k, v in given_.items())),
        lambda: csv_reader(f"account,secret,{','.join(given_)}")(f"ann,{BASE32},{','.join(given_.values())}"),
    ):
        with pytest.raises(RowRefused, match=why):
            read()


@pytest.mark.parametrize(("text", "name"), [("sha-256", "SHA256"), ("HmacSHA512", "SHA512"), ("SHA1", "SHA1")])
def test_an_algorithm_is_known_by_its_usual_names(text, name):
    """
    Whatever case, with or without a hyphen or `Hmac` before it.
    """
    assert name == secret_of(BASE32, {"algorithm": text}).algorithm


@given(key=keys, parameters=parameters, issuer=names, account=names)
def test_our_own_uris_are_read_back(key, parameters, issuer, account):
    """
    Whatever this library writes into a QR code it also imports, with every parameter.
    """
    issuer = issuer.replace(":", "")
    secret = TotpSecret(base32_of(key), *parameters, from_elsewhere=True)

    brought = uri_of(otpauth_uri(secret, issuer=issuer or "Acme", account=account))

    assert Brought(secret, account) == brought


@given(issuer=st.sampled_from(["Acme", "Acme & Sons", "Söhne"]), account=names.filter(lambda name: ":" not in name))
def test_the_uris_of_pyotp_are_read(issuer, account):
    """
    The URIs that PyOTP writes, with and without an issuer, name the account as it was.
    """
    for text in (
        pyotp.TOTP(BASE32).provisioning_uri(name=account, issuer_name=issuer),
        pyotp.TOTP(BASE32).provisioning_uri(name=account),
    ):
        assert Brought(SECRET, account) == uri_of(text)


@pytest.mark.parametrize(
    ("label", "issuer", "account"),
    [
        ("ann@example.com", None, "ann@example.com"),
        ("ann%40example.com", None, "ann@example.com"),
        ("Acme:ann", "Acme", "ann"),
        ("Acme:%20ann", "Acme", "ann"),
        ("Acme%3Aann", "Acme", "ann"),
        ("Acme%20Inc:ann", "Acme+Inc", "ann"),
        ("Acme%20Inc:ann", "Acme%20Inc", "ann"),
        ("ann", "Acme", "ann"),
        ("Acme:ann%3Abob", "Acme", "ann:bob"),
        ("ann+otp@example.com", None, "ann+otp@example.com"),
        ("a/b", None, "a/b"),
    ],
)
def test_the_account_stands_behind_the_issuer(label, issuer, account):
    """
    Key URI format: the label is the account, or issuer, colon and account; whatever is encoded is decoded.
    """
    text = f"otpauth://totp/{label}?secret={BASE32}" + (f"&issuer={issuer}" if issuer else "")

    assert account == uri_of(text).account


@pytest.mark.parametrize(
    ("label", "issuer"),
    [("x:ann@example.com", None), ("x%3Aann@example.com", None), ("x:ann@example.com", "Acme"), ("x%3Aann", "Acme")],
)
def test_nobody_names_himself_somebody_else(label, issuer):
    """
    Whoever called himself `x:ann` there is not taken for ann: what stands before the colon must be the issuer.
    """
    with pytest.raises(RowRefused, match="cannot be told"):
        uri_of(f"otpauth://totp/{label}?secret={BASE32}" + (f"&issuer={issuer}" if issuer else ""))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"otpauth://hotp/ann?secret={BASE32}&counter=99999999999999999999", "counted"),
        (f"otpauth://steam/ann?secret={BASE32}", "counted"),
        (f"otpauth://totp/ann?secret={BASE32}&secret={BASE32}", "twice"),
        (f"otpauth://totp/ann?secret={BASE32}&Secret={BASE32}", "twice"),
        (f"otpauth://totp/ann?secret={BASE32}&digits=6&digits=8", "twice"),
        (f"otpauth://totp/ann?secret={BASE32}&encoder=steam", "not known"),
        (f"otpauth://totp/ann?secret={BASE32}&t0=17", "not known"),
        (f"otpauth://totp/ann?secret={BASE32}&", "not known"),
        ("otpauth://totp/ann?issuer=Acme", "no secret"),
        (f"otpauth://totp/ann?secret={BASE32}#x", "not otpauth"),
        (f"otpauth://totp/?secret={BASE32}", "account is missing"),
        (f"otpauth://totp/%20?secret={BASE32}", "account is missing"),
        (f"otpauth://totp/{'a' * 321}?secret={BASE32}", "account is missing"),
        (f"otpauth://totp/a%0Ab?secret={BASE32}", "account is missing"),
        (f"otpauth://totp/a%zz?secret={BASE32}", "not encoded"),
        (f"otpauth://totp/a%ff?secret={BASE32}", "not encoded"),
        (f"https://totp/ann?secret={BASE32}", "not otpauth"),
        ("", "not otpauth"),
        ("otpauth-migration://offline?data=CjEKCkhello", "not otpauth"),
    ],
)
def test_a_uri_that_is_not_understood_is_refused(text, why):
    """
    Counted codes, anything given twice, anything on which the codes could depend: refused, and not guessed at.
    """
    with pytest.raises(RowRefused, match=why) as refusal:
        uri_of(text)

    assert BASE32 not in str(refusal.value)


def test_what_only_decorates_is_left_out():
    """
    The picture and the colour of an entry change no code.
    """
    text = f"OTPAUTH://TOTP/ann?SECRET={BASE32.lower()}&image=https%3A%2F%2Fexample.com%2Fa.png&color=ff0000"

    assert Brought(SECRET, "ann") == uri_of(text)


def test_a_line_may_name_the_account_before_the_uri():
    """
    What stands before a tab is the account, whatever the label says.
    """
    assert Brought(SECRET, "ann:x") == line_of(f"ann:x\totpauth://totp/somebody?secret={BASE32}")
    assert Brought(SECRET, "somebody") == line_of(f"otpauth://totp/somebody?secret={BASE32}")


def test_a_csv_file_names_its_columns():
    """
    The columns stand in any order; what is empty is what every app knows.
    """
    read = csv_reader("period, Secret ,account,algorithm,digits,last_used_step")

    assert Brought(TotpSecret(BASE32, "SHA256", 8, 60), "ann", TimeStep(63_000_000)) == read(
        f'60,{BASE32},"ann",sha256,8,63000000'
    )
    assert Brought(SECRET, "ann, the first") == read(f',{BASE32.lower()},"ann, the first",,,')


def test_a_csv_file_may_have_uris():
    """
    The account comes from the label, or from the column that names it.
    """
    uri = f"otpauth://totp/ann?secret={BASE32}"

    assert Brought(SECRET, "ann") == csv_reader("otpauth")(uri)
    assert Brought(SECRET, "bob") == csv_reader("account,otpauth")(f"bob,{uri}")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "secret",
        "account",
        "account,secret,digit",
        "account,secret,secret",
        "account;secret",
        "account,secret,",
        '"',
    ],
)
def test_a_header_that_is_not_understood_is_refused(header):
    """
    A column that is missing, unknown or there twice would be overlooked in every row: the file is refused.
    """
    with pytest.raises(RowRefused):
        csv_reader(header)


@pytest.mark.parametrize(
    "line",
    [
        f"ann,{BASE32}",
        f"ann,{BASE32},,,,,",
        f'"ann,{BASE32},,,,',
        f"ann,{BASE32},SHA256,,,x",
        f"ann,{BASE32},,,,-1",
        f"ann,{BASE32},,,,{2**40}",
        f"ann,{BASE32},,,,{10**19}",
        f",{BASE32},,,,",
        "ann,,,,,",
        f'ann,"{BASE32}"x,,,,',
    ],
)
def test_a_line_that_is_not_understood_is_refused(line):
    """
    Too few cells or too many, an open quote, no account, no secret, a step that is none.
    """
    with pytest.raises(RowRefused) as refusal:
        csv_reader("account,secret,algorithm,digits,period,last_used_step")(line)

    assert BASE32 not in str(refusal.value)


@pytest.mark.parametrize(
    "line", [f"SHA256,,otpauth://totp/ann?secret={BASE32}", f",{BASE32},otpauth://totp/ann?secret={BASE32}"]
)
def test_a_uri_says_everything_itself(line):
    """
    Parameters beside a URI contradict it, or would be overlooked.
    """
    with pytest.raises(RowRefused, match="beside a URI"):
        csv_reader("algorithm,secret,otpauth")(line)


def test_the_lines_of_a_file():
    """
    Lines are numbered as an editor does; blank ones are left out, and the mark before UTF-8.
    """
    file = io.BytesIO(b"\xef\xbb\xbffirst\r\n\n  \nfourth\tcell\nlast")

    assert [(line.number, line.text()) for line in lines_of(file.readline)] == [
        (1, "first"),
        (4, "fourth\tcell"),
        (5, "last"),
    ]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"a" * (MAX_LINE_BYTES + 1), "more than"),
        (b"a" * (3 * MAX_LINE_BYTES + 2), "more than"),
        (b"a\0b", "cannot be printed"),
        (b"a\x1b[2Jb", "cannot be printed"),
        (b"a\xe2\x80\xaeb", "cannot be printed"),
        (b"\xff\xfea\0", "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
    ],
)
def test_a_line_that_is_no_text_is_refused_alone(raw, why):
    """
    A line that is too long, not UTF-8, or has what nobody can print is refused; those around it are read.
    """
    before, damaged, after = lines_of(io.BytesIO(b"before\n" + raw + b"\nafter\n").readline)

    assert (before.text(), after.number, after.text()) == ("before", 3, "after")
    with pytest.raises(RowRefused, match=why):
        damaged.text()


def test_a_file_without_an_end_takes_no_memory():
    """
    Of a line that never ends only as much is read at once as a line may have.
    """
    asked = []

    def read_line(size: int) -> bytes:
        asked.append(size)
        return b"a" * size if len(asked) < 1000 else b""

    [line] = lines_of(read_line)

    assert line.raw is None
    assert {MAX_LINE_BYTES + 1} == set(asked)


DEVICE = Device(HEX, step=30, t0=0, digits=6, drift=0, last_t=-1)


def test_a_device_of_django_otp_is_read():
    """
    The key stands there in hexadecimal; the algorithm is always SHA-1.
    """
    brought = replace(DEVICE, step=60, digits=8, last_t=63_000_000).brought("ann")

    assert Brought(TotpSecret(BASE32, "SHA1", 8, 60), "ann", TimeStep(63_000_000)) == brought
    assert TimeStep(0) == DEVICE.brought("ann").last_step


@pytest.mark.parametrize("bytes_", [10, 13, 14, 20, 40])
def test_every_key_of_django_otp_has_its_base32(bytes_):
    """
    Keys of 10 bytes, as it once made them, are weak; up to 40 bytes stand in its column.
    """
    secret = replace(DEVICE, key="5a" * bytes_).brought("ann").secret

    assert b"\x5a" * bytes_ == b32decode(secret.base32 + "=" * (-len(secret.base32) % 8))
    assert (bytes_ < 14) == secret.is_weak


@pytest.mark.parametrize(
    "changes",
    [
        {"t0": 1},
        {"step": 0},
        {"step": 300},
        {"digits": 99},
        {"last_t": 2**62},
        {"key": ""},
        {"key": "zz"},
        {"key": "123"},
        {"key": "00" * 9},
        {"key": None},
        {"key": b"00" * 20},
        {"step": "30"},
        {"step": None},
        {"t0": 0.0},
        {"digits": True},
        {"last_t": "x"},
    ],
)
def test_a_device_that_is_not_understood_is_refused(changes):
    """
    Steps that begin elsewhere, a period of nothing, 99 digits, a huge counter, columns that hold something else.
    """
    with pytest.raises(RowRefused):
        replace(DEVICE, **changes).brought("ann")


def test_a_device_shows_no_key():
    """
    Neither a device nor what it brings along stands in its own repr with its key.
    """
    assert HEX not in repr(DEVICE)
    assert BASE32 not in repr(DEVICE.brought("ann"))


def test_a_value_may_be_under_fernet():
    """
    Base32 or a URI, as it is or under one of the given Fernet keys.
    """
    key, other = Fernet.generate_key(), Fernet.generate_key()
    opened = fernet_opener([other.decode(), key.decode()])
    uri = f"otpauth://totp/ann?secret={BASE32}&algorithm=SHA512"

    assert value_of(Fernet(key).encrypt(BASE32.encode()).decode(), opened) == SECRET
    assert value_of(uri) == value_of(Fernet(key).encrypt(uri.encode()).decode(), opened)
    assert value_of(f" {BASE32.lower()}\n".strip(), opened) == SECRET


@pytest.mark.parametrize("plain", [BASE32.encode(), b"\xff", b""])
def test_a_value_under_another_key_is_refused(plain):
    """
    A Fernet value without its key, under another one, or with something else in it, is refused and not shown.
    """
    key = Fernet.generate_key()
    token = Fernet(key).encrypt(plain).decode()

    for opened in (None, fernet_opener([Fernet.generate_key().decode()])):
        with pytest.raises(RowRefused, match="Fernet") as refusal:
            value_of(token, opened)
        assert token not in str(refusal.value)
    if plain != BASE32.encode():
        with pytest.raises(RowRefused):
            value_of(token, fernet_opener([key.decode()]))


@pytest.mark.parametrize("entries", [[], ["short"], [Fernet.generate_key().decode(), "x" * 44]])
def test_what_is_no_fernet_key_is_refused(entries):
    """
    The message names the place of the entry, and not its text.
    """
    with pytest.raises(ConfigurationError, match=f"entry {max(len(entries), 1)}") as refusal:
        fernet_opener(entries)

    assert not entries or entries[-1] not in str(refusal.value)


@pytest.mark.parametrize("period", [1, 30, 60, 120])
@pytest.mark.parametrize("drift", [0, 1, 2])
def test_no_code_works_here_that_may_have_worked_there(period, drift):
    """
    What is accepted at the moment of the import counts as used: the whole window, in the secret's own time steps.
    """
    secret = TotpSecret(BASE32, period=period)
    policy = replace(RECOMMENDED, drift=drift)

    brought = fitting(Brought(secret, "ann"), policy, NOON)

    assert time_step_at(NOON, period) + drift == brought.last_step


def test_what_was_used_there_later_counts_as_used():
    """
    A step that the other application has accepted, by a clock that was ahead, is not accepted here.
    """
    given_ = Brought(SECRET, "ann", TimeStep(STEP + 50))

    assert given_ == fitting(given_, RECOMMENDED, NOON)


@pytest.mark.parametrize("step", [STEP + 2881, 2**39])
def test_a_step_from_the_future_is_refused(step):
    """
    A step of more than a day ahead would lock its user out for as long: the row is refused, and says why.
    """
    with pytest.raises(RowRefused, match="future"):
        fitting(Brought(SECRET, "ann", TimeStep(step)), RECOMMENDED, NOON)


@pytest.mark.parametrize("digits", [7, 8])
def test_codes_of_another_length_are_refused(digits):
    """
    A code of another length than the policy's cannot be typed here.
    """
    with pytest.raises(RowRefused, match=f"{digits} digits"):
        fitting(Brought(TotpSecret(BASE32, digits=digits), "ann"), RECOMMENDED, NOON)

    assert fitting(Brought(TotpSecret(BASE32, digits=digits)), replace(RECOMMENDED, digits=digits), NOON)


BROUGHT = Brought(SECRET, "ann")
NOBODY = Enrollment(user_id=7)
ENROLLED = Enrollment(user_id=7, enabled=True, totp_secret=Sealed("sealed"))
SPENT = Enrollment(user_id=7, enabled=True)


@pytest.mark.parametrize(
    ("enrollment", "live", "had_one", "outcome"),
    [
        (NOBODY, None, None, Outcome.IMPORTED),
        (ENROLLED, SECRET, None, Outcome.ALREADY_THERE),
        (ENROLLED, SECRET, NOON, Outcome.ALREADY_THERE),
        (ENROLLED, TotpSecret("A" * 32), None, Outcome.KEPT),
        (ENROLLED, replace(SECRET, period=60), None, Outcome.KEPT),
        (SPENT, None, None, Outcome.KEPT),
        (NOBODY, None, NOON, Outcome.KEPT),
    ],
)
def test_what_is_done_with_a_secret(enrollment, live, had_one, outcome):
    """
    Nobody's second factor is replaced; and what a user, or an operator, has turned off here does not come back.
    """
    done, why = outcome_for(enrollment, live, BROUGHT, had_one)

    assert outcome == done
    assert (why is not None) == (outcome is Outcome.KEPT)


@pytest.mark.parametrize("account", ["ann@example.com", "christopherson@example.com", "ann", "söhne"])
def test_an_account_is_shown(account):
    """
    The name of an account stands in the report.
    """
    assert account == shown_account(account)


@pytest.mark.parametrize(
    "account", [BASE32, BASE32.lower(), "JBSW Y3DP EHPK 3PXP", HEX, f"otpauth://totp/x?secret={BASE32}", None]
)
def test_an_account_that_could_be_a_secret_is_not_shown(account):
    """
    Where somebody has mixed up the columns, no secret gets into the report.
    """
    assert shown_account(account) is None


uris = st.builds(
    "otpauth://{}/{}?{}".format,
    st.sampled_from(["totp", "hotp", ""]),
    st.text(max_size=20),
    st.lists(
        st.sampled_from(["secret", "digits", "period", "issuer", "x"]).flatmap(
            lambda name: st.text(max_size=12).map(lambda value: f"{name}={value}")
        ),
        max_size=4,
    ).map("&".join),
)
anything = st.text(max_size=200) | uris | uris.map(lambda uri: f"ann\t{uri}")


@given(text=anything)
@example("otpauth://totp/[?secret=A")
@example(f"otpauth://totp/%?secret={BASE32}")
def test_whatever_a_line_says_it_is_read_or_refused(text):
    """
    No text leads to any other error than the refusal of its row, and no refusal holds a long word of it.
    """
    csv = csv_reader("account,secret,algorithm,digits,period,last_used_step"), csv_reader("otpauth")
    for read in (secret_of, uri_of, line_of, value_of, *csv):
        told = ""
        try:
            read(text)
        except RowRefused as refusal:
            told = str(refusal)
        # The refusals say themselves how such an address begins.
        assert not any(word in told for word in text.split() if len(word) > 8 and word not in "otpauth://")


@given(raw=st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b'account,"')
def test_whatever_a_file_has_its_lines_are_read_or_refused(raw):
    """
    No bytes lead to any other error than the refusal of a line.
    """
    for line in lines_of(io.BytesIO(raw).readline):
        try:
            text = line.text()
        except RowRefused:
            text = ""
        assert text.replace("\t", "").isprintable()


@given(key=keys, parameters=parameters, step=st.integers(0, 2**40 - 1), account=names)
def test_what_is_written_as_csv_is_read(key, parameters, step, account):
    """
    Every secret with every parameter comes out of a line of CSV as it went in.
    """
    algorithm, digits, period = parameters
    secret = TotpSecret(base32_of(key), *parameters, from_elsewhere=True)
    quoted = '"' + account.replace('"', '""') + '"'

    line = f"{quoted},{secret.base32},{algorithm},{digits},{period},{step}"

    assert Brought(secret, account, TimeStep(step)) == csv_reader(
        "account,secret,algorithm,digits,period,last_used_step"
    )(line)
