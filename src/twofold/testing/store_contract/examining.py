# ruff: noqa: S101 - pytest asserts
"""What a store promises to whoever looks for what is wrong: its clock, what is missing, every enrollment."""

from datetime import UTC, timedelta

from twofold.clock import SystemClock
from twofold.core.enrollment import Enrollment
from twofold.core.survey import FoundEnrollment
from twofold.service.ports import Store, UserId
from twofold.testing.store_contract.promises import AddUser, Promises, full_enrollment

AN_HOUR = timedelta(hours=1)
"""By more clocks are wrong that take one time zone for another."""


class ExaminingPromises(Promises):
    """What a store promises to whoever looks for what is wrong."""

    def all_enrollments(self, store: Store, at_most: int) -> list[FoundEnrollment]:
        """All enrollments, read in batches."""
        found: list[FoundEnrollment] = []
        while True:
            after = found[-1].user_id if found else None
            batch = store.read(lambda tx, after=after: tx.enrollments(after=after, at_most=at_most))  # type: ignore[misc]
            found += batch
            if len(batch) < at_most:
                return found

    def test_the_database_has_a_clock(self, store: Store) -> None:
        """The database's moment is in UTC, whatever the time zone of its host, and goes on within a transaction."""
        before, after = store.read(lambda tx: (tx.clock(), tx.clock()))

        assert before.tzinfo is UTC
        assert before <= after
        assert abs(SystemClock().now() - before) < AN_HOUR

    def test_nothing_is_missing(self, store: Store) -> None:
        """Of a database that was made for the store nothing is missing."""
        assert list(store.read(lambda tx: tx.missing())) == []

    def test_every_enrollment_is_found(self, store: Store, add_user: AddUser) -> None:
        """Enrollments in which there is anything are found, each once and whole, whatever the batch; others are not."""
        stored = [full_enrollment(add_user("ann@example.com")) for _ in range(3)]
        stored += [Enrollment(user_id=add_user("ann@example.com"), enabled=True)]
        stored += [Enrollment(user_id=add_user("ann@example.com"), backup_codes=stored[0].backup_codes)]
        nothing: set[UserId] = {add_user("ann@example.com"), add_user("ann@example.com")}
        for one in (*stored, Enrollment(user_id=next(iter(nothing)), epoch=3)):
            self.save(store, one)
        found = self.all_enrollments(store, 2)
        ids = [one.user_id for one in found]

        assert len(set(ids)) == len(ids)
        assert found == self.all_enrollments(store, len(found) + 1)
        assert all(FoundEnrollment(one.user_id, one) in found for one in stored)
        assert not nothing & set(ids)
