"""When which probe is due, and what is known from all of them. No clock of its own, and nothing is asked here."""

from lethe.providers.probe import ProbeTask
from lethe.providers.proofs import BY_PROBE
from lethe.retention.classes import AHEAD
from lethe.retention.standing import Finding
from lethe.upstream.probes.verdict import Reason, Verdict

OVERDUE = 60.0  # seconds after which a probe that has not answered has failed


class _Entry:
    def __init__(self, task: ProbeTask, due: float) -> None:
        self.task = task
        self.due = due
        self.since: float | None = None  # when it was asked, while it is
        self.failures = 0  # in a row
        self.doubts = 0  # of responses that did not attest
        self.doubted = 0.0
        self.finding: Finding | None = None


class Schedule:
    """`now` is monotonic, `at` is the time of day, both in seconds.

    An answer that holds is asked for again after the task's `every`; a failure counts at once, and is asked about again
    after a wait that doubles. What the time of day has made too old, as after a sleep, is asked for again at once. A
    doubt is a failure which a good answer does not make forget for as long as that counts.
    """

    def __init__(self) -> None:
        self._entries: dict[ProbeTask, _Entry] = {}

    @property
    def tasks(self) -> tuple[ProbeTask, ...]:
        return tuple(self._entries)

    def order(self, tasks: tuple[ProbeTask, ...], now: float) -> None:
        """Know these and forget others; what is known of the same question stays."""
        self._entries = {task: self._entries.get(task) or _Entry(task, now) for task in tasks}

    def due(self, now: float, at: float) -> list[ProbeTask]:
        """Those to ask now, with `now` as their beginning; one that takes too long has failed."""
        for entry in self._entries.values():
            if entry.since is not None and now - entry.since >= OVERDUE:
                self._settle(entry, Verdict(holds=False, reason=Reason.SLOW), now, at)
        idle = [entry for entry in self._entries.values() if entry.since is None]
        ready = [entry for entry in idle if entry.due <= now or _ended(entry.finding, at)]
        for entry in ready:
            entry.since = now
        return [entry.task for entry in ready]

    def next(self) -> float | None:
        """When to look again; None when there is nothing."""
        times = [entry.due if entry.since is None else entry.since + OVERDUE for entry in self._entries.values()]
        return min(times, default=None)

    def settle(self, task: ProbeTask, verdict: Verdict, *, began: float, now: float, at: float) -> None:
        """The answer to what was asked at `began`; one that nobody waits for any more changes nothing."""
        entry = self._entries.get(task)
        if entry is not None and entry.since == began:
            self._settle(entry, verdict, now, at)

    def doubt(self, task: ProbeTask, now: float, at: float) -> None:
        """A response did not attest what this probe says: it has failed, whatever it says next."""
        entry = self._entries.get(task)
        if entry is None:
            return
        if now - entry.doubted > task.max_age:
            entry.doubts = 0
        entry.doubts += 1
        entry.doubted = now
        self._settle(entry, Verdict(holds=False, reason=Reason.NOT_ATTESTED), now, at)

    def findings(self) -> dict[ProbeTask, Finding]:
        """What is known; a task that has not been settled yet is not in it."""
        return {task: entry.finding for task, entry in self._entries.items() if entry.finding is not None}

    def _settle(self, entry: _Entry, verdict: Verdict, now: float, at: float) -> None:
        task, row = entry.task, BY_PROBE[entry.task.probe]
        entry.since = None
        entry.failures = 0 if verdict.holds else entry.failures + 1
        strikes = entry.failures if verdict.reason is not Reason.NOT_ATTESTED else entry.doubts
        entry.due = now + (min(row.longest, row.retry * 2 ** min(strikes - 1, 16)) if strikes else task.every)
        entry.finding = Finding(
            upstream=task.upstream,
            probe=task.probe,
            holds=verdict.holds,
            reason=verdict.reason.value,
            at=at,
            until=at + task.max_age,
            models=verdict.models,
        )


def _ended(finding: Finding | None, at: float) -> bool:
    """Does a good answer count no more at that time of day?"""
    return finding is not None and finding.holds and not finding.at - AHEAD <= at < finding.until
