"""Whether a client prefers HTML: what browsers send, what programs send, and what is no list at all."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twofold.core.policy import MAX_PREFERENCE_CHARACTERS
from twofold.web.accept import preferences, prefers_html

CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
# Safari's, too.
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
# RFC 9110, 12.5.1.
EXAMPLE = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5"


@pytest.mark.parametrize(
    "accept",
    [
        CHROMIUM,
        FIREFOX,
        "text/html",
        "TEXT/HTML",
        "application/xhtml+xml",
        "text/html;charset=utf-8",
        "text/*",
        "text/html;q=0.5, application/json;q=0.4",
        "application/json;q=0.4 ; v=1,\ttext/html ; q=0.401",
        "text/html, application/json;q=0.999",
        "text/html;q=0.1, */*;q=0",
        ", ,text/html,,",
        'text/html;title="a, b; q=0"',
        r'text/html;title="\"", application/json;q=0.5',
    ],
)
def test_who_prefers_html(accept: str):
    """
    HTML is preferred by whoever gives it a higher quality than JSON.
    """
    assert prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        ",",
        "*/*",
        EXAMPLE,
        "application/json",
        "application/problem+json",
        "application/*",
        "image/png",
        "text/html, application/json",
        "text/html, application/json;q=0, */*",
        "text/html;q=0.5, application/problem+json",
        "text/html;q=0.5, */*;q=0.5",
        "text/html;q=0, */*;q=0.1",
        "text/html;q=0",
        "text/html;q=0.5, */*",
    ],
)
def test_who_does_not(accept: str | None):
    """
    Whoever takes both alike, or says nothing, gets JSON.
    """
    assert not prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html;q=1.1",
        "text/html;q=0.1234",
        "text/html;q=-1",
        "text/html;q=nan",
        "text/html;q=",
        'text/html;q="1"',
        "text/html;q",
        "text/html q=1",
        "text/",
        "/html",
        "text/html/x",
        ";q=1",
        "text/html, (",
        'text/html;a="b',
        'text/html;a="b\\',
        "text/html\r\nX: y",
        "text/html, tëxt/x",
        "text/html," + " " * MAX_PREFERENCE_CHARACTERS,
    ],
)
def test_what_is_no_list(accept: str):
    """
    What is malformed prefers nothing.
    """
    assert preferences(accept) is None
    assert not prefers_html(accept)


PIECES = ["text/html", "application/json", "*/*", "q", "=", ";", ",", " ", "\t", '"', "\\", "0", "1", ".", "0.5", "ü"]


@given(st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_nothing_raises(accept: str):
    """
    Whatever is sent is an answer: a list, or none.
    """
    assert prefers_html(accept) in {True, False}


@pytest.mark.parametrize("piece", ['"', '"\\', ";", "; ", " ;\t", ",", ";a=", 'a="\\"', "a/", "*/*;q=0.5,", "é"])
@example(prefix="text/html")
@given(prefix=st.sampled_from(["", "text/html", "text/html;", 'text/html;a="']))
def test_nothing_takes_long(piece: str, prefix: str):
    """
    The longest hostile text that is read takes some milliseconds, not seconds.
    """
    accept = (prefix + piece * MAX_PREFERENCE_CHARACTERS)[:MAX_PREFERENCE_CHARACTERS]
    before = time.process_time()
    prefers_html(accept)

    assert time.process_time() - before < 0.25


@given(
    st.dictionaries(
        st.sampled_from(["text/html", "application/json", "text/*", "application/*", "*/*"]),
        st.integers(0, 1000),
        min_size=1,
    )
)
def test_the_most_specific_range_counts(ranges: dict[str, int]):
    """
    "The media type quality factor associated with a given type is determined by finding the media range with the
    highest precedence that matches the type." (RFC 9110, 12.5.1)
    """
    accept = ", ".join(f"{name};q={quality / 1000:.3f}" for name, quality in ranges.items())
    html = next((ranges[name] for name in ("text/html", "text/*", "*/*") if name in ranges), 0)
    xhtml = next((ranges[name] for name in ("application/*", "*/*") if name in ranges), 0)
    json = next((ranges[name] for name in ("application/json", "application/*", "*/*") if name in ranges), 0)
    problem = xhtml

    assert prefers_html(accept) == (max(html, xhtml) > max(json, problem))
