"""How the pages look in a host's house: its name, color and logo, its templates and words."""

import re
from dataclasses import dataclass
from pathlib import Path

from twofold.core.policy import MAX_LOGO_BYTES
from twofold.errors import ConfigurationError

READABLE = 4.5
"""The least contrast of text (WCAG 2.2, 1.4.3, level AA)."""

LINEAR = 0.04045
"""Up to here a part of a color grows evenly (WCAG 2.2, "relative luminance")."""

WHITE = "#ffffff"
LIGHT_GROUNDS = ("#ffffff", "#f3f5f8")
DARK_GROUNDS = ("#1b212a", "#12161c")
"""What text stands on, a card and the page around it; the style sheet has the same."""

LOGO_TYPES = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
"""Of a logo, by the end of its name."""


@dataclass(frozen=True)
class Look:
    """
    How the pages look.

    Args:
        name: What the house is called, on every page; the issuer where it is not given.
        color: Of buttons and links, as `#rrggbb`; dark enough to be read on white.
        logo: A file, beside the name.
        templates: A folder whose templates go before ours of the same name.
        locale: A folder of more catalogues, `<language>.po` each; what stands there goes before ours.

    Raises:
        ConfigurationError: One of these is not so; the text says what to write.
    """

    name: str | None = None
    color: str = "#1f56c4"
    logo: Path | str | None = None
    templates: Path | str | None = None
    locale: Path | str | None = None

    def __post_init__(self) -> None:
        if self.name is not None and not (self.name.strip() and self.name.isprintable()):
            raise ConfigurationError("Look(name=...): write what the house is called, on one line, or leave it out.")
        _refuse_pale(self.color)
        if self.logo is not None:
            _refuse_heavy(Path(self.logo))
        for setting, folder in (("templates", self.templates), ("locale", self.locale)):
            if folder is not None and not Path(folder).is_dir():
                raise ConfigurationError(f"Look({setting}=...): there is no folder {folder}.")


def _refuse_pale(color: str) -> None:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", color):
        raise ConfigurationError('Look(color=...): write a color as "#rrggbb", for example "#1f56c4".')
    least = min(contrast(color, ground) for ground in LIGHT_GROUNDS)
    if least < READABLE:
        raise ConfigurationError(
            f"Look(color=...): {color} on the pages' white has a contrast of only {_rounded_down(least)}:1. "
            f"Text needs {READABLE}:1 to be readable (WCAG 2.2, 1.4.3); take a darker shade of it."
        )


def _rounded_down(ratio: float) -> str:
    return f"{int(ratio * 100) / 100:.2f}"


def _refuse_heavy(logo: Path) -> None:
    if logo.suffix.lower() not in LOGO_TYPES:
        raise ConfigurationError(f"Look(logo=...): {logo} is none of {', '.join(LOGO_TYPES)}.")
    if not logo.is_file():
        raise ConfigurationError(f"Look(logo=...): there is no file {logo}.")
    size = logo.stat().st_size
    if size > MAX_LOGO_BYTES:
        raise ConfigurationError(
            f"Look(logo=...): {logo} has {size} bytes, and may have {MAX_LOGO_BYTES}: it comes along with every page."
        )


def style_of(look: Look) -> str:
    """What follows the style sheet: the color, on light and on dark grounds."""
    color = look.color.lower()
    bright = brightened(color)
    # On a dark ground the color is light itself, so that dark text goes on it.
    dark = f"--brand:{bright};--on-brand:{DARK_GROUNDS[1]};--brand-ink:{bright}"
    return (
        f":root{{--brand:{color};--on-brand:{WHITE};--brand-ink:{color}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
    )


def brightened(color: str) -> str:
    """*color*, mixed with as much white as it needs to be read on the dark grounds."""
    shades = (mixed(color, WHITE, percent) for percent in range(101))
    return next(shade for shade in shades if min(contrast(shade, ground) for ground in DARK_GROUNDS) >= READABLE)


def mixed(color: str, other: str, percent: int) -> str:
    """*color* with *percent* of *other* in it."""
    parts = zip(_parts_of(color), _parts_of(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * percent / 100):02x}" for one, two in parts)


def contrast(one: str, other: str) -> float:
    """The contrast of two colors, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """How bright a color is, from 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (_linear(part / 255) for part in _parts_of(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= LINEAR else ((part + 0.055) / 1.055) ** 2.4


def _parts_of(color: str) -> tuple[int, ...]:
    return tuple(int(color[start : start + 2], 16) for start in (1, 3, 5))
