"""Keys: register one by a touch, name it, remove it."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Response

from twofold.core.webauthn import given_credential, key_name
from twofold.errors import AlreadyRegistered, InvalidRequest, LastFactor, NotFound, TooManyKeys
from twofold.fastapi.guards import Guard
from twofold.fastapi.requests import strict_json
from twofold.web.page_routes import PagesRouter
from twofold.web.proving import show_touch
from twofold.web.rendering import Page, Shown
from twofold.web.requests import REFUSALS, GivenForm
from twofold.web.routes.backup_codes import show_backup_codes

KEY_REFUSALS = (*REFUSALS, AlreadyRegistered, TooManyKeys, LastFactor)
"""What the page of keys is shown again for."""


def add_webauthn_pages(router: PagesRouter, fresh_to_set_up: Guard, fresh: Guard) -> None:
    """
    Add the pages of keys.

    Args:
        fresh_to_set_up: The guard of whoever wants to set up a factor.
        fresh: The guard that asks for a fresh second factor where one is active.
    """
    _add_registration(router, fresh_to_set_up)
    _add_names(router, fresh)
    _add_removal(router, fresh)


def _add_registration(router: PagesRouter, fresh_to_set_up: Guard) -> None:
    pages = router.pages

    @router.page("/security/keys", "keys")
    async def keys_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        return await show_keys(page)

    @router.page("/security/keys/new", "new_key")
    async def new_key_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        # Who has confirmed, or comes back to the address of a form.
        return page.go("keys")

    @router.form("/security/keys/new", "new_key_form", dependencies=[Depends(fresh_to_set_up)])
    async def new_key_form(page: Annotated[Page, Depends(router.signed_in_page)], form: GivenForm) -> Response:
        who, name = page.session.signed_in, form.get("name", "").strip()
        try:
            # Before the touch, so that nobody touches a key in vain.
            along = {"name": key_name(name) if name else ""}
            options = await page.use(
                lambda auth: auth.webauthn.registration_options(
                    who.user_id, who.session_id, issuer=who.issuer, account=who.account
                )
            )
        except KEY_REFUSALS as error:
            return await show_keys(page, error)
        action, back_url = page.url("register_key"), page.url("keys")
        return await show_touch(page, "create", options, action=action, back_url=back_url, fields=along)

    @router.form("/security/keys", "register_key")
    async def register_key_form(page: Annotated[Page, Depends(router.signed_in_page)], form: GivenForm) -> Response:
        who, name = page.session.signed_in, form.get("name", "").strip() or None
        try:
            if "credential" not in form:
                raise InvalidRequest
            given = given_credential(strict_json(form["credential"].encode()))
            registered = await page.use(lambda auth: auth.webauthn.register(who.user_id, who.session_id, given, name))
        except KEY_REFUSALS as error:
            return await show_keys(page, error)
        await pages.host.start(page.session.sessions, registered.proved)
        if registered.backup_codes is None:
            return page.go("keys", notice="key-added")
        return await show_backup_codes(page, registered.backup_codes, first=True)


def _add_names(router: PagesRouter, fresh: Guard) -> None:

    @router.page("/security/keys/{id}/rename", "rename_key")
    async def rename_key_page(page: Annotated[Page, Depends(router.signed_in_page)]) -> Response:
        # As above.
        return page.go("keys")

    @router.form("/security/keys/{id}/rename", "rename_key_form", dependencies=[Depends(fresh)])
    async def rename_key_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        form: GivenForm,
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        who, name = page.session.signed_in, form.get("name", "")
        try:
            await page.use(lambda auth: auth.webauthn.rename(who.user_id, who.session_id, id, name))
        except InvalidRequest as error:
            # Each key has a field of its own for its name.
            faults = [fault | {"field": name_field(id)} for fault in error.errors]
            return await show_keys(page, InvalidRequest(str(error), errors=faults), new_names={id: name})
        except KEY_REFUSALS as error:
            return await show_keys(page, error)
        return page.go("keys", notice="key-renamed")


def _add_removal(router: PagesRouter, fresh: Guard) -> None:
    pages = router.pages

    @router.page("/security/keys/{id}/remove", "remove_key", dependencies=[Depends(fresh)])
    async def remove_key_page(
        page: Annotated[Page, Depends(router.signed_in_page)],
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        user_id = page.session.user_id
        keys = await page.use(lambda auth: auth.webauthn.keys(user_id))
        key = next((key for key in keys if key.id == id), None)
        if key is None:
            raise NotFound
        return await page.show("webauthn/remove.html", key=key)

    @router.form("/security/keys/{id}/remove", "remove_key_form", dependencies=[Depends(fresh)])
    async def remove_key_form(
        page: Annotated[Page, Depends(router.signed_in_page)],
        id: str,  # noqa: A002 - the name in the path
    ) -> Response:
        who = page.session.signed_in
        try:
            proved = await page.use(lambda auth: auth.webauthn.remove(who.user_id, who.session_id, id))
        except KEY_REFUSALS as error:
            return await show_keys(page, error)
        await pages.host.start(page.session.sessions, proved)
        return page.go("keys", notice="key-removed")


def name_field(id: str) -> str:  # noqa: A002 - the name in the path
    """What the field is called in which this key is given another name."""
    return f"name-{id}"


async def show_keys(
    page: Page, problem: Shown | None = None, *, new_names: Mapping[str, str] | None = None
) -> Response:
    """
    The page of keys.

    Args:
        new_names: By key, a name that was typed and not taken.
    """
    user_id = page.session.user_id
    keys = await page.use(lambda auth: auth.webauthn.keys(user_id))
    suggested = page.gettext("Key %(number)s") % {"number": len(keys) + 1}
    at_most = page.pages.auth.policy.webauthn_keys
    return await page.show(
        "webauthn/keys.html",
        problem=problem,
        keys=keys,
        suggested=suggested,
        at_most=at_most,
        fields=[name_field(key.id) for key in keys] + (["name"] if len(keys) < at_most else []),
        name_field=name_field,
        new_names=new_names or {},
    )
