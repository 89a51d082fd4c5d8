"""What is refused before anything is looked at, and what every answer says to the browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

import twofold.web
from tests.hosts.running import PASSWORD, Host
from tests.web.visitor import Visitor, heading_of, place_of, words_in
from twofold.core.policy import MAX_BODY_BYTES

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""} | {"Origin": "https://evil.test"},
    {"Sec-Fetch-Site": ""} | {"Origin": "null"},
    {"Sec-Fetch-Site": ""} | {"Origin": "https://testserver.evil.test"},
    {"Sec-Fetch-Site": ""} | {"Origin": "evil://testserver"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://testserver"},
]
OWN = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "", "Origin": "https://testserver"},
    {"Sec-Fetch-Site": ""},
]
TEMPLATES = Path(twofold.web.__file__).parent / "templates"


def forms_of(host: Host) -> list[str]:
    """The path of every form, with something in its places."""
    paths = [
        route.path or ""
        for route in iter_route_contexts(host.app.router.routes)
        if isinstance(route.original_route, APIRoute) and "POST" in (route.methods or ())
    ]
    return [re.sub(r"\{\w+\}", "x", path) for path in paths if path.startswith("/account")]


def pages_of(host: Host) -> list[str]:
    paths = [
        route.path or ""
        for route in iter_route_contexts(host.app.router.routes)
        if isinstance(route.original_route, APIRoute) and "GET" in (route.methods or ())
    ]
    return [re.sub(r"\{\w+\}", "x", path) for path in paths if path.startswith("/account")]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_of_another_site(signed_in: Visitor, headers: dict[str, str]):
    """
    Every form that another site's page has sent is refused, with a session and without one, and nothing happens.
    """
    forms = forms_of(signed_in.host)
    before = signed_in.host.use(lambda auth: auth.events.page(signed_in.person.id))
    answers = [signed_in.post(path, headers=headers, code="123456") for path in forms]
    signed_in.cookies.clear()
    account = {"email": signed_in.person.account, "password": PASSWORD}
    sign_in = signed_in.post("/login", headers=headers, **account)

    assert len(forms) > 8
    assert {answer.status_code for answer in [*answers, sign_in]} == {403}
    assert all("This came from another site" in words_in(answer) for answer in answers)
    assert signed_in.cookies == {}
    assert before == signed_in.host.use(lambda auth: auth.events.page(signed_in.person.id))


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_a_form_of_our_own(ann: Visitor, headers: dict[str, str]):
    """
    A form of our own page is taken, from browsers that say little, too.
    """
    answer = ann.post("/login", headers=headers, email=ann.person.account, password=PASSWORD)

    assert place_of(answer) == "/"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"email": "a"}', {"Content-Type": "application/json"}, 415),
        (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        (b"email=a", {"Content-Type": "text/plain"}, 415),
        (b"email=" + b"a" * MAX_BODY_BYTES, FORM, 413),
    ],
    ids=str,
)
def test_no_form(signed_in: Visitor, content: bytes, headers: dict[str, str], status: int):
    """
    What is too large, or no form of ours, is refused everywhere before it is read.
    """
    answers = [signed_in.request("POST", path, content=content, headers=headers) for path in forms_of(signed_in.host)]

    assert {answer.status_code for answer in answers} == {status}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"&&&", b"=", b"code", b"code=1&code=2", b"%", b"code=%zz", b"code=%00", b"code=%ff", b"a=" * 100,
        b"credential=%7B", b"credential=" + b"[" * 2000, b"code=\xff\xfe", b"key=ask", b"name=%E2%80%AE",
    ],
    ids=lambda content: repr(content[:20]),
)  # fmt: skip
def test_nothing_is_a_failure_of_ours(enrolled: Visitor, content: bytes):
    """
    Whatever stands in a form, the answer is a page or leads to one, and never 500.
    """
    paths = [path for path in forms_of(enrolled.host) if not path.endswith(("/logout", "/end-others", "/setup"))]
    answers = [enrolled.request("POST", path, content=content, headers=FORM) for path in paths]

    assert {answer.status_code for answer in answers} <= {200, 303, 400, 401, 404, 409, 422}


def test_a_form_that_cannot_be_read(ann: Visitor):
    """
    Before signing in, too, the answer to a form with too many fields is a page, as every other.
    """
    answer = ann.request("POST", "/login", content=b"a=&" * 2000, headers=FORM)

    assert answer.status_code == 400
    assert answer.headers["cache-control"] == "no-store"
    assert heading_of(answer) == "Sign in"


def test_every_page_says_what_browsers_may_do(enrolled: Visitor):
    """
    No page may be kept, framed, or fed from elsewhere; nor runs a script that stands in it.
    """
    answers = [enrolled.get(path) for path in pages_of(enrolled.host) if "/pages/" not in path]
    enrolled.cookies.clear()
    answers += [enrolled.get("/security"), enrolled.post("/login", email="a", password="b")]
    policies = {answer.headers["content-security-policy"] for answer in answers}

    assert len(answers) > 8
    assert list(policies) == [
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
    ]
    for name, value in {
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }.items():
        assert {answer.headers[name] for answer in answers} == {value}


def test_templates_keep_to_that_policy():
    """
    No template has a script, a style or a handler in it, none says of a text that it is safe, and none names a host.
    """
    texts = {path.name: path.read_text() for path in TEMPLATES.rglob("*.html")}
    forbidden = (
        r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)|javascript:|\|\s*safe|autoescape|https?://(?!www\.w3\.org)"
    )

    assert len(texts) > 10
    assert {name for name, text in texts.items() if re.search(forbidden, text)} == set()


def test_what_pages_load_is_kept(ann: Visitor):
    """
    Style, script and icon may be kept for a year, since their address changes with them; nothing else is there.
    """
    page = ann.get("/login")
    addresses = re.findall(r'(?:href|src)="(/account/pages/[^"]+)"', page.text)
    answers = [ann.get(address) for address in addresses]

    assert {address.split("?")[0].rpartition("/")[2] for address in addresses} == {"style.css", "pages.js", "icon.svg"}
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}
    assert "#7a1fa2" in next(answer.text for answer in answers if "css" in answer.headers["content-type"])
    assert ann.get("/pages/secrets.txt").status_code == 404
    assert ann.get("/pages/..%2fpages.py").status_code == 404


def test_cookies(enrolled: Visitor):
    """
    What the pages keep in a browser is out of reach of scripts and of other hosts, and goes over TLS alone.
    """
    set_by = [enrolled.post("/logout"), enrolled.sign_in()]
    lines = [line.lower() for answer in set_by for line in answer.headers.get_list("set-cookie")]

    assert len(lines) >= 3
    for line in lines:
        assert line.startswith("__host-")
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= {part.strip() for part in line.split(";")}
        assert "domain" not in line


HOSTILE = '"><svg onload=alert(1)><!--'


@pytest.mark.parametrize("place", ["account", "issuer"])
def test_names_are_escaped(variant: Any, place: str):
    """
    Whatever people and applications are called, it is text on every page.
    """
    host: Host = variant({'issuer="Corner Shop"': f"issuer={HOSTILE!r}"} if place == "issuer" else {})
    visitor = Visitor(host, host.somebody())
    if place == "account":
        host.execute(host.module.User.__table__.update().values(email=HOSTILE))
        visitor.person.account = HOSTILE
    visitor.sign_in()
    pages = [visitor.get("/security"), visitor.post("/security/setup"), visitor.post("/login", email=HOSTILE)]
    visitor.set_up()
    pages += [
        visitor.get(path) for path in ("/security", "/security/sessions", "/security/activity", "/security/disable")
    ]

    assert {page.status_code for page in pages} <= {200, 401, 422}
    assert [page.request.url.path for page in pages if "<svg onload" in page.text] == []
    assert any("&lt;svg onload" in page.text for page in pages)


def test_a_notice_is_of_our_own_words(signed_in: Visitor):
    """
    Whatever stands in the cookie of notices, the page says nothing but what is in the table.
    """
    said = []
    for word in ("<b>hello</b>", "codes-left-99999", "codes-left--1", "codes-left-", "x" * 2000):
        signed_in.cookies["__Host-twofold-notice"] = word
        said.append(words_in(signed_in.get("/security")))

    assert [text for text in said if "hello" in text or "left" in text.split("Security", 1)[0]] == []
    assert "__Host-twofold-notice" not in signed_in.cookies
