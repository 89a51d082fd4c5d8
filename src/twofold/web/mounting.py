"""What all pages of one mounting share: templates, languages, looks, and where they stand."""

from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    StrictUndefined,
)
from starlette.routing import NoMatchFound

from twofold.core.places import plain_origin
from twofold.errors import ConfigurationError
from twofold.fastapi.host import Host
from twofold.fastapi.requests import SAFE_METHODS
from twofold.fastapi.sessions import class_of
from twofold.fastapi.two_factor import TwoFactor
from twofold.service.two_factor_auth import TwoFactorAuth
from twofold.web.languages import Language, Languages, filters, with_bare_percents
from twofold.web.look import LOGO_TYPES, Look, style_of
from twofold.web.requests import path_of

ROUTE_PREFIX = "twofold_"
"""Before the names of our routes, among those of the host."""


class Pages:
    """
    What all pages of one mounting share.

    Args:
        two_factor: Whose sessions stand in cookies.
        home: Where people go who have signed in; to the page of security where it is not given.
        public_url: The origin under which people use the pages; another name is led there.

    Attributes:
        registers: Whether there is a page for making an account.

    Raises:
        ConfigurationError: A catalogue of *look* cannot be read, or *public_url* is no origin.
    """

    def __init__(self, two_factor: TwoFactor[Any], look: Look, *, home: str | None, public_url: str) -> None:
        self.two_factor = two_factor
        self.host: Host = two_factor.host
        self.look = look
        self.home = home
        self.public_url = _public(public_url)
        self.registers = False
        self.sessions_class: Any = class_of(self.host.sessions, two_factor.auth.policy)
        self.languages = Languages(look.locale)
        self._loader = _loader(look.templates)
        self._environments: dict[str, Environment] = {}
        self._paths: dict[tuple[object, ...], str | None] = {}

    @property
    def auth(self) -> TwoFactorAuth:
        """The use cases."""
        return self.two_factor.auth

    def can(self, method: str) -> bool:
        """Whether the host's class of sessions has this method."""
        return callable(getattr(self.sessions_class, method, None))

    def environment(self, language: Language) -> Environment:
        """The templates in one language."""
        if language.tag not in self._environments:
            self._environments[language.tag] = _environment(self._loader, language)
        return self._environments[language.tag]

    def path(self, app: Any, route: str, parameters: Mapping[str, str]) -> str:
        """
        The path of a page; looked for once, since an application goes through all its routes for each.

        Raises:
            NoMatchFound: There is no such page.
        """
        name, known = ROUTE_PREFIX + route, (app, route, *parameters)
        if known not in self._paths:
            try:
                places = {each: f"{{{each}}}" for each in parameters}
                self._paths[known] = app.url_path_for(name, **places)
            except NoMatchFound:
                self._paths[known] = None
        path = self._paths[known]
        if path is None:
            raise NoMatchFound(name, dict(parameters))
        for each, value in parameters.items():
            path = path.replace(f"{{{each}}}", quote(value, safe=""))
        return path

    @cached_property
    def assets(self) -> Mapping[str, tuple[bytes, str]]:
        """What pages load, by its name: its bytes and their media type."""
        folder = files("twofold.web") / "static"
        style = (folder / "style.css").read_text("utf-8") + style_of(self.look)
        icon = (folder / "icon.svg").read_text("utf-8").replace(Look.color, self.look.color)
        found = {
            "style.css": (style.encode(), "text/css; charset=utf-8"),
            "pages.js": ((folder / "pages.js").read_bytes(), "text/javascript; charset=utf-8"),
            "icon.svg": (icon.encode(), "image/svg+xml"),
        }
        if self.look.logo is not None:
            logo = Path(self.look.logo)
            found["logo"] = (logo.read_bytes(), LOGO_TYPES[logo.suffix.lower()])
        return found

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """What tells a new version of an asset from an old one: browsers keep them for a year."""
        return {name: sha256(content).hexdigest()[:12] for name, (content, _) in self.assets.items()}

    def elsewhere(self, request: Request) -> Response | None:
        """The way to the name under which people use the pages, for whoever reads one under another."""
        name = urlsplit(self.public_url).netloc
        if not name or request.method not in SAFE_METHODS or request.headers.get("host") == name:
            return None
        return RedirectResponse(self.public_url + path_of(request), 307)


def _public(url: str) -> str:
    try:
        return plain_origin(url) if url else ""
    except ValueError:
        message = "two_factor_pages(public_url=...): write https://name.example[:port], the origin of your pages."
        raise ConfigurationError(message) from None


def _loader(templates: Path | str | None) -> BaseLoader:
    """A host's templates before ours; `twofold/...` always names ours, so that a host's can extend it."""
    ours = PackageLoader("twofold.web")
    hosts = [] if templates is None else [FileSystemLoader(templates)]
    return ChoiceLoader([*hosts, ours, PrefixLoader({"twofold": ours})])


def _environment(loader: BaseLoader, language: Language) -> Environment:
    environment = Environment(
        loader=loader,
        autoescape=True,  # Whatever a template is called: names are escaped everywhere.
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
        lambda text: with_bare_percents(language.translations.gettext(text)),
        lambda *texts: with_bare_percents(language.translations.ngettext(*texts)),
        newstyle=True,
    )
    environment.filters.update(filters(language))
    environment.filters["grouped"] = grouped
    return environment


def grouped(text: str) -> str:
    """In groups of four, to be read and typed."""
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))
