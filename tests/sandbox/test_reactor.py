"""Descriptors, timers and signals on one selector."""

import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from lethe.sandbox.reactor import READ, WRITE, Reactor

HANDLED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    """The test's signals are given back at the end; a test that hangs is ended."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    made = Reactor()
    made.later(10, lambda: pytest.fail("the reactor was not stopped"))
    try:
        yield made
    finally:
        made.close()
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair()
    with one, two:
        yield one, two


def test_timers_are_due_in_order(reactor: Reactor) -> None:
    seen: list[str] = []
    reactor.later(0.02, reactor.stop)
    for name, seconds in (("c", 0.01), ("a", 0.0), ("b", 0.0), ("d", 0.01)):
        reactor.later(seconds, lambda name=name: seen.append(name))  # type: ignore[misc] # bound at once
    reactor.run()
    assert seen == ["a", "b", "c", "d"]


def test_a_cancelled_timer_is_not_due(reactor: Reactor) -> None:
    seen: list[str] = []
    timer = reactor.later(0.0, lambda: seen.append("cancelled"))
    timer.cancel()
    reactor.later(0.0, reactor.stop)
    reactor.run()
    timer.cancel()
    assert seen == []


def test_a_timer_may_set_a_timer(reactor: Reactor) -> None:
    def again() -> None:
        reactor.later(0.0, reactor.stop)

    reactor.later(0.0, again)
    reactor.run()


def test_stop_is_obeyed_before_the_next_call(reactor: Reactor) -> None:
    seen: list[str] = []
    reactor.later(0.0, reactor.stop)
    reactor.later(0.0, lambda: seen.append("after the end"))
    reactor.run()
    assert seen == []


def test_a_descriptor_is_ready_for_what_it_is_watched_for(
    reactor: Reactor, ends: tuple[socket.socket, socket.socket]
) -> None:
    one, two = ends
    seen: list[int] = []

    def ready(events: int) -> None:
        seen.append(events)
        if len(seen) == 1:
            reactor.watch(one.fileno(), READ, ready)
            two.send(b"x")
        else:
            reactor.stop()

    reactor.watch(one.fileno(), WRITE, ready)
    reactor.run()
    assert seen == [WRITE, READ]


def test_a_forgotten_descriptor_is_not_ready_even_in_the_same_round(
    reactor: Reactor, ends: tuple[socket.socket, socket.socket]
) -> None:
    one, two = ends
    seen: list[int] = []

    def forget_the_other(fd: int) -> None:
        seen.append(fd)
        reactor.forget((two if fd == one.fileno() else one).fileno())
        reactor.forget(fd)
        reactor.later(0.0, reactor.stop)

    for end in ends:
        end.send(b"x")
    reactor.watch(one.fileno(), READ, lambda _: forget_the_other(one.fileno()))
    reactor.watch(two.fileno(), READ, lambda _: forget_the_other(two.fileno()))
    reactor.run()
    assert len(seen) == 1
    reactor.forget(one.fileno())


def test_a_number_that_was_closed_and_given_again_is_not_mistaken(
    reactor: Reactor, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Within one round: what was ready belonged to the descriptor before."""
    one, two = ends
    seen: list[str] = []
    for end in ends:
        end.send(b"x")
    number = two.fileno()

    def finish(_: int) -> None:
        seen.append("new")
        reactor.stop()

    def replace(_: int) -> None:
        seen.append("first")
        reactor.forget(one.fileno())
        reactor.forget(number)
        reactor.watch(number, READ, finish)

    reactor.watch(one.fileno(), READ, replace)
    reactor.watch(number, READ, lambda _: seen.append("old"))
    reactor.run()
    assert seen in (["first", "new"], ["old", "first", "new"])


def test_signals_are_calls_between_others(reactor: Reactor) -> None:
    seen: list[str] = []
    reactor.handle({signal.SIGUSR1: lambda: seen.append("one"), signal.SIGUSR2: reactor.stop})

    def raise_both() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert seen == []

    reactor.later(0.0, raise_both)
    reactor.run()
    assert seen == ["one"]


def test_a_signal_wakes_a_reactor_that_waits(reactor: Reactor) -> None:
    reactor.handle({signal.SIGUSR1: reactor.stop})
    threading.Timer(0.02, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    reactor.run()


def test_signals_after_the_end_are_ignored() -> None:
    before = {number: signal.getsignal(number) for number in HANDLED}
    ending = Reactor()
    try:
        ending.handle({signal.SIGUSR1: ending.stop, signal.SIGCHLD: ending.stop})
        ending.close()
        os.kill(os.getpid(), signal.SIGUSR1)  # would end this process
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL  # ignored too, and children can still be waited for
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
