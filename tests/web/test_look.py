"""A host's looks: what is refused when it is put together, and colors that can be read."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.core.policy import MAX_LOGO_BYTES
from twofold.errors import ConfigurationError
from twofold.web import look
from twofold.web.look import (
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    READABLE,
    Look,
    brightened,
    contrast,
    luminance,
    mixed,
    style_of,
)

COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        # The two ends of WCAG's scale, and values that WebAIM's contrast checker gives.
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
        ("#008000", "#ffffff", 5.14),
        ("#808080", "#000000", 5.32),
    ],
)
def test_known_contrasts(one: str, other: str, ratio: float):
    """
    The contrast of two colors is the one that is known of them.
    """
    assert contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert contrast(other, one) == contrast(one, other)


@given(COLORS, COLORS)
def test_contrasts_are_on_the_scale(one: str, other: str):
    """
    "Contrast ratios can range from 1 to 21" (WCAG 2.2, note 1 of "contrast ratio").
    """
    assert 1 <= contrast(one, other) <= 21 + 1e-9


@given(COLORS)
def test_the_dark_shade_of_any_color_can_be_read(color: str):
    """
    On the dark grounds any color is mixed with just enough white to be read.
    """
    bright = brightened(color)

    assert all(contrast(bright, ground) >= READABLE for ground in DARK_GROUNDS)
    assert luminance(bright) >= luminance(color)


@pytest.mark.parametrize("color", ["#ffffff", "#ffd700", "#9ab5f0"])
def test_a_bright_color_stays_as_it_is_on_dark(color: str):
    """
    A color that can be read on dark is not changed there.
    """
    assert brightened(color) == color


def test_mixing():
    """
    A mixture lies between its two colors, part by part.
    """
    assert [mixed("#1f56c4", "#ffffff", percent) for percent in (0, 50, 100)] == ["#1f56c4", "#8faae2", "#ffffff"]


@given(COLORS)
def test_only_colors_that_can_be_read_are_taken(color: str):
    """
    A color is taken exactly where text in it can be read on the light card and on the light page.
    """
    readable = min(contrast(color, "#ffffff"), contrast(color, "#f3f5f8")) >= 4.5

    if readable:
        style = style_of(Look(color=color))
        assert f"--brand:{color}" in style
        assert f"--brand-ink:{brightened(color)}" in style
    else:
        with pytest.raises(ConfigurationError, match="darker shade"):
            Look(color=color)


def test_the_style():
    """
    The style sets three colors, and three others in the dark.
    """
    assert style_of(Look(color="#7A1FA2")) == (
        ":root{--brand:#7a1fa2;--on-brand:#ffffff;--brand-ink:#7a1fa2}\n"
        "@media (prefers-color-scheme:dark){:root{--brand:#ab72c4;--on-brand:#12161c;--brand-ink:#ab72c4}}\n"
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"color": "blue"}, r'write a color as "#rrggbb"'),
        ({"color": "#12345"}, r'write a color as "#rrggbb"'),
        ({"color": "#1f56c4;}"}, r'write a color as "#rrggbb"'),
        ({"color": "#1f56c4\n"}, r'write a color as "#rrggbb"'),
        ({"color": "#777777"}, r"contrast of only 4\.\d\d:1\. Text needs 4\.5:1"),
        ({"name": ""}, "write what the house is called"),
        ({"name": " "}, "write what the house is called"),
        ({"name": "A\nB"}, "write what the house is called"),
        ({"logo": "logo.gif"}, r"logo\.gif is none of \.svg, \.png, \.webp, \.jpg"),
        ({"logo": "nowhere.svg"}, "there is no file nowhere.svg"),
        ({"templates": "nowhere"}, r"Look\(templates=\.\.\.\): there is no folder nowhere"),
        ({"locale": "nowhere"}, r"Look\(locale=\.\.\.\): there is no folder nowhere"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], told: str):
    """
    A setting that cannot be is refused when the application is put together, with what to write.
    """
    with pytest.raises(ConfigurationError, match=told):
        Look(**settings)


def test_the_heaviest_logo(tmp_path: Path):
    """
    A logo may be as heavy as the heaviest page leaves room for, and not a byte more.
    """
    logo = tmp_path / "logo.PNG"
    logo.write_bytes(bytes(MAX_LOGO_BYTES))
    assert Look(name="Bank", logo=logo, templates=tmp_path, locale=str(tmp_path)).logo == logo

    logo.write_bytes(bytes(MAX_LOGO_BYTES + 1))
    with pytest.raises(ConfigurationError, match="has 20001 bytes, and may have 20000"):
        Look(logo=logo)


def test_the_grounds_are_those_of_the_style_sheet():
    """
    Contrasts are reckoned with the grounds that the style sheet has.
    """
    sheet = (Path(look.__file__).parent / "static" / "style.css").read_text()
    grounds = [re.findall(rf"--{name}: (#[0-9a-f]+)", sheet) for name in ("card", "page")]
    light, dark = list(zip(*grounds, strict=True))[:2]

    assert light == ("#fff", LIGHT_GROUNDS[1])
    assert dark == DARK_GROUNDS
