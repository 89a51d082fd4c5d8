"""A browser without a script before the backend's pages: it keeps cookies as RFC 6265 says, and sends forms."""

from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from httpx2 import Response

from app.utils.two_factor_auth import COOKIE
from tests.http.world import ORIGIN, Person, World

SIGN_IN_COOKIE, NOTICE_COOKIE = "__Host-twofold-sign-in", "__Host-twofold-notice"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SENT = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Host": urlsplit(ORIGIN).netloc,
    "Sec-Fetch-Site": "same-origin",
}


class Browser:
    """
    One person's browser.

    Args:
        person: In whose session it is, if in any.
        client: The address that it is at.

    Attributes:
        cookies: What it keeps.
    """

    def __init__(self, world: World, person: Person | None = None, *, client: str = "192.0.2.1") -> None:
        self.world = world
        self.client = client
        self.cookies: dict[str, str] = {}
        if person is not None and person.token:
            self.cookies[COOKIE] = person.token

    def request(
        self, method: str, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Response:
        """One request; a form is sent with POST."""
        carried = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = SENT | ({"Cookie": carried} if carried else {}) | ({} if form is None else FORM) | (headers or {})
        content = b"" if form is None else urlencode(form).encode()
        sent = [(name.encode(), value.encode()) for name, value in given.items()]
        answer = self.world.ask(path, sent, chunks=[content], method=method, client=self.client)
        self._keep(answer)
        return answer

    def get(self, path: str, headers: dict[str, str] | None = None) -> Response:
        return self.request("GET", path, headers=headers)

    def send(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Response:
        """Send a form."""
        return self.request("POST", path, form, headers)

    def post(self, path: str, **form: str) -> Response:
        """The same, field by field."""
        return self.send(path, form)

    @property
    def token(self) -> str:
        """The session that it is in; empty where it is in none."""
        return self.cookies.get(COOKIE, "")

    def _keep(self, answer: Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            [(name, morsel)] = SimpleCookie(line).items()
            self.cookies[name] = morsel.value
            if morsel["max-age"] == "0":
                del self.cookies[name]


def place_of(answer: Response) -> str:
    """Where an answer leads, without its query; nothing where it is a page."""
    return urlsplit(answer.headers.get("location", "")).path


def notice_of(answer: Response) -> str:
    """The word of what the next page says; empty where it says nothing."""
    set_there = [SimpleCookie(line) for line in answer.headers.get_list("set-cookie")]
    return next((found[NOTICE_COOKIE].value for found in set_there if NOTICE_COOKIE in found), "")
