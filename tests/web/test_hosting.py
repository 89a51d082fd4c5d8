"""A host makes the pages its own: where they stand, how they look, what there is, in which language."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.hosts.running import Host
from tests.web.visitor import BROWSER, Visitor, heading_of, place_of, words_in
from twofold.errors import ConfigurationError

MOUNTED = 'look=look, home="/"), prefix="/account")'
GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}


def test_two_lines(shop: Host):
    """
    The example mounts the pages with an import and one line more.
    """
    text = (Path(shop.module.__file__ or "").read_text()).splitlines()
    lines = [line for line in text if "two_factor_pages" in line]

    assert len(lines) == 2


def test_a_template_and_the_colors(ann: Visitor):
    """
    The shop's own template stands below every page, all else is ours, and its color is in the style sheet.
    """
    page = ann.get("/login")
    style = ann.get(re.findall(r'href="([^"]+style\.css[^"]*)"', page.text)[0])

    assert "Ask at the counter." in words_in(page)
    assert heading_of(page) == "Sign in"
    assert "#7a1fa2" in style.text


def test_at_the_root(variant: Callable[[dict[str, str]], Host]):
    """
    Without a prefix the pages stand where the design says.
    """
    host = variant({MOUNTED: 'look=look, home="/"))', "/account/login?next": "/login?next"})
    visitor = Visitor(host, host.somebody(), below="")
    led = visitor.get("/security")
    back = visitor.sign_in(led.headers["location"])

    assert (place_of(led), place_of(back)) == ("/login", "/security")
    assert heading_of(visitor.get("/security")) == "Security"


def test_below_another_application(shop: Host, ann: Visitor):
    """
    In an application that is mounted below another one every link leads below that, too.
    """
    outer = FastAPI()
    outer.mount("/shop", shop.app)
    page = TestClient(outer, base_url="https://testserver").get("/shop/account/login", headers=BROWSER)

    assert set(re.findall(r'(?:href|src|action)="(/[^"/]*)/', page.text)) == {"/shop"}
    assert ann.get("/login").status_code == 200


def test_sessions_that_cannot_be_listed_or_ended(variant: Callable[[dict[str, str]], Host]):
    """
    Where a host's class of sessions cannot do it, there is no such page, and no way to it.
    """
    host = variant(
        {"async def end(self, signed": "async def finish(self, signed", "async def listed(": "async def all("}
    )
    visitor = Visitor(host, host.somebody())
    visitor.sign_in()
    page = visitor.get("/security")

    assert not re.search(r"/logout|/security/sessions", page.text)
    assert [visitor.get("/security/sessions").status_code, visitor.post("/logout").status_code] == [404, 404]


def test_without_keys(variant: Callable[[dict[str, str]], Host]):
    """
    Where no keys are on offer there is no page of them, and no word.
    """
    host = variant({", webauthn=site)": ")"})
    visitor = Visitor(host, host.somebody())
    visitor.sign_in()
    visitor.set_up()

    assert "/security/keys" not in visitor.get("/security").text
    assert visitor.get("/security/keys").status_code == 404


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({'color="#7a1fa2"': 'color="purple"'}, "color"),
        ({'color="#7a1fa2"': 'color="#ffff00"'}, "contrast"),
        ({'with_name("pages_templates")': 'with_name("nowhere")'}, "templates"),
    ],
    ids=str,
)
def test_looks_that_cannot_be(variant: Callable[[dict[str, str]], Host], edits: dict[str, str], message: str):
    """
    What cannot be shown, or read by people, stops the start with a word on what to write.
    """
    with pytest.raises(ConfigurationError, match=message):
        variant(edits)


def test_german(ann: Visitor):
    """
    Who asks for German is answered in German, wherever in the German-speaking world; errors too.
    """
    page = ann.get("/login", headers=GERMAN)
    wrong = ann.post("/login", headers=GERMAN, email="a@example.com", password="wrong")

    assert (page.headers["content-language"], heading_of(page)) == ("de", "Anmelden")
    assert '<html lang="de">' in page.text
    assert "Accept-Language" in page.headers["vary"]
    assert "Passwort" in words_in(wrong)
    assert "password" not in words_in(wrong)


def test_another_language_is_one_file(variant: Callable[[dict[str, str]], Host], tmp_path: Path):
    """
    A host adds a language by a file, and changes a word of ours by another.
    """
    (tmp_path / "locale").mkdir()
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (tmp_path / "locale" / "fr.po").write_text(header + 'msgid "Sign in"\nmsgstr "Se connecter"\n')
    (tmp_path / "locale" / "en.po").write_text(header + 'msgid "Sign in"\nmsgstr "Enter the shop"\n')
    host = variant({'color="#7a1fa2"': f'color="#7a1fa2", locale={str(tmp_path / "locale")!r}'})
    visitor = Visitor(host, host.somebody())

    assert heading_of(visitor.get("/login", headers={"Accept-Language": "fr"})) == "Se connecter"
    assert heading_of(visitor.get("/login")) == "Enter the shop"


def test_a_percent_in_a_word(variant: Callable[[dict[str, str]], Host], tmp_path: Path):
    """
    A catalogue of a host may say "100 %" where nothing is to be filled in.
    """
    (tmp_path / "locale").mkdir()
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (tmp_path / "locale" / "fr.po").write_text(header + 'msgid "Sign in"\nmsgstr "Entrer à 100 % ici"\n')
    host = variant({'color="#7a1fa2"': f'color="#7a1fa2", locale={str(tmp_path / "locale")!r}'})
    page = Visitor(host, host.somebody()).get("/login", headers={"Accept-Language": "fr"})

    assert heading_of(page) == "Entrer à 100 % ici"


def test_errors_as_pages(variant: Callable[[dict[str, str]], Host]):
    """
    After one line more, what goes wrong anywhere in the host is a page where a browser asks, and as before elsewhere.
    """
    line = f"app.include_router(two_factor_pages(two_factor, check_password, {MOUNTED}"
    host = variant(
        {
            line: line.replace("app.include_router(", "pages = ").replace(
                ", prefix", "; app.include_router(pages, prefix"
            )
            + "; install_error_pages(app, pages)",
            "import ListedSession,": "import install_error_pages, ListedSession,",
        }
    )
    page = host.client.get("/api/auth/2fa/status", headers=BROWSER)
    program = host.client.get("/api/auth/2fa/status", headers={"Accept": "application/json"})

    assert (page.status_code, heading_of(page)) == (401, "You are not signed in")
    assert page.headers["content-type"].startswith("text/html")
    assert (program.status_code, program.json()["type"]) == (401, "urn:twofold:problem:not-signed-in")


def test_one_name(variant: Callable[[dict[str, str]], Host]):
    """
    Who reads a page under another name than the public one is led there, with path and query.
    """
    host = variant({MOUNTED: 'look=look, public_url="https://shop.example"), prefix="/account")'})
    answers = [
        host.client.get(f"https://{name}/account/login?next=/a", headers=BROWSER, follow_redirects=False)
        for name in ("testserver", "shop.example")
    ]

    assert [answer.status_code for answer in answers] == [307, 200]
    assert answers[0].headers["location"] == "https://shop.example/account/login?next=/a"


@pytest.mark.parametrize("written", ["https://shop.example:443", "https://SHOP.example/", "https://shop.example"])
def test_one_name_however_it_was_written(variant: Callable[[dict[str, str]], Host], written: str):
    """
    The public name is compared as browsers write it: nobody who reads a page there is led there again, and again.
    """
    host = variant({MOUNTED: f'look=look, public_url="{written}"), prefix="/account")'})
    page = host.client.get("https://shop.example/account/login", headers=BROWSER, follow_redirects=False)

    assert page.status_code == 200


def test_a_public_name_that_is_none(variant: Callable[[dict[str, str]], Host]):
    """
    What is no origin stops the start with a word on what to write.
    """
    with pytest.raises(ConfigurationError, match="public_url"):
        variant({MOUNTED: 'look=look, public_url="shop.example/login"), prefix="/account")'})


@pytest.mark.parametrize(("origin", "status"), [("https://shop.example", 401), ("http://shop.example", 403)])
def test_an_origin_of_another_scheme(variant: Callable[[dict[str, str]], Host], origin: str, status: int):
    """
    Where the origin of the pages is known, a form of a page that came without TLS is of another site.
    """
    host = variant({MOUNTED: 'look=look, public_url="https://shop.example"), prefix="/account")'})
    answer = host.client.post(
        "https://shop.example/account/login", data={"email": "a", "password": "b"}, headers={"Origin": origin}
    )

    assert answer.status_code == status


@pytest.mark.parametrize("asked", ["/account/security/activity", "/shop/account/security/activity"])
def test_below_what_a_proxy_takes_off(shop: Host, asked: str):
    """
    Behind a proxy that takes a prefix off, and says so or not, the way back after signing in has the prefix.
    """
    client = TestClient(shop.app, base_url="https://testserver", root_path="/shop")
    led = client.get(asked, headers=BROWSER, follow_redirects=False)

    assert led.headers["location"] == "/shop/account/login?next=/shop/account/security/activity"
