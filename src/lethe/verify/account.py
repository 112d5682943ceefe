"""What came of looking: all that was sent, seen and found, over one or several configurations."""

from collections.abc import Iterable

from lethe.verify import memory
from lethe.verify.hits import merged
from lethe.verify.memory import Copies
from lethe.verify.search import Search
from lethe.verify.sinks import Looked, Sink
from lethe.verify.stage import Stage
from lethe.verify.traffic import Traffic


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
