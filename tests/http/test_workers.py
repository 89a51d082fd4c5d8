"""Several workers, each a process with the whole backend, count wrong passwords in one Redis."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from tests.forked import forked
from tests.http.test_password_limits import owner
from tests.http.workers import guess
from tests.http.world import Place, in_process, settings_for
from tests.redis_server import RedisServer

WORKERS, GUESSES = 2, 25


def test_a_burst_at_worker_processes(fresh_place: Callable[[str], Place], key: str, redis: RedisServer):
    """
    Of guesses at two worker processes at one moment exactly ten are looked at, all together; limits that look first
    and count afterwards let more through.
    """
    place = fresh_place("sqlite")
    settings = settings_for(place, key, redis_url=redis.url)
    with in_process(place, settings) as world:
        emails = (owner(world).email, owner(world).email)
    context = forked()
    with context.Manager() as manager, ProcessPoolExecutor(WORKERS, mp_context=context) as processes:
        moment = manager.Barrier(WORKERS)
        workers = [processes.submit(guess, place, settings, emails, GUESSES, moment) for _ in range(WORKERS)]
        ours, naive = (sum(told, Counter[str]()) for told in zip(*(each.result() for each in workers), strict=True))

    assert ours == {"sign-in-failed": 10, "rate-limited": WORKERS * GUESSES - 10}
    assert naive["sign-in-failed"] > 10
