"""The embedded model's process, played by a small script: told its port and key on stdin, ready when it says so."""

import signal
from collections.abc import Iterator

import msgspec
import pytest

from lethe.sandbox.children import Children
from lethe.sandbox.engine import PATIENCE, Engine
from lethe.sandbox.reactor import Reactor

# Says what it was told through its exit status, as it may not write anywhere.
OBEDIENT = """
import json, os, sys
order = json.loads(sys.stdin.readline())
assert set(order) == {"port", "api_key"} and "OPENAI_API_KEY" not in os.environ
os.write(1, b"rea"); os.write(1, b"dy\\n")
sys.stdin.read()
"""


class House:
    def __init__(self, code: str) -> None:
        self.reactor = Reactor()
        self.children = Children(self.reactor)
        self.reactor.handle({signal.SIGCHLD: self.children.reap})
        self.told: list[str] = []
        self.engine = Engine(
            self.reactor, self.children, lambda: self._tell("ready"), lambda: self._tell("failed"), ("-c", code)
        )

    def run(self, seconds: float = 20.0) -> None:
        """Until something is told, or the time is over."""
        self.reactor._stopped = False
        limit = self.reactor.later(seconds, self.reactor.stop)
        self.reactor.run()
        limit.cancel()

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self.reactor.stop()


@pytest.fixture
def houses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[House]]:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setattr("lethe.sandbox.backoff.FIRST", 0.001)
    before = signal.getsignal(signal.SIGCHLD)
    made: list[House] = []
    yield made
    for house in made:
        house.children.kill()
        house.reactor.close()
    signal.signal(signal.SIGCHLD, before)


def test_ready_when_it_says_so(houses: list[House]) -> None:
    house = House(OBEDIENT)
    houses.append(house)
    assert not house.engine.ready
    house.run()
    assert house.told == ["ready"]
    assert house.engine.ready
    assert house.engine.base_url == f"http://127.0.0.1:{house.engine.port}/v1"
    assert len(bytes.fromhex(house.engine.key)) == 32


@pytest.mark.parametrize("scarce", ["lethe.sandbox.engine._free_port", "lethe.sandbox.children.Children.start"])
def test_it_comes_up_once_there_are_descriptors(scarce: str, houses: list[House]) -> None:
    with pytest.MonkeyPatch.context() as patch:

        def none_left(*_: object) -> None:
            patch.undo()
            raise BlockingIOError

        patch.setattr(scarce, none_left)
        house = House(OBEDIENT)
    houses.append(house)
    house.run()
    assert house.told == ["ready"]


def test_another_word_is_not_ready(houses: list[House]) -> None:
    house = House("import sys, time; print('already\\nready'); sys.stdout.flush(); time.sleep(60)")
    houses.append(house)
    house.run(0.5)
    assert house.told == []


def test_given_up_when_it_does_not_come_up(houses: list[House]) -> None:
    house = House("raise SystemExit(1)")
    houses.append(house)
    house.run()
    assert house.told == ["failed"]
    assert house.engine._backoff.failures == PATIENCE


def test_started_anew_with_the_same_port_and_key(houses: list[House]) -> None:
    house = House(OBEDIENT)
    houses.append(house)
    house.run()
    before = (house.engine.port, house.engine.key)
    (child,) = house.children._running
    child.kill()
    house.run(0.5)
    (again,) = house.children._running
    assert again.pid != child.pid
    assert (house.engine.port, house.engine.key) == before
    assert house.told == ["ready"]


def test_stopped_when_its_stdin_ends(houses: list[House]) -> None:
    house = House(OBEDIENT)
    houses.append(house)
    house.run()
    assert house.told == ["ready"]
    house.engine.stop()
    house.run(1.0)
    assert house.children._running == []


def test_its_key_is_on_no_command_line(houses: list[House]) -> None:
    house = House(OBEDIENT)
    houses.append(house)
    (child,) = house.children._running
    assert house.engine.key not in msgspec.json.encode(child.process.args).decode()
