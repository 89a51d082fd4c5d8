"""A new key with sign-ins running: two nodes behind the proxy, restarted one after the other."""

from cryptography.fernet import Fernet
from sqlalchemy import func, or_, select

from app.models.user import User
from soak.client import Proof
from soak.evidence import read
from soak.people import Numbers, Person
from soak.verdict import double_accepts
from tests.nodes.deployment import Deployment
from tests.nodes.people import BACKUP_CODE, FEW, ROADS, Caller, gathered, signing_in
from twofold import KeyRing, TwoFactorAuth
from twofold.core.sealing import SEALED
from twofold.service.keys import KeyStatus
from twofold.sqlalchemy import SqlAlchemyStore

CLIENTS = 3
MANY = Numbers(phones=150, papers=45, guessed=0, movers=150, fresh=0)
ENOUGH = 12
"""Sign-ins between two steps."""


def new_key() -> str:
    return Fernet.generate_key().decode()


def key_id(key: str) -> str:
    """Its name, as it stands in the values."""
    return KeyRing([key]).key_ids[0]


def auth_at(place: Deployment, *keys: str) -> TwoFactorAuth:
    """The operator's view of the database, with these keys."""
    return TwoFactorAuth(issuer="Twofold", keys=KeyRing(keys), store=SqlAlchemyStore(place.engine(), User))


def values_under(place: Deployment, key: str) -> int:
    """Rows with any value that names this key."""
    columns = [getattr(User, purpose.value) for purpose in SEALED]
    named = or_(*(column.like(f"v1.{key_id(key)}.%") for column in columns))
    with place.engine().connect() as connection:
        return connection.scalar(select(func.count()).select_from(User).where(named)) or 0


def test_the_keys_change_while_people_sign_in(place: Deployment):
    """
    Through `old`, `old,new`, `new,old` and `new`, each node restarted after the other, with sign-ins by codes and by
    backup codes and with set-ups all the time: nothing fails, neither what was under way between a node's being asked
    to stop and its end nor anything else; no code passes twice; and in the end the new key alone opens all that is
    stored.
    """
    old, new = place.keys, new_key()
    cast = gathered(place, MANY)
    before = len(place.stops)

    with signing_in(place.address, cast, CLIENTS) as crowd:
        crowd.wait_for_sign_ins(ENOUGH)
        for keys in ((*old, new), (new, *old)):
            place.deploy(*keys)
            crowd.wait_for_sign_ins(ENOUGH)
        assert values_under(place, old[0]) > 0
        operator = auth_at(place, *place.keys).keys_in_use
        rotated = operator.rotate()
        retired = [operator.retire(key_id(key)).total for key in old]
        place.deploy(new)
        crowd.wait_for_sign_ins(ENOUGH)

    told, stops = crowd.told, place.stops[before:]
    rows = read(place.engine(), KeyRing([new]), [person.id for person in cast.everybody])
    failed = [each for each in told if each.failed]
    in_flight = [each for each in failed if any(each.under_way(stop.told, stop.ended) for stop in stops)]
    assert [str(each) for each in failed if each not in in_flight] == []
    assert [str(each) for each in in_flight] == []
    assert double_accepts([each.record for each in told], rows) == []
    assert {each.record.road for each in told if each.record.accepted} == {*ROADS, "setup", "verify"}
    assert [stop.code for stop in stops] == [0] * 6
    assert (rotated.left, rotated.unreadable, retired) == (0, 0, [0] * len(old))
    assert [values_under(place, key) for key in old] == [0] * len(old)
    assert [row.user for row in rows.values() if row.unreadable] == []


def test_no_log_tells_a_secret(place: Deployment):
    """Whatever nodes and proxy have printed meanwhile, also of requests that failed: no secret, backup code or key."""
    cast = gathered(place, FEW)
    with Caller(place.address) as caller:
        person = cast.papers[0]
        told = [caller.sign_in(BACKUP_CODE, person, Proof(person.backup_codes[0])) for _ in range(2)]
    logs = place.logs()

    assert [answer.told for answer in told] == ["accepted", "code-already-used"]
    assert "/api/auth/login" in logs
    secrets = [
        *place.keys,
        *person.backup_codes,
        told[0].body["access_token"],
        *(each.secret.base32 for each in cast.phones if each.secret),
    ]
    assert [secret for secret in secrets if secret in logs] == []


def burned(place: Deployment, number: int, person: Person, code: int) -> tuple[int, str]:
    """What one node tells of a sign-in with a backup code."""
    with Caller(place.nodes[number].address) as caller:
        answer = caller.sign_in(BACKUP_CODE, person, Proof(person.backup_codes[code]))
    return answer.status, answer.told


def warnings_at(place: Deployment, *keys: str) -> str:
    status: KeyStatus = auth_at(place, *keys).keys_in_use.status()
    return " ".join(status.warnings)


def test_the_new_key_at_once_shuts_everybody_out(place: Deployment):
    """
    Without the step in the middle no node is ready, the log names the key that is missing, and whoever signs in through
    the proxy is told 503; so what the change of keys is said to avoid would be seen.
    """
    old, new = place.keys, new_key()
    cast = gathered(place, FEW)
    for node in place.nodes:
        place.replace(node, new)
    for node in place.nodes:
        node.wait_until(503)

    with signing_in(place.address, cast, CLIENTS) as crowd:
        crowd.wait_for_answers()
    direct = [burned(place, number, cast.papers[0], 0) for number in range(len(place.nodes))]
    warned = warnings_at(place, new)
    for node in place.nodes:
        place.replace(node, *old, new)
    place.wait_until_all_serve()
    place.keys = (*old, new)
    with signing_in(place.address, cast, CLIENTS) as mended:
        mended.wait_for_sign_ins(CLIENTS)

    assert {each.statuses[-1] for each in crowd.told} == {503}
    assert all(each.failed for each in crowd.told)
    assert direct == [(503, "unavailable")] * 2
    assert f"sealed under key {key_id(old[0])}, which is not configured" in place.logs()
    assert f"under key {key_id(old[0])}, which is not in ENCRYPTION_KEY" in warned
    assert [str(each) for each in mended.told if each.failed] == []


def test_a_key_that_writes_before_all_can_read_it(place: Deployment):
    """
    Where one node writes under a key that another does not have, whoever was written is told 503 there; with the key in
    second place, it opens.
    """
    old, new = place.keys, new_key()
    person = gathered(place, FEW).papers[0]
    place.replace(place.nodes[0], new, *old)
    place.nodes[0].wait_until(200)

    told = [burned(place, 0, person, 0), burned(place, 1, person, 1)]
    warned = warnings_at(place, *old)
    place.replace(place.nodes[1], *old, new)
    place.wait_until_all_serve()
    told.append(burned(place, 1, person, 1))
    place.keys = (*old, new)

    assert [status for status, _ in told] == [200, 503, 200]
    assert f"under key {key_id(new)}, which is not in ENCRYPTION_KEY" in warned
