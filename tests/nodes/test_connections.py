"""How many connections nodes hold: what `max_connections` of the database has to be goes by it."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from app.database import CONNECTIONS
from soak.client import Proof
from soak.people import Numbers, Person
from tests.nodes.deployment import NODES, Deployment
from tests.nodes.people import BACKUP_CODE, Caller, gathered
from twofold.sqlalchemy.engines import OWN_CONNECTIONS

CROWD = Numbers(phones=0, papers=60, guessed=0, movers=0, fresh=0)
MINE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def test_a_worker_holds_twenty_at_most(place: Deployment):
    """
    However many sign in at one moment: each worker has fifteen connections for the application and five for the second
    factor, and keeps them.
    """

    def sign_in(person: Person) -> str:
        with Caller(place.address) as caller:
            return caller.sign_in(BACKUP_CODE, person, Proof(person.backup_codes[0])).told

    people = gathered(place, CROWD).papers
    with ThreadPoolExecutor(len(people)) as threads:
        told = set(threads.map(sign_in, people))
    with place.engine().connect() as connection:
        held = connection.scalar(text(MINE)) or 0

    assert told == {"accepted"}
    assert (CONNECTIONS, OWN_CONNECTIONS) == (15, 5)
    assert NODES * OWN_CONNECTIONS < held <= NODES * (CONNECTIONS + OWN_CONNECTIONS)
