"""Attacks on pages: what people are called is text."""

from html import unescape

from app.utils.two_factor_auth import COOKIE
from tests.http.world import World

NAME = '"><svg/onload=alert(1)><!--@example.com'
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Host": "accounts.example.com"}


def test_j2_a_name_is_no_markup(world: World):
    """
    Who registers under a name that is markup sees it as text, beside the QR code and everywhere else.
    """
    answer = world.post("/api/auth/register", json={"email": NAME, "password": "correct horse battery staple"})
    person = world.registered()
    person.set(email=NAME.lower() + "x")
    cookies = {"Cookie": f"{COOKIE}={person.session()}"}
    shown = [
        world.post("/security/setup", headers=BROWSER | cookies),
        world.get("/security", headers=BROWSER | cookies),
        world.post("/login", headers=BROWSER, data={"email": NAME, "password": "wrong"}),
    ]

    assert answer.status_code == 201
    assert [page.status_code for page in shown] == [200, 200, 401]
    assert all("<svg/onload" not in page.text for page in shown)
    assert all("<svg/onload" in unescape(page.text) for page in shown)
