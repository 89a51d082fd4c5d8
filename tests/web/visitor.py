"""Somebody before a browser without a script: cookies, links and forms, and nothing else."""

import re
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

from httpx2 import Response

from tests.hosts.running import PASSWORD, Host, Person
from twofold.core.totp import TotpSecret
from twofold.testing import Phone

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Sec-Fetch-Site": "same-origin",
}


class Visitor:
    """
    A person in a browser of their own.

    Args:
        below: Where the pages are mounted.

    Attributes:
        cookies: What the browser keeps.
    """

    def __init__(self, host: Host, person: Person, below: str = "/account") -> None:
        self.host = host
        self.person = person
        self.below = below
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: object) -> Response:
        """One request, to a page or to another path of the host."""
        path = path if path.startswith((self.below + "/", "//", "/api")) or path == "/" else self.below + path
        carried = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        sent = {**BROWSER, **(carried if self.cookies else {}), **(headers or {})}
        answer = self.host.client.request(
            method,
            path,
            headers={name: value for name, value in sent.items() if value},
            follow_redirects=False,
            **options,  # type: ignore[arg-type]
        )
        self._keep(answer)
        return answer

    def get(self, path: str, **options: object) -> Response:
        return self.request("GET", path, **options)  # type: ignore[arg-type]

    def post(self, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Response:
        """Send a form."""
        return self.request("POST", path, headers=headers, data=fields)

    def follow(self, answer: Response) -> Response:
        """Go where an answer leads, until a page is there; at most a few times."""
        for _ in range(5):
            if answer.status_code not in {303, 307}:
                return answer
            answer = self.get(answer.headers["location"])
        raise AssertionError(answer.headers["location"])

    def sign_in(self, path: str = "/login") -> Response:
        """The password alone."""
        return self.post(path, email=self.person.account, password=PASSWORD)

    def set_up(self) -> Response:
        """An authenticator app from its picture to the backup codes, in the session that is there."""
        secret = secret_in(self.post("/security/setup"))
        self.person.phone = Phone(TotpSecret(secret), self.host.clock)
        answer = self.post("/security/setup/verify", code=self.person.phone.code())
        self.person.phone.backup_codes = codes_in(answer)
        return answer

    def _keep(self, answer: Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


def secret_in(answer: Response) -> str:
    """The secret that a page shows, from its link."""
    found = re.search(r"otpauth://[^\"]*?secret=([A-Z2-7]+)", unescape(answer.text))
    assert found, answer.text
    return found[1]


def codes_in(answer: Response) -> list[str]:
    """The backup codes that a page shows, each once."""
    return sorted(set(re.findall(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){5}\b", answer.text)))


def words_in(answer: Response) -> str:
    """What a page says, without its markup."""
    text = re.sub(r"<(head|svg|template)\b.*?</\1>", " ", answer.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def heading_of(answer: Response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    assert found, answer.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split())


def place_of(answer: Response) -> str:
    """Where an answer leads, without its query."""
    assert answer.status_code == 303, answer.text
    return urlsplit(urljoin("https://testserver/", answer.headers["location"])).path
