"""The supervisor's end of a channel: whatever a worker does, the others are served."""

import signal
import socket
from collections.abc import Callable, Iterator

import pytest
from tests.sandbox import messages

from lethe.ledger.pages import Page
from lethe.sandbox import channel
from lethe.sandbox.channel import (
    FROM_WORKER,
    Configure,
    Events,
    FromWorker,
    Inbox,
    PageIs,
    PageWanted,
    Ready,
    frame,
)
from lethe.sandbox.peer import Peer
from lethe.sandbox.reactor import Reactor


class Ends:
    def __init__(self) -> None:
        ours, self.worker = socket.socketpair()
        self.ours = ours
        self.reactor = Reactor()
        self.heard: list[FromWorker] = []
        self.broken = 0
        self.on_message: Callable[[FromWorker], None] = self.heard.append
        self.peer = Peer(self.reactor, ours, Inbox(FROM_WORKER), self._hear, self._break)

    def turn(self, seconds: float = 0.02) -> None:
        """Let the reactor do what there is to do."""
        self.reactor._stopped = False
        self.reactor.later(seconds, self.reactor.stop)
        self.reactor.run()

    def _hear(self, message: FromWorker) -> None:
        self.on_message(message)

    def _break(self) -> None:
        self.broken += 1


@pytest.fixture
def ends() -> Iterator[Ends]:
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    made = Ends()
    try:
        yield made
    finally:
        made.peer.finish()
        made.worker.close()
        made.reactor.close()


def test_messages_are_heard(ends: Ends) -> None:
    ends.worker.sendall(b"".join(map(frame, messages.FROM_WORKER)))
    ends.turn()
    assert ends.heard == messages.FROM_WORKER
    assert ends.broken == 0


def test_what_a_worker_does_not_read_waits(ends: Ends) -> None:
    page = PageIs(1, bytes(4 * 1024 * 1024))
    ends.peer.say(page)
    ends.worker.setblocking(False)
    got = b""
    while len(got) < len(frame(page)):
        ends.turn(0.001)
        try:
            got += ends.worker.recv(1 << 20)
        except BlockingIOError:
            continue
    assert got == frame(page)


@pytest.mark.parametrize(
    "nonsense",
    [b"\0\0\0\0\0", frame(Configure(1, messages.PLAN, {})), b"\x05\x01\0\0\0\xc1"],
    ids=["kind", "way", "body"],
)
def test_nonsense_breaks_it_once(nonsense: bytes, ends: Ends) -> None:
    ends.worker.sendall(frame(Ready()) + nonsense * 3)
    ends.turn()
    assert (ends.heard, ends.broken) == ([Ready()], 1)
    assert ends.worker.recv(1) == b""
    ends.peer.say(PageIs(1, b"x"))  # nobody is there: nothing happens


def test_what_the_supervisor_refuses_breaks_it(ends: Ends) -> None:
    def refuse(_: FromWorker) -> None:
        raise ValueError("not a record")

    ends.on_message = refuse
    ends.worker.sendall(frame(Events(b"x")))
    ends.turn()
    assert ends.broken == 1


def test_a_worker_that_never_reads_is_taken_for_dead(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "BREAK_ABOVE", 1024 * 1024)
    for _ in range(20):
        ends.peer.say(PageIs(1, bytes(256 * 1024)))
    assert ends.broken == 1


def test_last_words_are_heard_after_the_end(ends: Ends) -> None:
    ends.worker.sendall(frame(Ready()) + frame(PageWanted(1, Page.METRICS))[:3])
    ends.worker.close()
    ends.peer.finish()
    assert ends.heard == [Ready()]
    assert ends.ours.fileno() == -1


def test_an_answer_to_one_that_has_gone(ends: Ends) -> None:
    def answer(message: FromWorker) -> None:
        ends.heard.append(message)
        ends.peer.say(PageIs(1, b"x"))

    ends.on_message = answer
    ends.worker.sendall(frame(PageWanted(1, Page.METRICS)))
    ends.worker.close()
    ends.turn()
    assert ends.heard == [PageWanted(1, Page.METRICS)]
    assert ends.broken == 0


def test_a_closed_channel_does_not_keep_the_reactor_busy(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    ends.worker.close()
    ends.turn()
    rounds = 0
    select = ends.reactor._selector.select

    def counted(timeout: float | None = None) -> object:
        nonlocal rounds
        rounds += 1
        return select(timeout)

    monkeypatch.setattr(ends.reactor._selector, "select", counted)
    ends.turn(0.05)
    assert rounds < 10
