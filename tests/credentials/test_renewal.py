"""When secrets are asked for again, on a clock of the test's own."""

import pytest

from lethe.credentials.issued import Issued
from lethe.credentials.renewal import ENDED, LONGEST, NOT_YET, REREAD, SOONEST, STUCK, Renewals, lasting
from lethe.credentials.static import Unresolved

UNIX = 1_800_000_000.0  # of the clock's zero


class Clock:
    """Renewals with the time passing; what is asked is answered by `answers`, at once."""

    def __init__(self, *references: str) -> None:
        self.now = 1000.0
        self.renewals = Renewals()
        self.renewals.order(references, self.now)

    def settle(self, reference: str, value: str | None = None, lives: float | None = None) -> None:
        outcome: Issued | Unresolved = Unresolved(reference, "because")
        if value is not None:
            outcome = Issued(value, None if lives is None else UNIX + self.now + lives)
        self.renewals.settle(reference, outcome, self.now, UNIX + self.now)

    def wait(self) -> float:
        """Until there is something to do; how long that was."""
        until = self.renewals.next()
        assert until is not None
        waited, self.now = until - self.now, max(self.now, until)
        return waited

    def start(self) -> list[str]:
        return self.renewals.start(self.now)

    def changed(self) -> dict[str, str]:
        return self.renewals.changed(self.now)


@pytest.mark.parametrize(
    ("lives", "waits"),
    [
        (None, REREAD),
        (3600, 2400),  # a third is left
        (86400, 57600),
        (900, 600),
        (600, 300),  # five minutes are left
        (480, 240),  # it does not live long enough for that
        (60, 30),
        (4, 2),
        (1, SOONEST),
        (-100, SOONEST),
    ],
)
def test_how_long_an_answer_is_good(lives: float | None, waits: float) -> None:
    assert lasting(lives) == waits


def test_a_secret_is_replaced_before_it_ends() -> None:
    clock = Clock("aws:")
    assert clock.renewals.pending
    assert clock.start() == ["aws:"]
    assert clock.start() == []  # it is being asked
    clock.settle("aws:", "one", 3600)
    assert not clock.renewals.pending
    assert (clock.changed(), clock.changed()) == ({"aws:": "one"}, {})
    assert clock.wait() == 2400
    assert clock.start() == ["aws:"]
    clock.settle("aws:", "two", 3600)
    assert clock.changed() == {"aws:": "two"}


def test_a_source_that_gives_the_same_until_its_end_is_asked_more_often_and_not_without_pause() -> None:
    """Metadata servers answer from a cache until shortly before the end."""
    clock = Clock("aws:")
    ends, waits = clock.now + 3600, []
    while clock.now < ends:
        if clock.start():
            clock.settle("aws:", "one", ends - clock.now)
            clock.changed()
        waits.append(clock.wait())
    assert len(waits) < 20
    assert min(waits[:-1]) >= SOONEST
    assert sum(wait > 60 for wait in waits) < 8


def test_the_old_one_is_kept_while_asking_fails_and_withdrawn_when_it_ends() -> None:
    clock = Clock("aws:")
    clock.start()
    clock.settle("aws:", "one", 600)
    clock.changed()
    clock.wait()
    waits = []
    while clock.now < 1000 + 600:
        if clock.start():
            clock.settle("aws:")
        assert clock.renewals.values(clock.now) == {"aws:": "one"}
        assert clock.changed() == {}
        waits.append(clock.wait())
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert max(waits) == LONGEST
    assert clock.changed() == {"aws:": ""}
    assert clock.changed() == {}
    assert (clock.renewals.values(clock.now), clock.renewals.missing(clock.now)) == ({}, {"aws:": "because"})
    while not clock.start():
        assert clock.wait() <= LONGEST
    clock.settle("aws:", "two", 600)
    assert clock.changed() == {"aws:": "two"}


def test_after_an_answer_failures_count_from_the_beginning() -> None:
    clock = Clock("aws:")
    for _ in range(30):
        clock.wait()
        clock.start()
        clock.settle("aws:")
    assert clock.wait() == LONGEST
    clock.start()
    clock.settle("aws:", "one", 600)
    clock.wait()
    clock.start()
    clock.settle("aws:")
    assert clock.wait() == SOONEST


def test_what_has_no_end_is_read_again() -> None:
    clock = Clock("aws-sm:x")
    clock.start()
    clock.settle("aws-sm:x", "one")
    clock.changed()
    assert clock.wait() == REREAD
    clock.start()
    clock.settle("aws-sm:x", "one")
    assert clock.changed() == {}
    clock.wait()
    clock.start()
    clock.settle("aws-sm:x")
    clock.now += 10 * REREAD
    assert clock.renewals.values(clock.now) == {"aws-sm:x": "one"}


def test_one_that_has_failed_at_first_comes_later() -> None:
    clock = Clock("aws:", "google:")
    assert sorted(clock.start()) == ["aws:", "google:"]
    clock.settle("aws:")
    assert clock.renewals.pending
    assert clock.renewals.missing(clock.now) == {"aws:": "because", "google:": NOT_YET}
    clock.settle("google:", "g", 3600)
    assert not clock.renewals.pending
    assert clock.renewals.values(clock.now) == {"google:": "g"}
    assert clock.changed() == {}  # values have told of it
    assert clock.wait() == SOONEST
    assert clock.start() == ["aws:"]
    clock.settle("aws:", "a", 3600)
    assert clock.changed() == {"aws:": "a"}


def test_another_order_keeps_what_is_known_and_forgets_the_rest() -> None:
    clock = Clock("aws:", "google:")
    clock.start()
    clock.settle("aws:", "a", 3600)
    clock.renewals.order(["aws:", "azure:"], clock.now)
    clock.settle("google:", "g", 3600)  # an answer that nobody waits for any more
    assert clock.renewals.values(clock.now) == {"aws:": "a"}
    assert clock.start() == ["azure:"]
    assert clock.renewals.next() is not None
    clock.renewals.order([], clock.now)
    assert clock.renewals.next() is None


def test_a_question_without_an_answer_is_noticed() -> None:
    clock = Clock("aws:")
    clock.start()
    assert not clock.renewals.stuck(clock.now)
    assert clock.wait() == STUCK
    assert clock.renewals.stuck(clock.now)


def test_one_that_had_ended_when_it_came_is_a_failure() -> None:
    """Where this machine's clock is ahead, whoever issues it would be asked every second."""
    clock = Clock("aws:")
    waits = []
    for lives in (-1, 0, -4000, -4000):
        assert clock.start() == ["aws:"]
        clock.settle("aws:", "old", lives)
        assert (clock.changed(), clock.renewals.values(clock.now)) == ({}, {})
        assert clock.renewals.missing(clock.now) == {"aws:": ENDED}
        waits.append(clock.wait())
    assert waits == [1, 2, 4, 8]


def test_one_that_still_counts_outlasts_one_that_had_ended_when_it_came() -> None:
    clock = Clock("aws:")
    clock.start()
    clock.settle("aws:", "good", 600)
    clock.wait()
    clock.start()
    clock.settle("aws:", "old", -1)
    assert clock.renewals.values(clock.now) == {"aws:": "good"}
