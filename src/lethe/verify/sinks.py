"""The places where something of a request could come to rest, and what may come of looking there."""

from enum import StrEnum

from msgspec import Struct


class Sink(StrEnum):
    """Value: its name in reports."""

    STDOUT = "stdout"
    STDERR = "stderr"
    LEDGER = "ledger"  # every line under its closed schema; no line at all at A and B
    FILES = "files"  # created or changed
    OPEN_FILES = "open files"  # of the processes, deleted ones and memory files too
    SYSCALLS = "syscalls"
    MEMORY = "memory"
    PROCESS = "process"  # environment, arguments and names of the processes
    SOCKETS = "sockets"  # connections to others than callers, upstreams and DNS
    TRAPS = "traps"  # what variables of the environment would redirect: proxies, telemetry, key logs
    PAGES = "pages"  # health, readiness, metrics, posture
    EGRESS = "egress"  # what upstreams get beyond the request that is theirs
    CALLERS = "callers"  # what callers get beyond the answer that is theirs
    EVIDENCE = "evidence"  # the report itself


class Verdict(StrEnum):
    CLEAN = "clean"
    HIT = "hit"
    INCONCLUSIVE = "inconclusive"  # it could not be looked at: never a pass


class Hit(Struct, frozen=True):
    """Something that should not be there. `what` is the form of a canary or a fixed phrase; `where` narrows it down.

    Neither the canary nor what stands beside it is in here. `position` and `case` are empty where no canary tells.
    """

    sink: Sink
    what: str
    where: str = ""
    position: str = ""
    case: str = ""


class Looked(Struct, frozen=True):
    """What one look at a sink came to. `reasons` say what could not be looked at.

    One that `covers` has seen all that there is, so that it makes up for others that could not.
    """

    sink: Sink
    scanned: int = 0  # bytes, or things where there are no bytes
    hits: tuple[Hit, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    covers: bool = False

    @property
    def verdict(self) -> Verdict:
        if self.hits:
            return Verdict.HIT
        return Verdict.INCONCLUSIVE if self.reasons else Verdict.CLEAN
