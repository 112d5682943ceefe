"""One `lethe serve` for all clients, between scripted upstreams: Anthropic, OpenAI Chat, OpenAI Responses.

The model's name chooses the upstream, so a client crosses dialects by asking for the other vendor's model.
"""

from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
from anthropic.types.beta import message_create_params
from msgspec import Struct
from openai.types.chat import CompletionCreateParams
from openai.types.responses import ResponseCreateParams
from tests.e2e.served import Lethe, lethe, route, upstream

from lethe.ir.content import Dialect
from lethe.upstream.fake import Answer, FakeThread, Recorded
from lethe.upstream.fake.model import WIRES
from lethe.upstream.fake.rules import fault
from lethe.upstream.fake.said import Said
from lethe.upstream.fake.script import Script

OFFICIAL: dict[Dialect, pydantic.TypeAdapter[Any]] = {
    Dialect.ANTHROPIC: pydantic.TypeAdapter[Any](message_create_params.MessageCreateParams),
    Dialect.OPENAI_CHAT: pydantic.TypeAdapter[Any](CompletionCreateParams),
    Dialect.OPENAI_RESPONSES: pydantic.TypeAdapter[Any](ResponseCreateParams),
}
MODELS = {Dialect.ANTHROPIC: "claude-fake-1", Dialect.OPENAI_CHAT: "gpt-fake-1"}
ALL_MODELS = {**MODELS, Dialect.OPENAI_RESPONSES: "codex-fake-1"}


class Way(Struct, frozen=True, eq=False):
    """Through Lethe to one upstream; `model` is the name that leads there."""

    dialect: Dialect
    fake: FakeThread
    lethe: Lethe

    @property
    def model(self) -> str:
        return ALL_MODELS[self.dialect]

    @property
    def url(self) -> str:
        return self.lethe.url

    def answer(self, *answers: Answer) -> None:
        self.fake.answer(*answers)

    def say(self, *said: Said) -> None:
        """Answer in the upstream's dialect, streamed where the request asks for it."""
        self.fake.answer(*(self.saying(one) for one in said))

    def error(self, status: int, text: str, *headers: tuple[str, str]) -> Script:
        made: Script = WIRES[self.dialect].error(status, text, *headers)
        return made

    def frames(self, said: Said) -> list[bytes]:
        made: list[bytes] = WIRES[self.dialect].frames(said)
        return made

    @property
    def last(self) -> Recorded:
        return self.fake.requests[-1]

    def saying(self, said: Said) -> Answer:
        """What `say` scripts, for use among other answers."""

        def answer(request: Recorded) -> Script:
            wire = WIRES[self.dialect]
            made: Script = wire.streamed(said) if request.json().get("stream") else wire.buffered(said)
            return made

        return answer


class Proxy(Struct, frozen=True, eq=False):
    lethe: Lethe
    fakes: dict[Dialect, FakeThread]


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with FakeThread() as first, FakeThread() as second, FakeThread() as third:
        config = "\n".join(
            [
                upstream("claude", "anthropic", first.url, 'models = ["claude-*"]'),
                upstream("gpt", "openai-chat", second.url, 'models = ["gpt-*"]'),
                upstream("codex", "openai-responses", third.url, 'models = ["codex-*"]'),
                route("claude-*", "claude"),
                route("codex-*", "codex"),
                route("*", "gpt"),
            ]
        )
        fakes = {Dialect.ANTHROPIC: first, Dialect.OPENAI_CHAT: second, Dialect.OPENAI_RESPONSES: third}
        with lethe(tmp_path_factory.mktemp("lethe"), config) as served:
            yield Proxy(served, fakes)


@pytest.fixture(autouse=True)
def every_upstream_took_it(proxy: Proxy) -> Iterator[None]:
    """What went out fits the vendors' own types and rules, and never carries the caller's credential."""
    for fake in proxy.fakes.values():
        fake.forget()
    yield
    for dialect, fake in proxy.fakes.items():
        for request in fake.requests:
            assert "caller-key" not in str(request.headers)
            if request.path in {"/v1/messages", "/v1/chat/completions", "/v1/responses"}:
                OFFICIAL[dialect].validate_python(request.json())
                assert fault(dialect, request.json()) is None


@pytest.fixture(params=list(MODELS), ids=str)
def way(request: pytest.FixtureRequest, proxy: Proxy) -> Way:
    """Each upstream in turn: for a client of the same dialect a pass-through, for the other a translation."""
    return _way(proxy, request.param)


@pytest.fixture(params=list(ALL_MODELS), ids=str)
def every_way(request: pytest.FixtureRequest, proxy: Proxy) -> Way:
    """With the upstream of Responses."""
    return _way(proxy, request.param)


@pytest.fixture
def to_anthropic(proxy: Proxy) -> Way:
    return _way(proxy, Dialect.ANTHROPIC)


@pytest.fixture
def to_openai(proxy: Proxy) -> Way:
    return _way(proxy, Dialect.OPENAI_CHAT)


def _way(proxy: Proxy, dialect: Dialect) -> Way:
    return Way(dialect, proxy.fakes[dialect], proxy.lethe)
