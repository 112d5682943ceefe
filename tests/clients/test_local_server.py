"""A real server that speaks three dialects: every caller's official SDK through Lethe to llama.cpp in each of them.

It runs apart, as an operator's own would, with the small model of the `local` extra; its words vary, shapes must not.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from openai import OpenAI
from tests.e2e.served import Lethe, lethe, route
from tests.e2e.served import upstream as stanza

from lethe.ir.content import Dialect
from lethe.upstream.embedded import MODEL, Order

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the engine is an extra: lethe-proxy[local]"),
]
KEY = "fake-key"
UPSTREAMS = (Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)
QUESTION = "Name one colour."
MOST = 12  # tokens
LOOK: dict[str, Any] = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """The server's URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-s", "-P", "-m", "lethe.upstream.embedded"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(Order(port, KEY)) + b"\n")
    process.stdin.flush()
    try:
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Lethe]:
    """A model's name says by which dialect the server is asked."""
    config = "\n".join(
        [
            *(stanza(d.value, d.value, engine) for d in UPSTREAMS),
            *(route(d.value, f"{d.value}/{MODEL}") for d in UPSTREAMS),
        ]
    )
    folder: Path = tmp_path_factory.mktemp("local_server")
    with lethe(folder, config, environ={"FAKE_KEY": KEY}) as process:
        yield process


@pytest.fixture(params=UPSTREAMS, ids=str)
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param.value)


@pytest.fixture(scope="module")
def claude(served: Lethe) -> Iterator[Anthropic]:
    with Anthropic(base_url=served.url, api_key="k", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def gpt(served: Lethe) -> Iterator[OpenAI]:
    with OpenAI(base_url=served.url + "/v1", api_key="k", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def gemini(served: Lethe) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=served.url, timeout=60_000))


def test_messages(claude: Anthropic, model: str) -> None:
    asked: Any = {"model": model, "max_tokens": MOST, "messages": [{"role": "user", "content": QUESTION}]}
    message = claude.messages.create(**asked)
    assert cast("Any", message.content[0]).text
    assert message.stop_reason in {"end_turn", "max_tokens"}
    assert message.usage.input_tokens > 0
    assert 0 < message.usage.output_tokens <= MOST
    with claude.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text
    assert text == "".join(cast("Any", block).text for block in final.content)
    assert 0 < final.usage.output_tokens <= MOST
    assert final.stop_reason in {"end_turn", "max_tokens"}


def test_chat(gpt: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "max_completion_tokens": MOST, "messages": [{"role": "user", "content": QUESTION}]}
    reply = gpt.chat.completions.create(**asked)
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason in {"stop", "length"}
    assert reply.usage is not None
    assert 0 < reply.usage.completion_tokens <= MOST
    chunks = list(gpt.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in {"stop", "length"}
    assert chunks[-1].usage is not None
    assert 0 < chunks[-1].usage.completion_tokens <= MOST


def test_responses(gpt: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "max_output_tokens": MOST, "input": QUESTION, "store": False}
    reply = gpt.responses.create(**asked)
    assert reply.output_text
    assert reply.status in {"completed", "incomplete"}
    assert reply.usage is not None
    assert 0 < reply.usage.output_tokens <= MOST
    events: list[Any] = list(gpt.responses.create(**asked, stream=True))  # llama.cpp leaves out what helpers want
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].type in {"response.completed", "response.incomplete"}
    assert deltas
    assert deltas == events[-1].response.output_text
    assert 0 < events[-1].response.usage.output_tokens <= MOST


def test_generate(gemini: genai.Client, model: str) -> None:
    asked: Any = {"model": model, "contents": QUESTION, "config": types.GenerateContentConfig(max_output_tokens=MOST)}
    reply = gemini.models.generate_content(**asked)
    assert reply.text
    assert reply.candidates is not None
    assert reply.candidates[0].finish_reason in {types.FinishReason.STOP, types.FinishReason.MAX_TOKENS}
    assert reply.usage_metadata is not None
    assert 0 < (reply.usage_metadata.candidates_token_count or 0) <= MOST
    chunks = list(gemini.models.generate_content_stream(**asked))
    assert "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].usage_metadata is not None
    assert 0 < (chunks[-1].usage_metadata.candidates_token_count or 0) <= MOST


def test_tools_and_a_conversation(claude: Anthropic, model: str) -> None:
    """Tools, a call in the history and its result are taken; whether the small model calls is its own business."""
    message = claude.messages.create(
        model=model,
        max_tokens=MOST,
        system="Be brief.",
        tools=[{"name": "look", "description": "Look somewhere.", "input_schema": LOOK}],
        messages=[
            {"role": "user", "content": "Look left."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "left"}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a lake"}]},
        ],
    )
    assert message.content
    assert message.stop_reason in {"end_turn", "max_tokens", "tool_use"}
