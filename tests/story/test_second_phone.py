"""A phone that somebody else wrote: KeePassXC reads our QR codes, and we accept its codes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from httpx2 import Client, Response

from tests.story.live import serving, settings_in
from tests.story.phones import KeePassXC, code_of_oathtool, code_of_pyotp, scanned
from twofold.core.qr_code import qr_code_data_uri
from twofold.core.totp import TotpSecret, otpauth_uri
from twofold.service.ports import Clock
from twofold.testing import StoppedClock

ANN = {"email": "ann@example.com", "password": "correct horse battery"}
ISSUER_OF_ODD_CHARACTERS = "Müller & Söhne “100 %” <Größe=1?> #2/3 \\ + ~ 'x' \"y\" ; , 日本語 🔑"
ACCOUNT_OF_ODD_CHARACTERS = 'jürgen.o\'brien+"größe"&100%25=?#:/\\<ß>;,🔑' + "x" * 60 + "@straße.example"


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Starts a backend; gives the client of a person who has registered and logged in there."""
    with ExitStack() as stack:

        def backend(clock: Clock | None = None, *, issuer: str = "Twofold", email: str = ANN["email"]) -> Client:
            address = stack.enter_context(serving(settings_in(tmp_path, issuer=issuer), clock))
            client = stack.enter_context(Client(base_url=f"{address}/api/auth", trust_env=False))
            credentials = ANN | {"email": email}
            assert client.post("/register", json=credentials).status_code == 201
            return carrying(client, client.post("/login", json=credentials))

        yield backend


def carrying(client: Client, answer: Response) -> Client:
    """The client, with the session that an answer gave."""
    assert answer.status_code == 200, answer.text
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


def phone_for(client: Client, folder: Path) -> KeePassXC:
    """A phone that scanned the QR code of a new set-up."""
    return KeePassXC(folder, scanned(client.post("/2fa/setup").json()["qr_code"], folder))


def test_its_code_of_this_moment_enrolls(backend, tmp_path):
    """With nobody's clock given in, a person scans the QR code and types at once what KeePassXC shows."""
    client = backend()
    phone = phone_for(client, tmp_path)

    answer = client.post("/2fa/verify", json={"code": phone.code()})

    assert (answer.status_code, answer.json()["enabled"]) == (200, True)


def test_its_codes_sign_in(backend, tmp_path):
    """The codes that KeePassXC shows in the next time steps sign in, in two steps and in one."""
    clock = StoppedClock()
    client = backend(clock)
    phone = phone_for(client, tmp_path)
    carrying(client, client.post("/2fa/verify", json={"code": phone.code(clock.now())}))

    clock.forward(seconds=30)
    pending = client.post("/login", json=ANN).json()
    proof = {"sign_in_token": pending["sign_in_token"], "code": phone.code(clock.now())}
    in_two_steps = client.post("/login/second-factor", json=proof)
    clock.forward(seconds=30)
    in_one_step = client.post("/login", json=ANN, headers={"X-TOTP-Code": phone.code(clock.now())})

    for answer in (in_two_steps, in_one_step):
        assert (answer.status_code, answer.json()["status"], answer.json()["aal"]) == (200, "signed_in", 2)


def test_a_slow_or_fast_phone_is_forgiven_one_step(backend, tmp_path):
    """A phone whose clock is half a minute off still gets in; one that is off by two steps does not."""
    clock = StoppedClock()
    client = backend(clock)
    phone = phone_for(client, tmp_path)
    carrying(client, client.post("/2fa/verify", json={"code": phone.code(clock.now() - timedelta(seconds=30))}))

    clock.forward(minutes=5)
    answers = {
        seconds: client.post(
            "/login", json=ANN, headers={"X-TOTP-Code": phone.code(clock.now() + timedelta(seconds=seconds))}
        ).status_code
        for seconds in (-60, 60, -30, 0, 30)
    }

    assert answers == {-60: 400, 60: 400, -30: 200, 0: 200, 30: 200}


def test_two_phones_that_scanned_the_same_picture_show_the_same(backend, tmp_path):
    """A code is spent for both: two apps with one secret are one authenticator."""
    clock = StoppedClock()
    client = backend(clock)
    qr_code = client.post("/2fa/setup").json()["qr_code"]
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first, second = (KeePassXC(folder, scanned(qr_code, folder)) for folder in folders)
    enrolled = client.post("/2fa/verify", json={"code": first.code(clock.now())})

    again = client.post("/login", json=ANN, headers={"X-TOTP-Code": second.code(clock.now())})

    assert enrolled.status_code == 200
    assert (again.status_code, again.json()["type"]) == (400, "urn:twofold:problem:code-already-used")


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 22, 18, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 22, 19, 0, 0, tzinfo=UTC),
        datetime(2030, 1, 1, 12, 0, 29, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC),
    ],
    ids=str,
)
def test_all_apps_show_the_same(moment, tmp_path):
    """At one moment, also after 32 bits of seconds ran out, KeePassXC, oathtool, pyotp and the core agree."""
    secret = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    phone = KeePassXC(tmp_path, otpauth_uri(secret, issuer="Twofold", account="ann@example.com"))

    shown = {phone.code(moment), code_of_oathtool(secret.base32, moment), code_of_pyotp(secret.base32, moment)}

    assert {secret.code_at(int(moment.timestamp()) // 30)} == shown


@pytest.mark.parametrize("length", [16, 18, 20, 21])
def test_a_weak_secret_shows_what_the_apps_show(length, tmp_path):
    """Of a secret that pyotp refuses, made by an older application, KeePassXC, oathtool and the core show the same."""
    secret = TotpSecret("JBSWY3DPEHPK3PXPJBSWY"[:length], from_elsewhere=True)
    phone = KeePassXC(tmp_path, otpauth_uri(secret, issuer="Twofold", account="ann@example.com"))
    moment = datetime(2030, 1, 1, 12, tzinfo=UTC)

    shown = {phone.code(moment), code_of_oathtool(secret.base32, moment)}

    assert {secret.code_at(int(moment.timestamp()) // 30)} == shown


def label_of(uri: str) -> tuple[str, str, str]:
    """Issuer and account as an app reads them from the text, and the issuer's second place."""
    parts = urlsplit(uri)
    issuer, account = parts.path.removeprefix("/").split(":")
    return unquote(issuer), unquote(account), parse_qs(parts.query, strict_parsing=True)["issuer"][0]


def test_odd_names_arrive_unharmed(backend, tmp_path):
    """Umlauts, quotes, `&`, `%`, `<`, `#` in issuer and account reach the phone as they are, through a real set-up."""
    clock = StoppedClock()
    client = backend(clock, issuer=ISSUER_OF_ODD_CHARACTERS, email=ACCOUNT_OF_ODD_CHARACTERS)
    phone = phone_for(client, tmp_path)

    answer = client.post("/2fa/verify", json={"code": phone.code(clock.now())})

    expected = (ISSUER_OF_ODD_CHARACTERS, ACCOUNT_OF_ODD_CHARACTERS, ISSUER_OF_ODD_CHARACTERS)
    assert expected == label_of(phone.uri)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("issuer", "account"),
    [("I" * 128, "a" * 128), ("é" * 50, "🔑" * 128), ("🔑" * 25, "é" * 128)],
    ids=["letters", "longest", "widest"],
)
def test_the_longest_names_can_be_scanned(issuer, account, tmp_path):
    """However long issuer and account are allowed to be, their QR code is read at its own size."""
    secret = TotpSecret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    uri = otpauth_uri(secret, issuer=issuer, account=account)

    phone = KeePassXC(tmp_path, scanned(qr_code_data_uri(uri), tmp_path))

    assert uri == phone.uri
    assert (issuer, account, issuer) == label_of(phone.uri)
