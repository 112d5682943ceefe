"""The official Python SDKs through Lethe to the embedded real model: its words vary, the shapes must not."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Literal, cast

import pydantic
import pytest
from anthropic import Anthropic
from openai import OpenAI
from tests.e2e.served import Lethe, lethe, route

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded model is an extra: lethe-proxy[local]"),
]
MODEL = "smollm2-135m-instruct"
ASK: Any = [{"role": "user", "content": "Name one colour."}]
CONFIG = '[retention]\nlevel = "A1"\n\n[upstreams.embedded]\n\n' + route("*", "embedded")


class Colour(pydantic.BaseModel):
    colour: Literal["red", "green", "blue"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lethe]:
    with lethe(tmp_path_factory.mktemp("local"), CONFIG) as process:
        yield process
    assert process.stdout == [], "at level A1 a request leaves no line"


@pytest.fixture(scope="module")
def claude(served: Lethe) -> Iterator[Anthropic]:
    with Anthropic(base_url=served.url, api_key="k", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def gpt(served: Lethe) -> Iterator[OpenAI]:
    with OpenAI(base_url=served.url + "/v1", api_key="k", max_retries=0, timeout=60) as client:
        yield client


def test_anthropic_sdk(claude: Anthropic) -> None:
    message = claude.messages.create(model=MODEL, max_tokens=16, messages=ASK)
    with claude.messages.stream(model=MODEL, max_tokens=16, messages=ASK) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert cast("Any", message.content[0]).text
    assert text == cast("Any", final.content[0]).text
    assert message.usage.input_tokens > 0
    assert 0 < final.usage.output_tokens <= 16
    assert message.stop_reason in {"end_turn", "max_tokens"}


def test_openai_sdk(gpt: OpenAI) -> None:
    reply = gpt.chat.completions.create(model=MODEL, max_tokens=16, messages=ASK, temperature=0)
    with gpt.chat.completions.stream(model=MODEL, max_tokens=16, messages=ASK, temperature=0) as stream:
        final = stream.get_final_completion()
    assert reply.choices[0].message.content
    assert final.choices[0].message.content
    assert reply.usage is not None
    assert 0 < reply.usage.completion_tokens <= 16


def test_structured_outputs(claude: Anthropic, gpt: OpenAI) -> None:
    reply = gpt.chat.completions.parse(model=MODEL, max_tokens=40, messages=ASK, response_format=Colour)
    assert isinstance(reply.choices[0].message.parsed, Colour)
    message = claude.messages.parse(model=MODEL, max_tokens=40, messages=ASK, output_format=Colour)
    assert isinstance(message.parsed_output, Colour)


def test_a_client_that_leaves_frees_the_model(claude: Anthropic) -> None:
    with claude.messages.stream(model=MODEL, max_tokens=2000, messages=ASK) as stream:
        next(iter(stream.text_stream))
    assert claude.messages.create(model=MODEL, max_tokens=4, messages=ASK).content


def test_models(claude: Anthropic, gpt: OpenAI) -> None:
    assert MODEL in [model.id for model in gpt.models.list()]
    assert MODEL in [model.id for model in claude.models.list()]
