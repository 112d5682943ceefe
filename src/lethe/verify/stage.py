"""One configuration with all that is needed to verify it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from msgspec import Struct

from lethe.config.settings import Settings
from lethe.verify.canary import Mint
from lethe.verify.instance import Instance
from lethe.verify.search import Search
from lethe.verify.sockets import Peers
from lethe.verify.throwaway import Throwaway, throwaway
from lethe.verify.traffic import Progress
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
