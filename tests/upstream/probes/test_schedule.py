"""When probes are due and what is known, by a clock that the test moves."""

import pytest

from lethe.providers.probe import ProbeTask
from lethe.retention.standing import Finding
from lethe.upstream.probes.schedule import OVERDUE, Schedule
from lethe.upstream.probes.verdict import Reason, Verdict

HOLDS = Verdict(holds=True, reason=Reason.PROVEN, models=("m",))
FAILS = Verdict(holds=False, reason=Reason.STATUS)
TASK = ProbeTask(upstream="u", probe="openai.data_retention", every=43_200.0)
OTHER = ProbeTask(upstream="u", probe="xai.response_header")
ENGINE = ProbeTask(upstream="e", probe="llamacpp.flags", every=15.0, max_age=60.0)
AT = 1_790_000_000.0


class Days:
    """A schedule with a clock: `day.at` is the time of day at the monotonic time `day.now`."""

    def __init__(self, *tasks: ProbeTask) -> None:
        self.now = 1000.0
        self.schedule = Schedule()
        self.schedule.order(tasks, self.now)

        self.stepped = 0.0  # seconds by which the time of day was set

    @property
    def at(self) -> float:
        return AT + self.now + self.stepped

    def due(self) -> list[ProbeTask]:
        return self.schedule.due(self.now, self.at)

    def settle(self, verdict: Verdict, task: ProbeTask = TASK, began: float | None = None) -> None:
        began = self.now if began is None else began
        self.schedule.settle(task, verdict, began=began, now=self.now, at=self.at)

    def asked(self, verdict: Verdict, task: ProbeTask = TASK) -> float:
        """Let it be asked when it is next due, and answered at once; the wait for it, in seconds."""
        when = self.schedule.next()
        assert when is not None
        waited, self.now = when - self.now, when
        assert self.due() == [task]
        self.settle(verdict, task)
        return waited

    def finding(self, task: ProbeTask = TASK) -> Finding:
        return self.schedule.findings()[task]


def test_what_is_new_is_due_at_once_and_only_once() -> None:
    days = Days(TASK, OTHER)
    assert days.schedule.findings() == {}
    assert days.due() == [TASK, OTHER]
    assert days.due() == []


def test_a_finding_says_when_and_until() -> None:
    days = Days(TASK)
    days.asked(HOLDS)
    assert days.finding() == Finding(
        upstream="u",
        probe="openai.data_retention",
        holds=True,
        reason="proven",
        at=days.at,
        until=days.at + 86_400,
        models=("m",),
    )


def test_answers_that_hold_are_asked_for_again_before_they_are_too_old() -> None:
    days = Days(TASK)
    assert [days.asked(HOLDS) for _ in range(3)] == [0.0, 43_200.0, 43_200.0]
    assert days.finding().until - days.at == 86_400.0


@pytest.mark.parametrize(
    ("step", "due"), [(86_399.0, False), (86_400.0, True), (10 * 86_400.0, True), (-60.0, False), (-61.0, True)]
)
def test_what_the_time_of_day_makes_too_old_is_asked_again(step: float, due: bool) -> None:
    """A machine that has slept, or whose clock was wrong when it started."""
    days = Days(TASK)
    days.asked(HOLDS)
    days.stepped = step
    assert days.due() == ([TASK] if due else [])
    if due:
        days.settle(HOLDS)
        assert days.due() == []


def test_a_failure_waits_whatever_the_time_of_day() -> None:
    days = Days(TASK)
    days.asked(FAILS)
    days.stepped = 10 * 86_400.0
    assert days.due() == []


def test_a_failure_overrides_an_older_success_at_once() -> None:
    days = Days(TASK)
    days.asked(HOLDS)
    days.asked(FAILS)
    assert (days.finding().holds, days.finding().reason, days.finding().models) == (False, Reason.STATUS, ())


def test_after_failures_the_wait_doubles_from_one_minute_to_fifteen() -> None:
    days = Days(TASK)
    assert [days.asked(FAILS) for _ in range(8)] == [0.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]
    assert days.asked(HOLDS) == 900.0
    assert days.asked(FAILS) == 43_200.0
    assert days.asked(HOLDS) == 60.0


def test_engines_are_looked_at_often() -> None:
    days = Days(ENGINE)
    assert [days.asked(HOLDS, ENGINE) for _ in range(2)] == [0.0, 15.0]
    assert days.finding(ENGINE).until - days.at == 60.0
    assert [days.asked(FAILS, ENGINE) for _ in range(4)] == [15.0, 5.0, 10.0, 15.0]


def test_a_probe_that_takes_too_long_has_failed() -> None:
    days = Days(TASK)
    began = days.now
    days.due()
    assert days.schedule.next() == began + OVERDUE
    days.now += OVERDUE
    assert days.due() == []
    assert days.finding().reason == Reason.SLOW
    days.settle(HOLDS, began=began)  # too late
    assert not days.finding().holds


def test_a_late_answer_is_not_taken_for_that_of_the_next_question() -> None:
    days = Days(TASK)
    began = days.now
    days.due()
    days.now += OVERDUE
    days.due()
    days.now += 60.0
    assert days.due() == [TASK]
    days.settle(HOLDS, began=began)
    assert not days.finding().holds


def test_what_is_known_of_the_same_question_stays() -> None:
    days = Days(TASK, OTHER)
    days.due()
    days.settle(HOLDS)
    days.schedule.order((TASK, ENGINE), days.now)
    assert days.schedule.findings().keys() == {TASK}
    assert days.due() == [ENGINE]
    days.settle(HOLDS, OTHER)  # asked no more
    assert days.schedule.findings().keys() == {TASK}
    days.schedule.order((), days.now)
    assert (days.schedule.findings(), days.schedule.next()) == ({}, None)


def test_another_target_is_another_question() -> None:
    days = Days(TASK)
    days.asked(HOLDS)
    changed = ProbeTask(upstream="u", probe="openai.data_retention", target="proj_other")
    days.schedule.order((changed,), days.now)
    assert days.schedule.findings() == {}
    assert days.due() == [changed]


def doubt(days: Days) -> None:
    days.schedule.doubt(OTHER, days.now, days.at)


def test_a_doubt_is_a_failure_and_outlasts_good_answers() -> None:
    """Each doubt has cost a prompt: a provider that says one thing there and another here is not tried every minute."""
    days = Days(OTHER)
    days.asked(HOLDS, OTHER)
    waits = []
    for _ in range(6):
        doubt(days)
        assert (days.finding(OTHER).holds, days.finding(OTHER).reason) == (False, Reason.NOT_ATTESTED)
        waits.append(days.asked(HOLDS, OTHER))
    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    days.now += OTHER.max_age + 1
    days.due()
    days.settle(HOLDS, OTHER)
    doubt(days)
    assert days.asked(HOLDS, OTHER) == 60.0


def test_an_answer_under_way_does_not_end_a_doubt() -> None:
    days = Days(OTHER)
    began = days.now
    days.due()
    doubt(days)
    days.settle(HOLDS, OTHER, began=began)
    assert not days.finding(OTHER).holds


def test_a_doubt_on_what_is_not_asked_is_nothing() -> None:
    days = Days(TASK)
    doubt(days)
    assert days.schedule.findings() == {}
