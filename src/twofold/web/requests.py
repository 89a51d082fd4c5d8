"""How a page's request is read: size, type and origin first, then its form."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from twofold.core.enrollment import Typed
from twofold.core.factors import Factor
from twofold.core.webauthn import given_credential
from twofold.errors import InvalidRequest, ProofRefused
from twofold.fastapi.errors import Problem
from twofold.fastapi.host import Host
from twofold.fastapi.proofs import PROOFS
from twofold.fastapi.requests import SAFE_METHODS, strict_json

FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 20
"""A form of ours has far fewer."""

REFUSALS = (ProofRefused, InvalidRequest)
"""What a form is shown again for: a proof that was not accepted, or what cannot be one."""

METHODS = dict(zip(PROOFS, (Factor.TOTP, Factor.BACKUP_CODE, Factor.WEBAUTHN), strict=True))
"""By the field in which a proof is given, of which factor it is."""

LOCAL_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,500}")
"""A path with its query on this host, of the characters of RFC 3986: nothing that leads a browser elsewhere."""


def refuse_foreign_type(request: Request) -> None:
    """
    Let only what a form of ours sends pass.

    Raises:
        Problem: The body is something else.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request._body and media_type != FORM_TYPE:  # noqa: SLF001 - read a moment ago
        raise Problem("invalid-request", f"Send this as {FORM_TYPE}.", status=415)


def refuse_foreign_site(request: Request, public_url: str = "") -> None:
    """
    Refuse a write that another site's page has sent, whether somebody is signed in or not (sign-in, too, is one).

    A neighbor under the same domain is another site as well: its pages are somebody else's.

    Args:
        public_url: The origin of the pages, where it is known; elsewhere the host's name alone counts.

    Raises:
        Problem: `Sec-Fetch-Site` says so, or, where that is missing, `Origin`.
    """
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        foreign = site not in {"same-origin", "none"}
    else:
        # Compared as text: whatever is no origin is a foreign one, `null` too.
        host = request.headers.get("host")
        foreign = origin not in ({None, public_url} if public_url else {None, f"https://{host}", f"http://{host}"})
    if foreign:
        raise Problem("cross-site-request", "This request comes from another site.")


def path_of(request: Request) -> str:
    """The path that was asked for, with its query, as a browser writes it: below what a proxy has taken off."""
    path, root = request.scope["path"], request.scope.get("root_path", "")
    below = path if path.startswith(f"{root}/") else root + path
    return quote(below) + (f"?{request.url.query}" if request.url.query else "")


def local_path(text: str | None) -> str | None:
    """A path on this host, where *text* is one; whatever else it may be, nothing."""
    return text if text is not None and LOCAL_PATH.fullmatch(text) else None


async def given_form(request: Request) -> Mapping[str, str]:
    """
    A dependency: the fields of the form, each once.

    Raises:
        InvalidRequest: It is none.
    """
    form: FormData = await request.form(max_fields=MOST_FIELDS, max_files=0)
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if len(fields) != len(form.multi_items()):
        raise InvalidRequest
    return fields


GivenForm = Annotated[Mapping[str, str], Depends(given_form)]


async def typed_before(request: Request, field: str) -> str:
    """What was typed into a field, to be shown once more; nothing where the form cannot be read."""
    with suppress(HTTPException):
        return str((await request.form()).get(field) or "")
    return ""


def method_of(form: Mapping[str, str]) -> str | None:
    """Which factor a form gives a proof of; nothing where that is not one."""
    given = [METHODS[name] for name in PROOFS if name in form]
    return given[0] if len(given) == 1 else None


def typed_of(host: Host, form: Mapping[str, str]) -> Typed:
    """
    The one proof that a form gives.

    Raises:
        InvalidRequest: There is not exactly one, or it cannot be one.
    """
    given = [name for name in PROOFS if name in form]
    match given:
        case ["code"]:
            return host.auth.typed(form["code"])
        case ["backup_code"]:
            return host.auth.typed_backup_code(form["backup_code"])
        case ["credential"]:
            return given_credential(strict_json(form["credential"].encode()))
        case _:
            raise InvalidRequest
