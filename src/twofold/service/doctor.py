"""What `twofold doctor` finds out from the store: its clock, its tables, and every enrollment in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from twofold.core import diagnosis
from twofold.core.diagnosis import Check, Finding, Light, Users, not_looked_at
from twofold.core.policy import ENROLLMENTS_AT_ONCE
from twofold.core.survey import FoundEnrollment, Survey
from twofold.errors import ConfigurationError
from twofold.service.context import Context
from twofold.service.keys import KeyCases
from twofold.service.ports import Transaction, UserId

Told = Callable[[int], None]
"""Is told how many enrollments have been looked at."""

IN_THE_ROWS = (
    *(Check.ROWS_PER_KEY, Check.SEALED_VALUES, Check.BACKUP_CODES, Check.SET_UPS, Check.LAST_STEPS),
    Check.WEBAUTHN_KEYS,
)
"""What is found by looking at every enrollment."""


@dataclass(frozen=True)
class DoctorCases:
    """What an operator asks where something is wrong; so what is wrong with the store is told, and not raised."""

    context: Context

    def examined(self, told: Told = lambda _: None) -> list[Finding]:
        """
        What is found; every enrollment is looked at, in short reads.

        Args:
            told: Is told how far it has come.
        """
        try:
            clock, missing = self.context.store.read(self._clock), self.context.store.read(lambda tx: tx.missing())
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is what is to be told
            unknown = [not_looked_at(each, "no database") for each in (Check.CLOCK, Check.TABLES, *IN_THE_ROWS)]
            return [diagnosis.database(_said(error)), *unknown]
        try:
            rows = self._rows(told)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises is what is to be told
            # Where tables are missing that is why, and has been told.
            first, *others = IN_THE_ROWS
            why, light = f"the rows cannot be read ({_said(error)})", Light.AMBER if missing else Light.RED
            rows = [not_looked_at(first, why, light=light), *(not_looked_at(each, why) for each in others)]
        return [diagnosis.database(None), clock, diagnosis.tables(missing), *rows]

    def _clock(self, tx: Transaction) -> Finding:
        """In here, so that no connection is made between the two looks at our own clock."""
        now = self.context.clock.now
        tx.clock()  # once before, for whatever a first statement takes longer
        before, theirs, after = now(), tx.clock(), now()
        round_trip = after - before
        return diagnosis.clock(before + round_trip / 2 - theirs, round_trip, self.context.policy)

    def _rows(self, told: Told) -> list[Finding]:
        survey, number = Survey(self.context.keys, self.context.policy), 0
        keys = KeyCases(self.context).status()
        for batch in self._batches():
            # By the clock after it was read: users go on signing in meanwhile.
            at = self.context.clock.now()
            for found in batch:
                survey.look_at(found, at)
            number += len(batch)
            told(number)
        counts = {key.key_id: key.total for key in keys.keys}
        return [
            diagnosis.rows_per_key(counts, self.context.keys.key_ids, keys.warnings),
            diagnosis.sealed_values(survey.opened, survey.closed.users),
            diagnosis.backup_codes(survey.few.users),
            diagnosis.set_ups(survey.expired, survey.enrolled, survey.impossible.users, survey.bare.users),
            diagnosis.last_steps(survey.beyond.users, survey.furthest),
            diagnosis.webauthn_keys(
                survey.holders.count, survey.holders.users if self.context.ceremonies is None else Users()
            ),
        ]

    def _batches(self) -> Iterator[Sequence[FoundEnrollment]]:
        after: UserId | None = None
        while True:
            begin = after
            batch = self.context.store.read(lambda tx: tx.enrollments(after=begin, at_most=ENROLLMENTS_AT_ONCE))  # noqa: B023 - run at once
            yield batch
            if len(batch) < ENROLLMENTS_AT_ONCE:
                return
            after = batch[-1].user_id


def _said(error: Exception) -> str:
    """By the name of what is behind it: the text of a driver's error may hold an address, or a password."""
    return str(error) if isinstance(error, ConfigurationError) else type(error.__cause__ or error).__name__
