"""People who sign in all the time, each with codes and backup codes of their own."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Self

from httpx2 import Client, TransportError

from soak.asking import ACCEPTED, Answer
from soak.casting import gather
from soak.client import PATHS, Proof, right
from soak.journal import SIGN_IN, Record
from soak.people import PASSWORD, Cast, Numbers, Person
from tests.nodes.deployment import Deployment
from twofold import KeyRing
from twofold.clock import SystemClock
from twofold.core.policy import RECOMMENDED
from twofold.core.totp import TimeStep, TotpSecret, time_step_at

SECONDS = 30
"""How long an answer is waited for."""
SIGN_INS_SECONDS = 30
"""How long it is waited for sign-ins."""
PAUSE = 0.15
"""Seconds between two proofs of one client: what is started meanwhile needs the machine too."""
REPLAYED = 3
"""Of so many proofs that are accepted one is sent again."""
AT_REST = 3
"""Set-ups of one client that wait for their first code."""
BACKUP_CODE = "backup-code"
ROADS = ("second-factor", "login-header", BACKUP_CODE)
ALREADY_USED = "code-already-used"
NO_PROOF = Proof("")
FEW = Numbers(phones=4, papers=4, guessed=0, movers=0, fresh=0)


def gathered(place: Deployment, numbers: Numbers) -> Cast:
    """People of a deployment, sealed under the key that writes."""
    return gather(place.engine(), KeyRing(place.keys), SystemClock().now(), numbers)


def present_step() -> TimeStep:
    """The time step of the machine's clock, by which nodes judge."""
    return time_step_at(SystemClock().now(), RECOMMENDED.period)


class Caller:
    """
    Asks one address, and keeps the statuses of all answers; 0 where none came.

    Args:
        address: Of the proxy, or of a node.
    """

    def __init__(self, address: str) -> None:
        self.statuses: list[int] = []
        self._client = Client(base_url=address, timeout=SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, *, token: str = "", code: str = "", body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"X-TOTP-Code": code} if code else {}
        try:
            response = self._client.request(method, path, headers=headers, json=body)
            answer = Answer(response.status_code, response.json())
        except (TransportError, ValueError):
            answer = Answer()
        self.statuses.append(answer.status)
        return answer

    def sign_in(self, road: str, person: Person, proof: Proof) -> Answer:
        """With password and proof; and then a request with the session that one node has begun."""
        credentials = {"email": person.email, "password": PASSWORD}
        in_one = road == "login-header"
        answer = self.ask("POST", PATHS[SIGN_IN], body=credentials, code=proof.text if in_one else "")
        if "sign_in_token" in answer.body:
            body = {"sign_in_token": answer.body["sign_in_token"], **proof.body}
            answer = self.ask("POST", PATHS["second-factor"], body=body)
        if "access_token" not in answer.body:
            return answer
        seen = self.ask("GET", "/api/auth/session", token=answer.body["access_token"])
        return answer if seen.body.get("aal") == 2 else seen


@dataclass(frozen=True)
class Told:
    """
    What became of one proof, or of one beginning of a set-up.

    Args:
        wanted: What should have been told.
        statuses: Of all answers on the way; 0 where none came.
    """

    record: Record
    wanted: str
    statuses: Sequence[int]

    @property
    def failed(self) -> bool:
        """Whether something else was told, or anything on the way was no answer, or an error of the other side."""
        return self.record.told != self.wanted or any(not status or status >= 500 for status in self.statuses)

    def under_way(self, since: float, until: float) -> bool:
        """Whether it had been sent when this time ended, and not been answered when it began."""
        return self.record.sent <= until and self.record.received >= since

    def __str__(self) -> str:
        return f"{self.record} {self.statuses}"


@dataclass
class SigningIn:
    """One client of the proxy, which signs its people in, one after the other, until it is told to stop."""

    address: str
    phones: Sequence[Person]
    papers: Sequence[Person]
    newcomers: Sequence[Person]
    stopping: threading.Event
    told: list[Told] = field(default_factory=list)
    _steps: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        """Sign in on each road in turn, and let newcomers set up."""
        codes = ((person, Proof(code)) for person in self.papers for code in person.backup_codes)
        phones, newcomers = cycle(self.phones), iter(self.newcomers)
        waiting: deque[tuple[Person, TotpSecret]] = deque()
        with Caller(self.address) as caller:
            for road in cycle(ROADS):
                if self.stopping.wait(PAUSE):
                    return
                if road == BACKUP_CODE:
                    self._enroll(caller, newcomers, waiting)
                found = next(codes, None) if road == BACKUP_CODE else self._fresh(phones)
                if found is not None:
                    self._prove(caller, road, *found)

    def _fresh(self, phones: Iterator[Person]) -> tuple[Person, Proof] | None:
        """The next phone with a code that was not used: of this time step, or of the next, so that none grows old."""
        now = present_step()
        for _ in self.phones:
            phone = next(phones)
            step = max(now, self._steps.get(phone.id, 0) + 1)
            if step <= now + 1:
                self._steps[phone.id] = step
                assert phone.secret is not None
                return phone, right(phone.secret, step)
        return None

    def _prove(self, caller: Caller, road: str, person: Person, proof: Proof) -> None:
        for wanted in (ACCEPTED, ALREADY_USED)[: 2 if len(self.told) % REPLAYED == 0 else 1]:
            sent = time.monotonic()
            self._note(caller, road, person, sent, caller.sign_in(road, person, proof), proof, wanted)

    def _enroll(self, caller: Caller, newcomers: Iterator[Person], waiting: deque[tuple[Person, TotpSecret]]) -> None:
        """Begin a set-up; and end one that has waited, at another node or under other keys."""
        if newcomer := next(newcomers, None):
            sent = time.monotonic()
            answer = caller.ask("POST", PATHS["setup"], body={}, token=newcomer.sessions[0])
            self._note(caller, "setup", newcomer, sent, answer)
            if "secret" in answer.body:
                waiting.append((newcomer, TotpSecret(answer.body["secret"])))
        if len(waiting) > AT_REST:
            person, secret = waiting.popleft()
            proof, sent = right(secret, present_step()), time.monotonic()
            answer = caller.ask("POST", PATHS["verify"], body=proof.body, token=person.sessions[0])
            self._note(caller, "verify", person, sent, answer, proof)

    def _note(  # noqa: PLR0917 - in the order in which it happens
        self,
        caller: Caller,
        road: str,
        person: Person,
        sent: float,
        answer: Answer,
        proof: Proof = NO_PROOF,
        wanted: str = ACCEPTED,
    ) -> None:
        backup_code = "" if proof.secret else proof.text
        code = (proof.secret, proof.step, backup_code)
        record = Record(road, person.id, sent, time.monotonic(), answer.told, *code)
        self.told.append(Told(record, wanted, tuple(caller.statuses)))
        caller.statuses.clear()


@dataclass(frozen=True)
class Crowd:
    """Clients, each in a thread of its own."""

    clients: Sequence[SigningIn]

    @property
    def told(self) -> list[Told]:
        """What all of them were told so far."""
        return [told for client in self.clients for told in tuple(client.told)]

    @property
    def accepted(self) -> int:
        """How many proofs were accepted so far."""
        return sum(told.record.accepted and told.record.is_proof for told in self.told)

    def wait_for_sign_ins(self, more: int) -> None:
        """Wait until so many more proofs were accepted."""
        until, deadline = self.accepted + more, time.monotonic() + SIGN_INS_SECONDS
        while self.accepted < until:
            assert time.monotonic() < deadline, self.told[-1]
            time.sleep(0.02)

    def wait_for_answers(self) -> None:
        """Wait until each client was told something."""
        deadline = time.monotonic() + SIGN_INS_SECONDS
        while not all(client.told for client in self.clients):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def signing_in(address: str, cast: Cast, clients: int) -> Iterator[Crowd]:
    """So many clients until the end of the block; each has people of its own."""
    stopping = threading.Event()
    shares = [(cast.phones[n::clients], cast.papers[n::clients], cast.movers[n::clients]) for n in range(clients)]
    crowd = Crowd([SigningIn(address, phones, papers, movers, stopping) for phones, papers, movers in shares])
    threads = [threading.Thread(target=client.run, daemon=True) for client in crowd.clients]
    for thread in threads:
        thread.start()
    try:
        yield crowd
    finally:
        stopping.set()
        for thread in threads:
            thread.join(SECONDS)
