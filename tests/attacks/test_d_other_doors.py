"""D: doors beside the one at which the second factor is asked."""

from base64 import b64encode
from collections.abc import Callable

from tests.attacks.acts import finish, log_in, told
from tests.attacks.roads import OPEN, routes_of
from tests.hosts.running import KINDS, Browser, running
from tests.hosts.running import Place as HostsPlace
from tests.http.world import PASSWORD, PREFIX, Place, World


def test_d4_a_password_in_another_place(world: World, fresh_place: Callable[[str], Place], key: str):
    """
    No route takes address and password in place of a session: not by HTTP Basic, with a code or without, nor in a
    header or query; there is no second API that might; and a host's form for tokens gives none for a password alone.
    """
    person = world.enrolled()
    basic = [f"{person.email}:{PASSWORD}", f"{person.email}:{PASSWORD}{person.code()}", f"{person.token}:"]
    query = {"email": person.email, "username": person.email, "password": PASSWORD, "access_token": person.token}
    headers = [{"Authorization": f"Basic {b64encode(pair.encode()).decode()}"} for pair in basic]
    headers += [headers[0] | {"X-TOTP-Code": person.code()}, {"X-Email": person.email, "X-Password": PASSWORD}]

    closed = [route for route in routes_of(world) if route.name not in OPEN]
    answers = {told(route.ask(person, each, params=query)) for route in closed for each in headers}
    own = fresh_place("sqlite")
    with running(KINDS["a"], HostsPlace(own.kind, own.sync_url, own.async_url), key) as host:
        form = Browser(host).sign_in(host.somebody().enrolled()).json()
    others = {world.post(path, json={}, headers=headers[0]).status_code for path in ("/graphql", "/token", "/api")}

    assert answers == {"not-signed-in"}
    assert others == {404}
    assert (form["status"], "access_token" in form) == ("second_factor_required", False)


def test_d8_leaving_asks_for_the_second_factor(world: World):
    """
    The password alone neither deletes an account nor changes its password, phone or sessions, and says what is asked.
    """
    person = world.enrolled()
    person.token = person.session()
    before = person.kept()
    asked = {
        ("DELETE", "/api/auth/account"): {"password": PASSWORD},
        ("POST", "/api/auth/password"): {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
        ("POST", f"{PREFIX}/setup"): {"replace": True},
    }

    refused = [world.request(*route, json=body, headers=person.bearer) for route, body in asked.items()]
    unharmed = person.kept()
    confirmed = world.request(
        "DELETE",
        "/api/auth/account",
        json={"password": PASSWORD},
        headers=person.bearer | {"X-TOTP-Code": person.code()},
    )

    assert [told(answer) for answer in refused] == ["step-up-required"] * 3
    assert all('acr_values="urn:twofold:aal2", max_age="300"' in a.headers["www-authenticate"] for a in refused)
    assert unharmed == before
    assert confirmed.status_code == 204
    assert not any(person.kept().values())


def test_d10_nobody_steps_up_without_a_session(world: World):
    """
    A step-up without a session is refused whatever the right code is, and spends none: nothing, no token, an unknown
    one, one that has ended, or that of a pending sign-in.
    """
    person = world.enrolled()
    ended, code = person.session(), person.code()
    world.post("/api/auth/logout", headers={"Authorization": f"Bearer {ended}"})
    tokens = ["Bearer", "Bearer ", "Bearer x", f"Bearer {ended}", f"Bearer {person.sign_in_token()}", "Anonymous"]

    headers: list[dict[str, str]] = [{}, *({"Authorization": token} for token in tokens)]
    answers = [world.post(f"{PREFIX}/step-up", json={"code": code}, headers=each) for each in headers]
    answers.append(world.post(f"{PREFIX}/step-up", json={}, headers={"X-TOTP-Code": code}))

    assert {told(answer) for answer in answers} == {"not-signed-in"}
    assert told(finish(person, code=code)) == "success"
    assert told(log_in(person, person.next_code())) == "success"
