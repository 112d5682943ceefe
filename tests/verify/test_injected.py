"""An exception that quotes the question, at every place where a request waits: nobody but its own caller is the wiser."""

import types
from collections.abc import Coroutine, Generator
from typing import Any

import pytest
from tests.verify import ground
from tests.verify.ground import near

from lethe.server.app import App
from lethe.server.incoming import Incoming
from lethe.verify import traffic
from lethe.verify.cases import Case, pairs
from lethe.verify.modes import Front, Mode

PAIR = pairs(ground.settings().plan)[0]


class Quoting(Exception):
    """What a careless library raises."""


class Injector:
    """Lets requests wait `left` times, and then raises in them; `waited` is how often the latest one did."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left, self.waited, self.said = -1, 0, ""
        plain = App.__call__

        async def call(app: App, incoming: Incoming) -> None:
            self.waited = 0
            await types.coroutine(self._stepping)(plain(app, incoming))

        patch.setattr(App, "__call__", call)

    def _stepping(self, inner: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        value = None
        while True:
            try:
                if self.waited == self.left:
                    self.left = -1
                    waits = inner.throw(Quoting(self.said))
                else:
                    waits = inner.send(value)
                self.waited += 1
                value = yield waits
            except StopIteration:
                return


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("front", [Front.MESSAGES, Front.CHAT, Front.COUNT_TOKENS])
def test_a_fault_at_every_await_tells_nobody(
    front: Front, stream: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if stream and front is Front.COUNT_TOKENS:
        pytest.skip("it has no stream")
    case = Case(front=front, mode=Mode.SERVED, pair=PAIR, stream=stream)
    mint = ground.mint()
    injector = Injector(monkeypatch)
    with near(ground.settings()) as (site, upstreams):
        assert traffic.follow(site, upstreams, mint, [case]).served == 1
        reached: set[int] = set()
        for place in range(1, injector.waited + 1):  # those that follow find a connection, and wait less often
            injector.left, injector.said = place, mint.new("user-text", "quoted").text
            broken = traffic.follow(site, upstreams, mint, [case])
            if injector.left == -1:
                reached.add(place)
            injector.left = -1
            after = traffic.follow(site, upstreams, mint, [case])
            assert (broken.hits, after.hits, after.served) == ((), (), 1), place
        assert {1, 2} <= reached
    printed = capfd.readouterr()
    assert mint.tag not in printed.out + printed.err
