"""One configuration with all that is needed to verify it, and the account of what was seen."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from msgspec import Struct

from lethe.config.settings import Settings
from lethe.verify import memory
from lethe.verify.canary import Mint
from lethe.verify.hits import merged
from lethe.verify.instance import Instance
from lethe.verify.memory import Copies
from lethe.verify.search import Search
from lethe.verify.sinks import Looked, Sink
from lethe.verify.sockets import Peers
from lethe.verify.throwaway import Throwaway, throwaway
from lethe.verify.traffic import Progress, Traffic
from lethe.verify.upstreams import Scripted, prepared, scripted


class Clock(Struct, frozen=True):
    """`now` is Unix time; `wait` sleeps so many seconds; `random` makes so many bytes."""

    now: Callable[[], float]
    wait: Callable[[float], None]
    random: Callable[[int], bytes]


class Stage:
    """`content` are the canaries of requests and answers, `secrets` the configured ones, which may be in memory."""

    def __init__(self, settings: Settings, upstreams: Scripted, clock: Clock, progress: Progress) -> None:
        ready = prepared(settings, upstreams)
        self.settings = settings
        self.upstreams = upstreams
        self.clock = clock
        self.progress = progress
        self.content = Mint(clock.random)
        self.secrets = Mint(clock.random)
        self.bases = (*upstreams.bases, *(each.base_url for each in ready.plan.upstreams[len(upstreams.bases) :]))
        self.made: Throwaway = throwaway(ready, self.bases, self.secrets, clock.now(), upstreams.authority)
        self.find_content = Search(self.content)
        self.find_secrets = upstreams.errands.strays.secrets = Search(self.secrets)

    @property
    def searches(self) -> tuple[Search, Search]:
        return self.find_content, self.find_secrets

    def peers(self, instance: Instance) -> Peers:
        """Whom an instance may speak to."""
        places = [urlsplit(base) for base in self.bases]
        upstreams = frozenset((place.hostname or "", place.port or 80) for place in places)
        return Peers(urlsplit(instance.url).port or 0, upstreams)


@contextmanager
def staged(settings: Settings, clock: Clock, progress: Progress) -> Iterator[Stage]:
    with scripted(settings.plan) as upstreams:
        yield Stage(settings, upstreams, clock, progress)


class Account:
    """What all passes over one or several configurations came to."""

    def __init__(self) -> None:
        self._looks: list[Looked] = []
        self.searches: list[Search] = []  # of all configurations
        self.requests = self.served = self.canaries = 0
        self.unseen: dict[str, int] = {}  # position -> canaries that were never seen to arrive
        self.unseen_in: dict[str, None] = {}  # and the cases that these belong to
        self.faults: dict[str, None] = {}
        self.unserved: dict[str, None] = {}
        self.at_completion = Copies()

    def add(self, looks: Iterable[Looked]) -> None:
        self._looks += looks

    def travelled(self, traffic: Traffic) -> None:
        """The traffic's own account, with what it saw at upstreams and callers."""
        self.requests += traffic.requests
        self.served += traffic.served
        self.faults.update(dict.fromkeys(traffic.faults))
        self.unserved.update(dict.fromkeys(traffic.unserved))
        for sink in (Sink.EGRESS, Sink.CALLERS):
            hits = tuple(hit for hit in traffic.hits if hit.sink is sink)
            self._looks.append(Looked(sink, traffic.requests, hits))
        others = [hit for hit in traffic.hits if hit.sink not in (Sink.EGRESS, Sink.CALLERS)]
        self._looks += [Looked(hit.sink, 0, (hit,)) for hit in others]

    def join(self, other: "Account") -> None:
        """What came of another configuration, too."""
        self._looks += other._looks
        self.searches += other.searches
        self.requests += other.requests
        self.served += other.served
        self.canaries += other.canaries
        self.faults |= other.faults
        self.unseen_in |= other.unseen_in
        self.unserved |= other.unserved
        for position, count in other.unseen.items():
            self.unseen[position] = self.unseen.get(position, 0) + count
        mine, theirs = self.at_completion, other.at_completion
        self.at_completion = Copies(mine.prompt + theirs.prompt, mine.answer + theirs.answer)

    def close(self, stage: Stage) -> None:
        """Count the canaries of a configuration, once, at its end."""
        self.canaries += len(stage.content.canaries)
        self.searches += stage.searches
        for canary in stage.content.unseen():
            self.unseen[canary.position] = self.unseen.get(canary.position, 0) + 1
            self.unseen_in[canary.case] = None

    @property
    def sinks(self) -> dict[Sink, Looked]:
        return merged(self._looks)

    @property
    def copies(self) -> Copies:
        """Pieces in memory when there should be none any more."""
        look = self.sinks.get(Sink.MEMORY)
        return memory.copies(look.hits) if look is not None else Copies()
