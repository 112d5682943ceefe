"""A scripted upstream and real `lethe serve` processes, none of which outlives its test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.sandbox.rig import Caller, Daemon, daemon

from lethe.upstream.fake import FakeThread, anthropic
from lethe.upstream.fake.said import say

Start: TypeAlias = Callable[..., Daemon]
Call: TypeAlias = Callable[[str], Caller]


@pytest.fixture
def fake() -> Iterator[FakeThread]:
    """Answers every request with a short message, unless it is told otherwise."""
    with FakeThread() as server:
        server.answer(anthropic.buffered(say("hello")))
        yield server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(config, *options, ...)`, as `rig.daemon` takes them."""
    with ExitStack() as stack:

        def begin(config: str, *options: str, **how: object) -> Daemon:
            folder = tmp_path / f"lethe-{len(list(tmp_path.glob('lethe-*')))}"
            folder.mkdir()
            return stack.enter_context(daemon(folder, config, *options, **how))  # type: ignore[arg-type] # as they come

        yield begin


@pytest.fixture
def call() -> Iterator[Call]:
    """`call(url)` is a connection, closed at the end."""
    with ExitStack() as stack:

        def connect(url: str) -> Caller:
            caller = Caller(url)
            stack.callback(caller.close)
            return caller

        yield connect
