"""The form that asks for a second factor, wherever one is asked for; and the page on which a key is touched."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi import Response

from twofold.core.factors import Factor
from twofold.web.rendering import Page

ASK_KEY = "ask"
"""The value of the button `key`: hand out a challenge, and ask for the touch."""

ORDER = (Factor.TOTP, Factor.WEBAUTHN, Factor.BACKUP_CODE)
"""Which is asked for first; backup codes are few, and last."""


@dataclass(frozen=True)
class Proving:
    """
    One form that asks for a second factor.

    Args:
        action: Where it is sent.
        methods: The names of the factors that it takes of this user.
        shown: The one that is asked for; nothing where there is none.
        links: By method, where another one is asked for.
        locked_for: For how many seconds the one that is asked for waits.
        digits: Of a code.
    """

    action: str
    methods: Sequence[str]
    shown: str | None
    links: Mapping[str, str]
    locked_for: int
    digits: int


def proving(
    page: Page, route: str, methods: Sequence[str], locked_until: datetime | None, *, without: Sequence[str] = ()
) -> Proving:
    """
    The form on this page.

    Args:
        route: The name of the page.
        methods: The names of the factors that the user has.
        locked_until: Until when typed TOTP codes wait, if they do.
        without: Those that do not count here.
    """
    auth, onward, used = page.pages.auth, page.onward or "", page.request.query_params.get("use", "")
    possible = [method for method in methods if method not in without]
    waits = 0 if locked_until is None else max(math.ceil((locked_until - auth.clock.now()).total_seconds()), 0)
    # Who is to wait is shown another way first, if there is one.
    waiting = (possible if auth.policy.one_count else [Factor.TOTP]) if waits else []
    ordered = sorted(possible, key=lambda method: (method in waiting, ORDER.index(method)))
    shown = used if used in possible else next(iter(ordered), None)
    return Proving(
        action=page.url(route, next=onward, use=shown or ""),
        methods=ordered,
        shown=shown,
        links={method: page.url(route, next=onward, use=method) for method in ordered},
        locked_for=waits if shown is None or shown in waiting else 0,
        digits=auth.policy.digits,
    )


def asks_for_key(form: Mapping[str, str]) -> bool:
    """Whether the button was pressed that asks for a key."""
    return form.get("key") == ASK_KEY


async def show_touch(
    page: Page,
    ceremony: Literal["create", "get"],
    options: Mapping[str, Any],
    *,
    action: str,
    back_url: str,
    fields: Mapping[str, str] | None = None,
) -> Response:
    """
    The page on which a key is touched; its script hands the browser the options, and sends the answer.

    Args:
        ceremony: The one of WebAuthn, as the browser's function is called.
        options: For that function.
        action: Where the answer is sent.
        back_url: Where somebody goes who has no key at hand.
        fields: What is sent along.
    """
    site = options["rpId"] if ceremony == "get" else options["rp"]["id"]
    return await page.show(
        "webauthn/touch.html",
        ceremony=ceremony,
        options=options,
        action=action,
        back_url=back_url,
        fields=fields or {},
        site=site,
    )


async def show_touch_of_session(page: Page) -> Response:
    """
    The same for the session that asks, on the page whose form asked for it.

    Raises:
        NotEnabled: The user has no key.
    """
    who = page.session.signed_in
    options = await page.use(lambda auth: auth.webauthn.session_options(who.user_id, who.session_id))
    return await show_touch(page, "get", options, action=page.here, back_url=page.here)
