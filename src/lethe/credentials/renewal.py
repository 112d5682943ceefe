"""When what was issued is asked for again: before it ends, and while that fails, again and again."""

from collections.abc import Collection

from msgspec import Struct

from lethe.credentials.issued import Issued
from lethe.credentials.static import Unresolved

REREAD = 300.0  # seconds between looks at what has no end
MARGIN = 300.0  # seconds before its end at which it is to be replaced, where it lives long enough
SOONEST, LONGEST = 1.0, 60.0  # seconds between two questions; the wait doubles while they fail
STUCK = 300.0  # seconds that no question takes
ENDED = "it had ended already when it came: is the clock of this machine right?"
NOT_YET = "it is not here yet: whoever issues it takes long to answer"


class _Held(Struct):
    """What is known of one reference. `told` is what others have been given; empty once that has ended."""

    due: float
    running: float | None = None
    issued: Issued | None = None
    ends: float | None = None
    reason: str | None = None  # why the last question failed
    failures: int = 0
    told: str | None = None


def lasting(remaining: float | None) -> float:
    """Seconds to wait before the next question, when the answer is good for so long."""
    if remaining is None:
        return REREAD
    margin = max(remaining / 3, min(MARGIN, remaining / 2))
    return max(SOONEST, remaining - margin)


class Renewals:
    """`now` is any clock that does not jump, and counts while the machine sleeps; `at` is Unix time."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def order(self, references: Collection[str], now: float) -> None:
        """Care for these from now on and forget others; what is known of them already stays."""
        self._held = {each: self._held.get(each) or _Held(due=now) for each in references}

    def start(self, now: float) -> list[str]:
        """Those to be asked for now: they count as asked."""
        due = [each for each, held in self._held.items() if held.running is None and held.due <= now]
        for each in due:
            self._held[each].running = now
        return due

    def settle(self, reference: str, outcome: Issued | Unresolved, now: float, at: float) -> None:
        """The answer to what was started."""
        held = self._held.get(reference)
        if held is None:
            return
        held.running = None
        remaining = None if isinstance(outcome, Unresolved) or outcome.expires is None else outcome.expires - at
        if remaining is not None and remaining <= 0:
            outcome = Unresolved(reference, ENDED)
        if isinstance(outcome, Unresolved):
            held.reason = outcome.reason
            held.due = now + min(SOONEST * 2**held.failures, LONGEST)
            held.failures = min(held.failures + 1, 10)
            return
        held.issued, held.reason, held.failures = outcome, None, 0
        held.ends = None if remaining is None else now + remaining
        held.due = now + lasting(remaining)

    @property
    def pending(self) -> bool:
        """Is anything without any answer so far?"""
        return any(held.issued is None and held.reason is None for held in self._held.values())

    def values(self, now: float) -> dict[str, str]:
        """All that counts now."""
        found = {each: value for each, held in self._held.items() if (value := _value(held, now))}
        for each, value in found.items():
            self._held[each].told = value
        return found

    def missing(self, now: float) -> dict[str, str]:
        """Why the others are not there."""
        return {each: held.reason or NOT_YET for each, held in self._held.items() if not _value(held, now)}

    def changed(self, now: float) -> dict[str, str]:
        """What is another than was told last; empty text for what has ended."""
        found: dict[str, str] = {}
        for each, held in self._held.items():
            value = _value(held, now)
            if value != (held.told or ""):
                found[each] = held.told = value
        return found

    def next(self) -> float | None:
        """When there is something to do, if no answer comes before."""
        times = [held.due for held in self._held.values() if held.running is None]
        times += [held.ends for held in self._held.values() if held.told and held.ends is not None]
        times += [held.running + STUCK for held in self._held.values() if held.running is not None]
        return min(times, default=None)

    def stuck(self, now: float) -> bool:
        """Has a question taken so long that no answer will come?"""
        return any(held.running is not None and now - held.running >= STUCK for held in self._held.values())


def _value(held: _Held, now: float) -> str:
    if held.issued is None or (held.ends is not None and held.ends <= now):
        return ""
    return held.issued.value
