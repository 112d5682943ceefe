"""An upstream that may be asked, what its class rests on, and what came of it."""

from collections.abc import Sequence

from msgspec import Struct

from lethe.errors import LetheError, UpstreamAnswered, UpstreamError
from lethe.ir.grammar import StreamFailed
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Standing
from lethe.retention.surface import PROBED, EvidenceKind
from lethe.routing.attempts import Attempt
from lethe.server.lanes import Lane
from lethe.upstream.call import Call

_RESTS = frozenset({*PROBED, EvidenceKind.CONTRACT})


class Admitted(Struct, frozen=True):
    """`used` are features of the request that make the class worse; `silent` is the class if the response does not
    attest what it should.
    """

    attempt: Attempt
    lane: Lane
    call: Call
    standing: Standing
    used: tuple[tuple[str, UpstreamClass], ...]
    silent: UpstreamClass | None

    @property
    def upstream_class(self) -> UpstreamClass:
        """With what the request uses."""
        return lowered(self.standing.upstream_class, self.used)

    @property
    def carve_outs(self) -> tuple[str, ...]:
        """What a proof or contract leaves out, where the class rests on one."""
        rests = self.standing.kind in _RESTS and self.upstream_class is self.standing.upstream_class
        return self.standing.carve_outs if rests else ()


class Failure(Struct, frozen=True):
    """An attempt that came to nothing; one that was not made has no class."""

    error: LetheError
    attempt: Attempt
    upstream_class: UpstreamClass | None
    carve_outs: tuple[str, ...]


def telling(failures: Sequence[Failure]) -> Failure:
    """The last upstream that said something itself, else the last that was asked, else the last refusal of ours."""
    for kinds in ((UpstreamAnswered, StreamFailed), UpstreamError):
        for failure in reversed(failures):
            if isinstance(failure.error, kinds):
                return failure
    return failures[-1]


def lowered(upstream_class: UpstreamClass, used: Sequence[tuple[str, UpstreamClass]]) -> UpstreamClass:
    """An upstream's class with what a request uses."""
    return max(upstream_class, *(kept for _, kept in used)) if used else upstream_class
