"""A tour of every page in every state, for whoever looks at all of them: axe-core, the scales, the photographer."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from app.models.user import ADMIN
from tests.browser.acts import keep_codes, register_key, sign_in, wait_for_touch
from tests.browser.keys import Key
from tests.browser.phone import Phone
from tests.browser.screen import DESKTOP, Device, Screen, Windows
from tests.http.running import ServedWorld
from tests.http.world import PASSWORD, Person
from twofold import TwoFactorAuth
from twofold.core.policy import RECOMMENDED
from twofold.service.sessions import Proved

Sight = tuple[str, Screen]
"""The name of a state, and the screen that shows it until the next one is asked for."""

COMMON, NEW_PASSWORD = "password", "four words like these"
"""One that everybody has, and one that nobody has."""
NO_CODE = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"


class Tour:
    """
    One round, on one device.

    Args:
        names: What people are called; whatever it is where nobody reads it.
        options: Whatever else a window is told.
    """

    def __init__(
        self,
        world: ServedWorld,
        windows: Windows,
        device: Device = DESKTOP,
        *,
        names: Iterator[str] | None = None,
        **options: Any,
    ) -> None:
        self.world = world
        self._names = names
        self._open = partial(windows.open, device, **options)
        self._give_back = windows.give_back

    def at(self, stop: "Stop") -> Iterator[Sight]:
        """What is to be seen at one stop; the clock stands at noon again."""
        self.world.begin()
        yield from stop(self)
        self._give_back()

    def screen(self, **options: Any) -> Screen:
        """A window that knows nobody."""
        return self._open(**options)

    def address(self) -> str:
        """One that nobody has."""
        return self.world.stranger() if self._names is None else f"{next(self._names)}@example.com"

    def called(self, person: Person) -> Person:
        """The same person, by such an address."""
        person.email = self.address()
        person.set(email=person.email)
        return person

    def phone_of(self, person: Person) -> Phone:
        """The phone of somebody who has set it up already."""
        return Phone(self.world.clock, f"otpauth://totp/x?secret={person.secret}")

    def at_password(self) -> tuple[Screen, Person]:
        """Somebody signed in who has nothing but a password."""
        screen, person = self.screen(), self.called(self.world.registered())
        sign_in(screen, person.email)
        return screen, person

    def at_home(self, **options: Any) -> tuple[Screen, Person, Phone]:
        """Somebody signed in with a phone."""
        screen, person = self.screen(**options), self.called(self.world.enrolled())
        phone = self.phone_of(person)
        sign_in(screen, person.email)
        screen.send(code=phone.next_code())
        return screen, person, phone


Stop = Callable[[Tour], Iterator[Sight]]


def registering(tour: Tour) -> Iterator[Sight]:
    screen = tour.screen()
    screen.open("/register")
    yield "register", screen
    screen.send(email=tour.address(), password=COMMON)
    yield "register-refused", screen
    screen.send(email=tour.address(), password=NEW_PASSWORD)
    yield "sign-in-after-registering", screen


def password(tour: Tour) -> Iterator[Sight]:
    screen, email = tour.screen(), tour.address()
    screen.open("/login")
    yield "sign-in", screen
    tour.world.forget_wrong_passwords(password_failures=1)
    screen.send(email=email, password="wrong horse")
    yield "sign-in-refused", screen
    screen.send(email=email, password="wrong horse")
    yield "sign-in-wait", screen


def second_factor(tour: Tour) -> Iterator[Sight]:
    screen, person = tour.screen(), tour.called(tour.world.enrolled())
    phone = tour.phone_of(person)
    sign_in(screen, person.email)
    yield "second-factor", screen
    screen.send(code=phone.wrong_code())
    yield "second-factor-refused", screen
    for _ in range(RECOMMENDED.first_wait_at - 1):
        screen.send(code=phone.wrong_code())
    yield "second-factor-wait", screen
    screen.open("/login/second-factor?use=backup_code")
    yield "second-factor-backup-code", screen
    screen.send(backup_code=NO_CODE)
    yield "second-factor-backup-code-refused", screen
    screen.send(backup_code=person.backup_codes[0])
    yield "security-after-a-backup-code", screen
    other = tour.screen()
    sign_in(other, person.email)
    tour.world.clock.forward(minutes=20)
    other.send(backup_code=person.backup_codes[1])
    yield "sign-in-after-too-long", other


def second_factor_with_a_key(tour: Tour) -> Iterator[Sight]:
    screen, person = tour.at_password()
    key = Key()
    register_key(screen, key)
    keep_codes(screen)
    screen.press("/logout")
    yield "sign-in-after-signing-out", screen
    sign_in(screen, person.email)
    yield "second-factor-key", screen
    # Nothing is plugged in, so that the page goes on asking.
    with screen.leaves():
        screen.page.locator("button[name=key]").click()
    yield "key-touch", screen
    screen.open("/login/second-factor?use=webauthn")
    with screen.with_key(key, right_pin=False):
        with screen.leaves():
            screen.page.locator("button[name=key]").click()
        wait_for_touch(screen)
    yield "key-touch-refused", screen


def security(tour: Tour) -> Iterator[Sight]:
    screen, _ = tour.at_password()
    yield "security-off", screen
    screen.open("/security/setup")
    screen.press("/security/setup")
    screen.open("/security")
    yield "security-begun", screen
    screen, person, _ = tour.at_home()
    yield "security", screen
    burn(person, person.backup_codes[2:])
    screen.open("/security")
    yield "security-few-backup-codes", screen
    burn(person, person.backup_codes[:2])
    screen.open("/security")
    yield "security-no-backup-codes", screen


def burn(person: Person, codes: Sequence[str]) -> None:
    """Use backup codes up, elsewhere."""
    for code in codes:
        finish = partial(finished, person.sign_in_token(), code)
        person.world.use(finish)


def finished(token: str, code: str, auth: TwoFactorAuth) -> Proved:
    return auth.sign_in.finish(token, auth.typed_backup_code(code))


def setting_up(tour: Tour) -> Iterator[Sight]:
    screen, _ = tour.at_password()
    phone = Phone(tour.world.clock)
    screen.open("/security/setup")
    yield "set-up-begin", screen
    screen.press("/security/setup")
    yield "set-up", screen
    phone.scan(screen.page)
    screen.page.locator("details summary").first.click()
    yield "set-up-by-hand", screen
    screen.send(code=phone.wrong_code())
    yield "set-up-refused", screen
    screen.send(code=phone.code(ahead=70))
    yield "set-up-clock", screen
    screen.send(code=phone.code())
    yield "backup-codes", screen
    keep_codes(screen)
    screen.open("/security/setup")
    yield "replace-begin", screen
    screen.press("/security/setup")
    yield "replace", screen
    phone.scan(screen.page)
    screen.send(code=phone.next_code())
    yield "security-after-replacing", screen


def backup_codes(tour: Tour) -> Iterator[Sight]:
    screen, _, phone = tour.at_home()
    screen.open("/security/backup-codes")
    yield "backup-codes-new", screen
    screen.send(code=phone.wrong_code())
    yield "backup-codes-refused", screen
    screen.send(code=phone.next_code())
    yield "backup-codes-again", screen


def confirming(tour: Tour) -> Iterator[Sight]:
    screen, _, phone = tour.at_home()
    tour.world.clock.forward(minutes=30)
    screen.open("/security/setup")
    yield "confirm", screen
    screen.send(code=phone.wrong_code())
    yield "confirm-refused", screen
    screen.send(code=phone.next_code())
    yield "replace-begin-after-confirming", screen


def turning_it_off(tour: Tour) -> Iterator[Sight]:
    screen, _, phone = tour.at_home()
    screen.open("/security/disable")
    yield "disable", screen
    screen.send(code=phone.wrong_code())
    yield "disable-refused", screen
    screen.send(code=phone.next_code())
    yield "security-after-turning-it-off", screen


def keys(tour: Tour) -> Iterator[Sight]:
    screen, _, _ = tour.at_home()
    screen.open("/security/keys")
    yield "keys-none", screen
    screen.send("/new", name="Blue key")
    yield "key-register", screen
    key = Key()
    register_key(screen, key, "Blue key")
    register_key(screen, Key(), "My laptop")
    yield "keys", screen
    with screen.with_key(key):
        screen.send("/new", name="Blue key again")
        wait_for_touch(screen)
    yield "key-registered-already", screen
    screen.open("/security/keys")
    screen.page.locator("details summary").first.click()
    yield "key-rename", screen
    screen.send("/rename", name="Black key")
    yield "keys-after-renaming", screen
    screen.open("/security/keys")
    screen.follow("/security/keys/")
    yield "key-remove", screen
    screen.press("/remove")
    yield "keys-after-removing", screen


def sessions(tour: Tour) -> Iterator[Sight]:
    screen, person, phone = tour.at_home()
    screen.open("/security/sessions")
    yield "sessions-one", screen
    agents = ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605.1.15", "")
    for agent in agents:
        tour.world.clock.forward(minutes=5)
        elsewhere = tour.screen(user_agent=agent)
        sign_in(elsewhere, person.email)
        elsewhere.send(code=phone.next_code())
    screen.open("/security/sessions")
    yield "sessions", screen
    screen.press("/end")
    yield "sessions-after-ending-one", screen
    screen.press("/end-others")
    yield "sessions-after-ending-all-others", screen


def activity(tour: Tour) -> Iterator[Sight]:
    screen, _ = tour.at_password()
    screen.open("/security/activity")
    yield "activity-little", screen
    screen, person, phone = tour.at_home()
    for _ in range(3):
        screen.open("/security/backup-codes")
        screen.send(code=phone.wrong_code())
        screen.send(code=phone.next_code())
    screen.open("/security/activity")
    yield "activity", screen
    for _ in range(60):
        tour.world.clock.forward(seconds=5)
        person.sign_in_token()
    screen.open("/security/activity")
    screen.follow("/security/activity?")
    yield "activity-older", screen


def account(tour: Tour) -> Iterator[Sight]:
    screen, _, _ = tour.at_home()
    screen.open("/security/password")
    yield "password", screen
    screen.send(current_password=PASSWORD, new_password=COMMON)
    yield "password-refused", screen
    screen.send(current_password="wrong horse", new_password=NEW_PASSWORD)
    yield "password-wrong-refused", screen
    screen.send(current_password=PASSWORD, new_password=NEW_PASSWORD)
    yield "sign-in-after-changing-the-password", screen
    screen, _ = tour.at_password()
    screen.open("/security/leave")
    yield "leave", screen
    screen.send(password="wrong horse")
    yield "leave-refused", screen
    screen.send(password=PASSWORD)
    yield "sign-in-after-leaving", screen


def administration(tour: Tour) -> Iterator[Sight]:
    screen, admin, phone = tour.at_home()
    admin.set(role=ADMIN)
    person, beginner = tour.world.enrolled(), tour.world.signed_in()
    beginner.post("/setup")
    for _ in range(RECOMMENDED.first_wait_at):
        person.post("/step-up", {"code": person.wrong_code()})
    screen.open(f"/admin/2fa?q={person.email}")
    yield "users-one", screen
    screen.send(q="")
    yield "users", screen
    screen.send(q="nobody is called so")
    yield "users-none", screen
    screen.open("/admin/2fa?q=%00")
    yield "users-search-refused", screen
    screen.open(f"/admin/2fa/users/{admin.id}")
    yield "user-oneself", screen
    screen.open(f"/admin/2fa/users/{person.id}")
    yield "user", screen
    screen.follow(f"/admin/2fa/users/{person.id}/unlock")
    yield "user-unlock", screen
    screen.send(reason="Known by voice, ticket 4711")
    yield "user-after-unlocking", screen
    screen.follow(f"/admin/2fa/users/{person.id}/reset")
    yield "user-reset", screen
    screen.send(reason=" ")
    yield "user-reset-refused", screen
    screen.send(reason="Lost phone, known by voice, ticket 4711")
    yield "user-after-a-reset", screen
    admin.set(role="user")
    screen.open("/admin/2fa")
    yield "error-forbidden", screen
    admin.set(role=ADMIN)
    tour.world.clock.forward(minutes=6)
    screen.open("/admin/2fa")
    screen.send(code=phone.next_code())
    yield "users-after-confirming", screen


def errors(tour: Tour) -> Iterator[Sight]:
    screen = tour.screen()
    screen.open("/nowhere")
    yield "error-not-found", screen
    screen, _, _ = tour.at_home()
    screen.open("/security/keys/1/nowhere")
    yield "error-not-found-signed-in", screen


def german(tour: Tour) -> Iterator[Sight]:
    screen, person = tour.screen(locale="de-DE"), tour.called(tour.world.enrolled())
    phone = tour.phone_of(person)
    sign_in(screen, person.email)
    screen.send(code=phone.wrong_code())
    yield "german-second-factor-refused", screen
    screen.send(code=phone.next_code())
    yield "german-security", screen
    screen.open("/security/activity")
    yield "german-activity", screen
    screen.open("/security/backup-codes")
    screen.send(code=phone.next_code())
    yield "german-backup-codes", screen


STOPS: tuple[Stop, ...] = (
    registering,
    password,
    second_factor,
    second_factor_with_a_key,
    security,
    setting_up,
    backup_codes,
    confirming,
    turning_it_off,
    keys,
    sessions,
    activity,
    account,
    administration,
    errors,
    german,
)
