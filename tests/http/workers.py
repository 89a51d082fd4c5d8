"""What each of several worker processes does that are guessed at from one moment on."""

from collections import Counter
from threading import Barrier

from tests.http.attempts import PATIENCE
from tests.http.naive_limits import NaiveLimits
from tests.http.test_password_limits import asked, slug
from tests.http.world import Place, in_process
from twofold.fastapi.password_limits import PasswordLimits
from twofold.settings import Settings

START_SECONDS = 60


def guess(
    place: Place, settings: Settings, emails: tuple[str, str], guesses: int, moment: Barrier
) -> list[Counter[str]]:
    """A whole backend, and so many guesses side by side: at its own limits, then at naive ones."""
    told, url = [], settings.redis_url
    with in_process(place, settings) as world:
        for kind, email in zip((PasswordLimits, NaiveLimits), emails, strict=True):
            limits = kind(settings.policy, redis_url=url, redis_timeout=PATIENCE, clock=world.clock)
            world.app.state.password_limits = limits
            moment.wait(START_SECONDS)
            told.append(Counter(map(slug, world.ask_side_by_side([asked(email)] * guesses))))
    return told
