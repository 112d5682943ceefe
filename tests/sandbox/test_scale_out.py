"""Two instances that know nothing of each other, and one real Redis: one limit, and what happens when it dies."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.conftest import Call, Start
from tests.sandbox.rig import Caller, Daemon, ask, configured, eventually
from tests.server.redis_server import PASSWORD, Store, running

from lethe.upstream.fake import FakeThread, Hang, Head, Script, Send, anthropic
from lethe.upstream.fake.said import say

FRAMES = anthropic.frames(say("one ", "two "))
CLOSED = 'when_store_fails = "closed"'
HANGING: Script = (Head(200, (("content-type", "text/event-stream"),)), *map(Send, FRAMES[:4]), Hang())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with running(folder) as made:
        yield made


def pair(start: Start, fake: FakeThread, store: Store, *limits: str) -> tuple[Daemon, Daemon]:
    """Two with the same configuration."""
    table = [
        "[limits]",
        f'store = "redis://127.0.0.1:{store.port}/0"',
        'store_password = "env:STORE_PASSWORD"',
        *limits,
    ]
    config = configured(fake.url, more="\n".join(["", *table, ""]))
    one, two = (start(config, environ={"STORE_PASSWORD": PASSWORD}) for _ in range(2))
    return one, two


def status(lethe: Daemon) -> int:
    """Of an answer for which the store was asked: it has 250 ms, and this machine may be slower."""
    answers: list[int] = []

    def answered() -> bool:
        answers.append(ask(lethe.url)[0])
        return answers[-1] != 503

    eventually(answered, "the store answers in time")
    return answers[-1]


def opened(caller: Caller) -> bool:
    """Did it get a stream? If not, it was told so at once, and may ask again."""
    try:
        caller.stream()
    except AssertionError:
        caller.close()
        return False
    return True


def refusal(lethe: Daemon) -> tuple[int, str, str]:
    """Status, kind and text of an answer that is an error."""
    status, body = ask(lethe.url)
    error = json.loads(body)["error"]
    return status, error["type"], error["message"]


def test_two_instances_have_one_limit(start: Start, fake: FakeThread, store: Store) -> None:
    one, two = pair(start, fake, store, "requests_per_minute = 3", CLOSED)
    assert [status(lethe) for lethe in (one, two, one)] == [200, 200, 200]
    for lethe in (one, two):
        assert status(lethe) == 429
        code, kind, text = refusal(lethe)
        assert (code, kind) == (429, "rate_limit_error")
        assert "requests_per_minute" in text
    assert len(fake.requests) == 3, "what is refused reaches no provider"


def test_a_stream_at_one_takes_the_place_at_the_other(start: Start, call: Call, fake: FakeThread, store: Store) -> None:
    one, two = pair(start, fake, store, "concurrent = 1", CLOSED)
    eventually(lambda: status(two) == 200, "it knows the store")
    fake.answer(HANGING)
    caller = call(one.url)
    eventually(lambda: opened(caller), "a stream, once the store has its place back")
    assert status(two) == 429
    code, kind, text = refusal(two)
    assert (code, kind) == (429, "rate_limit_error")
    assert "concurrent" in text
    fake.answer(anthropic.buffered(say("hello")))
    caller.close()
    eventually(lambda: ask(two.url)[0] == 200, "the place of a caller that went away is free")


def test_open_lets_in_while_the_store_is_dead_and_counts_again_afterwards(
    start: Start, fake: FakeThread, store: Store
) -> None:
    both = pair(start, fake, store, "requests_per_minute = 1", 'when_store_fails = "open"')
    eventually(lambda: {ask(lethe.url)[0] for lethe in both} == {429}, "one limit")
    store.stop()
    assert [ask(lethe.url)[0] for lethe in both * 2] == [200] * 4
    store.start()
    eventually(lambda: {ask(lethe.url)[0] for lethe in both} == {429}, "one limit again")


def test_closed_refuses_while_the_store_is_dead_and_recovers(start: Start, fake: FakeThread, store: Store) -> None:
    both = pair(start, fake, store, "requests_per_minute = 1000", CLOSED)
    assert [status(lethe) for lethe in both] == [200, 200]
    store.stop()
    for lethe in both:
        code, kind, text = refusal(lethe)
        assert (code, kind) == (503, "overloaded_error")
        assert "when_store_fails" in text
        assert PASSWORD not in text + lethe.said
    assert len(fake.requests) == 2
    store.start()
    assert [status(lethe) for lethe in both] == [200, 200]
