"""
What every store keeps to: a suite of tests that the author of a store subclasses.

    pytest.register_assert_rewrite("twofold.testing.store_contract")  # in conftest.py, for readable failures

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self): ...

pytest finds the tests by their names; nothing of it is imported here.
"""

from twofold.testing.store_contract.enrollments import EnrollmentPromises
from twofold.testing.store_contract.events import EventPromises
from twofold.testing.store_contract.examining import ExaminingPromises
from twofold.testing.store_contract.handed_out import HandedOutPromises
from twofold.testing.store_contract.keys import KeyPromises
from twofold.testing.store_contract.maintenance import MaintenancePromises
from twofold.testing.store_contract.operator import OperatorPromises
from twofold.testing.store_contract.transactions import TransactionPromises

__all__ = ["StoreContract"]


class StoreContract(
    EnrollmentPromises,
    EventPromises,
    ExaminingPromises,
    HandedOutPromises,
    KeyPromises,
    MaintenancePromises,
    OperatorPromises,
    TransactionPromises,
):
    """
    Every promise of the ports `Store` and `Transaction`, one a method.

    Fixtures, to be given by the subclass:
        store: A `Store`; it need not be empty.
        add_user: `add_user(account) -> user_id`, which makes one more user known, as the host does. Names of accounts
            come again in other tests.
        unknown_user_id: An id that no user has.
        events_of: `events_of(user_id) -> events`, which reads the events of a user behind the store's back, the oldest
            first.
        conflict: The error of a database that could not bring two transactions in line, after which the work is to run
            again; `None` where that cannot happen.

    A store that cannot be called synchronously is wrapped into one that waits for it.
    """
