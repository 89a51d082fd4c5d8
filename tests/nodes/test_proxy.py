"""What the proxy of `deploy/Caddyfile` passes on, and what not: Caddy itself before two nodes."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from httpx2 import Client, HTTPTransport, TransportError
from sqlalchemy import select

from app.models.user import User
from soak.client import PATHS, Proof
from soak.front import Front
from soak.people import PASSWORD, Person
from tests.nodes.deployment import ADMINS_ADDRESS, Deployment
from tests.nodes.people import BACKUP_CODE, FEW, Caller, gathered
from twofold.core.policy import MAX_BODY_BYTES
from twofold.sqlalchemy.tables import tables_of

CONFIGURATION = (Path(__file__).parents[2] / "deploy" / "Caddyfile").read_text()
SOMEBODY, SOMEBODY_ELSE = ADMINS_ADDRESS, "203.0.113.7"
"""Where a client comes from, and where it says that it comes from."""
PROXYS_OWN = "about:blank"
"""The type of a problem that no node has told."""
FEW_TIMES, OFTEN = 6, 60
"""So often that chance sends somebody to each node."""


@contextmanager
def client_at(address: str, *, came_from: str = SOMEBODY) -> Iterator[Client]:
    transport = HTTPTransport(local_address=came_from, trust_env=False)
    with Client(base_url=address, transport=transport, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def client(place: Deployment) -> Iterator[Client]:
    with client_at(place.address) as client:
        yield client


def addresses_in_events(place: Deployment, person: Person) -> set[str | None]:
    """From where this person's attempts came, as the nodes took it down."""
    events = tables_of(User, account="email", side_table=None).events
    with place.engine().connect() as connection:
        return set(connection.scalars(select(events.c.client_address).where(events.c.user_id == person.id)))


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([("X-Forwarded-For", SOMEBODY_ELSE)], id="one"),
        pytest.param([("X-Forwarded-For", f"{SOMEBODY_ELSE}, 127.0.0.1")], id="a list"),
        pytest.param([("x-forwarded-for", f"127.0.0.1, {SOMEBODY_ELSE}"), ("X-Forwarded-Host", "evil")], id="a host"),
        pytest.param([("X-Forwarded-For", SOMEBODY_ELSE), ("X-Forwarded-For", "127.0.0.1")], id="two lines"),
        pytest.param([("Forwarded", f"for={SOMEBODY_ELSE};host=evil"), ("X-Real-IP", SOMEBODY_ELSE)], id="others"),
    ],
)
def test_the_client_is_whom_the_proxy_saw(place: Deployment, client: Client, lines: list[tuple[str, str]]):
    """Whatever a client says of itself, in whichever header, once or twice: taken down is from where it came."""
    person = gathered(place, FEW).phones[0]
    body = {"email": person.email, "password": PASSWORD}

    told = client.post(PATHS["login-header"], json=body, headers=[*lines, ("X-TOTP-Code", "000000")])

    assert told.status_code == 400
    assert addresses_in_events(place, person) == {SOMEBODY}


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it was sent, and is always ready."""

    def do_GET(self) -> None:
        text = json.dumps({name.lower(): self.headers.get_all(name) for name in self.headers}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def echo() -> Iterator[int]:
    """The port of something that tells what reached it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_what_a_client_says_of_itself_reaches_no_node(tmp_path: Path):
    """Of all headers that tell where somebody comes from, a node is told what the proxy has seen, and nothing else."""
    tmp_path.chmod(0o755)
    said = dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP"), SOMEBODY_ELSE)
    said |= {"Forwarded": f"for={SOMEBODY_ELSE}", "X-Forwarded-Host": "evil", "X-Forwarded-Proto": "gopher"}
    with echo() as port, closing(Front([port], tmp_path)) as front:
        front.wait_until_it_serves()
        with client_at(f"http://127.0.0.1:{front.port}") as client:
            told = client.get("/", headers=said | {"X-TOTP-Code": "123456"}).json()

    host = f"127.0.0.1:{front.port}"
    seen = {"x-forwarded-for": [SOMEBODY], "x-forwarded-host": [host], "x-forwarded-proto": ["http"], "host": [host]}
    assert {name: told[name] for name in seen} == seen
    assert SOMEBODY_ELSE not in str(told)
    assert told["x-totp-code"] == ["123456"]


@pytest.mark.parametrize("name", ["metrics", "readyz", "healthz"])
def test_what_is_for_operators_stays_inside(place: Deployment, client: Client, name: str):
    """Nothing of it comes out, however it is spelled; and it is there, asked from inside."""
    coded = "".join(f"%{ord(letter):02x}" for letter in name)
    spellings = [
        *(f"/{name}", f"//{name}", f"/{name}/", f"/{name.upper()}", f"/{coded}", f"/%2f{name}", f"/./{name}"),
        *(f"/api/../{name}", f"/{name}/..", f"/{name}?", f"/{name}?x=1", f"/{name};x", f"/{name}%00", f"/{name}%20"),
        *(f"/{name}%2f", f"/%2e/{name}", f"/a/%2e%2e/{name}", f"/{name}%3f", f"/{name}.txt", f"/\\{name}"),
    ]
    # httpx2 mends paths; this does not.
    answers = {path: client.request("GET", "/", extensions={"target": path.encode()}) for path in spellings}
    with client_at(place.nodes[0].address) as operator:
        inside = operator.get(f"/{name}")

    assert {path for path, answer in answers.items() if answer.status_code not in {400, 404}} == set()
    assert [path for path, answer in answers.items() if re.search(r"# HELP|alive|ready\b", answer.text)] == []
    assert answers[f"/{name}"].json() == {"type": PROXYS_OWN, "title": "Not Found", "status": 404}
    assert inside.status_code == 200


@pytest.mark.parametrize("came_from", [SOMEBODY, "127.0.0.8"])
def test_administrators_are_let_in_by_where_they_come_from(place: Deployment, came_from: str):
    """
    What is under /api/admin/ is neither refused nor opened by the proxy: the nodes look whether the address that it saw
    is in their list, whatever the client says.
    """
    said = {"X-Forwarded-For": SOMEBODY, "Forwarded": f"for={SOMEBODY}", "X-Real-IP": SOMEBODY}
    with client_at(place.address, came_from=came_from) as client:
        told = [client.get("/api/admin/2fa/users", headers=headers) for headers in ({}, said)]

    expected = (401, "not-signed-in") if came_from == ADMINS_ADDRESS else (403, "forbidden")
    assert [(each.status_code, each.json()["type"].rpartition(":")[2]) for each in told] == [expected] * 2


def test_what_a_client_needs_comes_through(place: Deployment, client: Client):
    """The code in its header, the token, and what an answer says beside its body; no word of who serves."""
    person = gathered(place, FEW).phones[0]
    session = {"Authorization": f"Bearer {person.sessions[0]}"}
    wrong = client.post(PATHS["step-up"], headers=session | {"X-TOTP-Code": "000000"}, json={})
    asked = client.post("/api/auth/password", headers=session, json={})
    malformed = client.post(PATHS["login"], content=b"{", headers={"Content-Type": "application/json"})

    assert wrong.json()["type"] == "urn:twofold:problem:invalid-code"
    assert 'max_age="300"' in asked.headers["WWW-Authenticate"]
    assert malformed.status_code == 422
    for answer in (wrong, asked, malformed, client.get("/metrics")):
        assert "server" not in answer.headers
        assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 69_999, 99_999, 100_000, 3_000_000])
def test_bodies_are_limited(client: Client, size: int):
    """A body that is larger than any that is taken is 413, told by the proxy, and no node is bothered with it."""
    answer = client.post(PATHS["login"], content=b"x" * size, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (413, PROXYS_OWN)


def test_the_largest_body_that_is_taken_reaches_a_node(client: Client):
    """A body of exactly the bytes that are taken is passed on: a node says what is wrong with it."""
    content = b"x" * MAX_BODY_BYTES
    answer = client.post(PATHS["login"], content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:twofold:problem:invalid-request")


def test_a_body_without_an_end_takes_no_node_out(client: Client):
    """A body whose length nobody tells is cut off at the same size; and who sends such has stopped no node."""

    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 30_000

    def send() -> int:
        try:
            return client.post(PATHS["login"], content=endless()).status_code
        except TransportError:  # Hung up on, in the midst of it.
            return 0

    statuses = {send() for _ in range(4)}
    after = [client.get("/api/auth/session").status_code for _ in range(8)]

    assert statuses <= {0, 413, 415, 502}
    assert after == [401] * 8


def test_a_node_that_dies_is_taken_out(place: Deployment, client: Client):
    """
    With one node killed the other serves: what only asks is asked there at once, and when the proxy has noticed,
    everything is; and when the node is back, it is asked too.
    """
    victim, person = place.nodes[0], gathered(place, FEW).papers[0]

    def asked(times: int) -> set[int]:
        return {client.get("/api/auth/session").status_code for _ in range(times)}

    def answered_by_it() -> int:
        return victim.log.read_text().count("/api/auth/session")

    victim.kill()
    at_once = asked(FEW_TIMES)
    place.proxy.wait_until_it_sees(victim.port, ready=False)
    with Caller(place.address) as caller:
        signed_in = {caller.sign_in(BACKUP_CODE, person, Proof(code)).told for code in person.backup_codes}
    before = answered_by_it()
    place.replace(victim, *place.keys)
    place.wait_until_all_serve()
    afterwards = asked(OFTEN)

    assert at_once == afterwards == {401}
    assert signed_in == {"accepted"}
    assert answered_by_it() > before


def test_nothing_of_a_request_is_logged_by_the_proxy():
    """Where it writes down what failed, headers and addresses are left out: a code or a token may stand there."""
    logged = re.search(r"fields \{(.*?)\}", CONFIGURATION, re.DOTALL)

    assert logged is not None
    assert set(re.findall(r"request>(\w+) delete", logged[1])) == {"headers", "uri"}
