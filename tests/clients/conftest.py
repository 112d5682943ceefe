"""One `lethe serve` for all clients, between scripted upstreams of every dialect, and Claude by InvokeModel.

The model's name chooses the upstream, so a client crosses dialects by asking for the other vendor's model.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pydantic
import pytest
from anthropic.types.beta import message_create_params
from msgspec import Struct
from openai.types.chat import CompletionCreateParams
from openai.types.responses import ResponseCreateParams
from tests.dialects.judges import REQUESTS
from tests.e2e.served import Lethe, lethe, route, upstream

from lethe.ir.content import Dialect
from lethe.upstream.fake import Answer, FakeThread, Head, Recorded, anthropic, converse
from lethe.upstream.fake.model import WIRES
from lethe.upstream.fake.replies import OPENED
from lethe.upstream.fake.rules import fault
from lethe.upstream.fake.said import Said
from lethe.upstream.fake.script import Script

# Loose, since what clients pass through may be of another version than the types.
_LOOSE: dict[Dialect, pydantic.TypeAdapter[Any]] = {
    Dialect.ANTHROPIC: pydantic.TypeAdapter[Any](message_create_params.MessageCreateParams),
    Dialect.OPENAI_CHAT: pydantic.TypeAdapter[Any](CompletionCreateParams),
    Dialect.OPENAI_RESPONSES: pydantic.TypeAdapter[Any](ResponseCreateParams),
}


def judge(dialect: Dialect, body: dict[str, Any]) -> None:
    """Does it fit the vendor's own types and rules? Raises."""
    if dialect is Dialect.OPENAI_RESPONSES and isinstance(body["input"], list):  # the types want an id of reasoning
        items = [{"id": "rs_0", **item} if item.get("type") == "reasoning" else item for item in body["input"]]
        body = {**body, "input": items}
    if dialect in _LOOSE:
        _LOOSE[dialect].validate_python(body)
    else:
        REQUESTS[dialect](body)
    assert fault(dialect, body) is None


class Place(Struct, frozen=True):
    """An upstream; `model` is the name that leads there."""

    dialect: Dialect
    model: str
    lines: tuple[str, ...] = ()
    invoked: bool = False

    def judge(self, request: Recorded) -> None:
        """With what stands in the path put back into the body. Raises."""
        body = request.json()
        if self.invoked:
            assert body.pop("anthropic_version") == "bedrock-2023-05-31"
            body.pop("anthropic_beta", None)
        if "model" not in body:
            body |= {"model": self.model, "stream": streams(request)}
        judge(self.dialect, body)


_SIGNED = ('provider = "bedrock"', 'region = "eu-west-1"', 'auth = "aws"')
AWS = {"AWS_ACCESS_KEY_ID": "AKIDFAKE", "AWS_SECRET_ACCESS_KEY": "fake-secret", "AWS_EC2_METADATA_DISABLED": "true"}
PLACES: dict[str, Place] = {
    "anthropic": Place(Dialect.ANTHROPIC, "claude-fake-1"),
    "openai-chat": Place(Dialect.OPENAI_CHAT, "gpt-fake-1"),
    "openai-responses": Place(Dialect.OPENAI_RESPONSES, "codex-fake-1"),
    "gemini": Place(Dialect.GEMINI, "gemini-fake-1"),
    "converse": Place(Dialect.CONVERSE, "anthropic.converse-fake-1", _SIGNED),
    "invoke": Place(Dialect.ANTHROPIC, "anthropic.invoke-fake-1", _SIGNED, invoked=True),
}
TWO = ("anthropic", "openai-chat")
ALL_MODELS = {PLACES[name].dialect: PLACES[name].model for name in (*TWO, "openai-responses")}
# Of the paths at which a model answers, how they end
ASKING = (
    *("/v1/messages", "/chat/completions", "/responses", ":generateContent", ":streamGenerateContent"),
    *("/converse", "/converse-stream", "/invoke", "/invoke-with-response-stream"),
)


def streams(request: Recorded) -> bool:
    """Is a stream asked for, in the path or in the body?"""
    return request.path.endswith(("stream", ":streamGenerateContent")) or bool(request.json().get("stream"))


class Way(Struct, frozen=True, eq=False):
    """Through Lethe to one upstream."""

    name: str
    fake: FakeThread
    lethe: Lethe

    @property
    def place(self) -> Place:
        return PLACES[self.name]

    @property
    def dialect(self) -> Dialect:
        return self.place.dialect

    @property
    def model(self) -> str:
        return self.place.model

    @property
    def asked(self) -> list[Recorded]:
        """The requests that want an answer of a model."""
        return [r for r in self.fake.requests if r.method == "POST" and r.path.endswith(ASKING)]

    @property
    def url(self) -> str:
        return self.lethe.url

    def answer(self, *answers: Answer) -> None:
        self.fake.answer(*answers)

    def say(self, *said: Said) -> None:
        """Answer in the upstream's dialect, streamed where the request asks for it."""
        self.fake.answer(*(self.saying(one) for one in said))

    def error(self, status: int, text: str, *headers: tuple[str, str]) -> Script:
        made: Script = (converse if self.place.invoked else WIRES[self.dialect]).error(status, text, *headers)
        return made

    def frames(self, said: Said) -> list[bytes]:
        if self.place.invoked:
            return converse.wrapped(anthropic.events(said))
        made: list[bytes] = WIRES[self.dialect].frames(said)
        return made

    def error_event(self, text: str) -> bytes:
        """What ends a stream that fails."""
        if self.place.lines:
            return converse.exception("serviceUnavailableException", text)
        if self.dialect is Dialect.ANTHROPIC:
            return anthropic.error_event("overloaded_error", text)
        made: bytes = WIRES[self.dialect].error_event(text)
        return made

    @property
    def opened(self) -> Head:
        """How its streams begin."""
        return converse.OPENED if self.place.lines else OPENED

    @property
    def last(self) -> Recorded:
        return self.fake.requests[-1]

    def saying(self, said: Said) -> Callable[[Recorded], Script]:
        """What `say` scripts, for use among other answers."""

        def answer(request: Recorded) -> Script:
            wire = WIRES[self.dialect]
            whole, stream = (
                (converse.invoked, converse.invoked_stream) if self.place.invoked else (wire.buffered, wire.streamed)
            )
            made: Script = stream(said) if streams(request) else whole(said)
            return made

        return answer


class Proxy(Struct, frozen=True, eq=False):
    lethe: Lethe
    fakes: dict[str, FakeThread]


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with ExitStack() as stack:
        fakes = {name: stack.enter_context(FakeThread()) for name in PLACES}
        others = [name for name in PLACES if name != "openai-chat"]
        config = "\n".join(
            [
                *(
                    upstream(name, place.dialect, fakes[name].url, f'models = ["{place.model}"]', *place.lines).replace(
                        'api_key = "env:FAKE_KEY"\n', "" if place.lines else 'api_key = "env:FAKE_KEY"\n'
                    )
                    for name, place in PLACES.items()
                ),
                *(route(f"{PLACES[name].model.removesuffix('fake-1')}*", name) for name in others),
                route("*", "openai-chat"),
            ]
        )
        folder = tmp_path_factory.mktemp("lethe")
        yield Proxy(stack.enter_context(lethe(folder, config, environ=AWS)), fakes)


@pytest.fixture(autouse=True)
def every_upstream_took_it(proxy: Proxy) -> Iterator[None]:
    """What went out fits the vendors' own types and rules, and never carries the caller's credential."""
    for fake in proxy.fakes.values():
        fake.forget()
    yield
    for name in proxy.fakes:
        for request in _way(proxy, name).fake.requests:
            assert "caller-key" not in str((request.headers, request.target))
        for request in _way(proxy, name).asked:
            PLACES[name].judge(request)


@pytest.fixture(params=TWO)
def way(request: pytest.FixtureRequest, proxy: Proxy) -> Way:
    """Each upstream in turn: for a client of the same dialect a pass-through, for the other a translation."""
    return _way(proxy, request.param)


@pytest.fixture(params=[name for name in PLACES if name not in {"gemini", "converse", "invoke"}])
def every_way(request: pytest.FixtureRequest, proxy: Proxy) -> Way:
    """With the upstream of Responses."""
    return _way(proxy, request.param)


@pytest.fixture(params=PLACES)
def any_way(request: pytest.FixtureRequest, proxy: Proxy) -> Way:
    """Every upstream there is."""
    return _way(proxy, request.param)


@pytest.fixture
def to_anthropic(proxy: Proxy) -> Way:
    return _way(proxy, "anthropic")


@pytest.fixture
def to_openai(proxy: Proxy) -> Way:
    return _way(proxy, "openai-chat")


@pytest.fixture
def to_gemini(proxy: Proxy) -> Way:
    return _way(proxy, "gemini")


def _way(proxy: Proxy, name: str) -> Way:
    return Way(name, proxy.fakes[name], proxy.lethe)
