"""The few requests that make a planted leak leak, and what is left behind afterwards."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lethe.verify.canary import Mint
from lethe.verify.cases import CONVERSING, Case, pairs
from lethe.verify.modes import Mode
from lethe.verify.mutants.plants import MARK, log_path
from lethe.verify.mutants.roster import MUTANTS, Moment, Mutant
from lethe.verify.sinks import Hit, Sink
from lethe.verify.traffic import Site, Traffic, disturb, end_workers, follow
from lethe.verify.upstreams import Scripted

_MODES: dict[Moment, Mode] = {
    Moment.SUCCESS: Mode.SERVED,
    Moment.UPSTREAM_ERROR: Mode.STATUS_500,
    Moment.CANCEL: Mode.GONE_BEFORE,
    Moment.CRASH: Mode.SERVED,
}
_PLACES = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108 - the places where leaks lie


def provoke(mutant: Mutant, site: Site, upstreams: Scripted, mint: Mint, trap: int) -> Traffic:
    """The moment of the mutant, and then two plain requests, into which something could have been carried over.

    `trap` is the port of `instance.trap`.
    """
    case = partial(_case, site, MUTANTS.index(mutant))
    with _log(trap) as log:
        if mutant.dies:
            act = partial(end_workers, site, signal.SIGABRT)
            first = disturb(site, upstreams, mint, Mode.WORKER_ABORTS, act)
        else:
            first = follow(site, upstreams, mint, [case(_MODES[mutant.moment])])
        passes = [first, *(follow(site, upstreams, mint, [case(Mode.SERVED)]) for _ in range(2))]
        hits = tuple(dict.fromkeys(hit for each in passes for hit in each.hits))
        if _came(log, mint):
            hits = (*hits, Hit(Sink.SOCKETS, "sent to a log's socket"))
    requests, served = (sum(counts) for counts in zip(*((each.requests, each.served) for each in passes), strict=True))
    return Traffic(requests=requests, served=served, hits=hits)


@contextmanager
def _log(trap: int) -> Iterator[socket.socket]:
    """A socket such as /dev/log is."""
    path = Path(log_path(trap))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(0.0)
        try:
            yield log
        finally:
            path.unlink(missing_ok=True)


def _came(log: socket.socket, mint: Mint) -> bool:
    try:
        return mint.tag.encode() in log.recv(64 * 1024)
    except BlockingIOError:
        return False


def clear(trap: int) -> None:
    """Remove the files that the mutant with this trap has left outside the instance's own folders."""
    for place in _PLACES:
        for path in place.glob(f"{MARK}-{trap}*"):
            path.unlink(missing_ok=True)


def _case(site: Site, number: int, mode: Mode) -> Case:
    """Each mutant leaks what came by another front and went another way than the one before it."""
    fronts, led = sorted(CONVERSING), pairs(site.plan)
    return Case(front=fronts[number % len(fronts)], mode=mode, pair=led[number % len(led)], stream=False)
