"""What the scripted Bedrock says is what the official SDKs read."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from anthropic import AnthropicBedrock
from anthropic.types import TextBlock, ToolUseBlock
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from botocore.session import Session
from tests.dialects.converse import judge

from lethe.ir.content import Dialect
from lethe.upstream.fake import FakeThread, converse
from lethe.upstream.fake.model import CALL_ID, Model
from lethe.upstream.fake.replies import broken
from lethe.upstream.fake.said import Called, Said

CALL = Called("tooluse_1", "look", '{"at": "left"}')
SAID = Said(text=("a ", "lake"), thinking="which one", calls=(CALL,), input=10, cached=5, output=7)
MODEL = "us.anthropic.claude-opus-5-v1:0"
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "c2VjcmV0", "region_name": "us-east-1"}
HELLO = [{"role": "user", "content": [{"text": "hello"}]}]
TOOLS = {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}]}


@pytest.fixture
def fake() -> Iterator[FakeThread]:
    with FakeThread() as fake:
        yield fake


@pytest.fixture
def bedrock(fake: FakeThread) -> Iterator[Any]:
    client = Session().create_client(
        "bedrock-runtime", endpoint_url=fake.url, config=Config(retries={"total_max_attempts": 1}), **KEYS
    )
    yield client
    client.close()


@pytest.fixture
def claude(fake: FakeThread) -> Iterator[AnthropicBedrock]:
    with AnthropicBedrock(api_key="k", aws_region="us-east-1", base_url=fake.url, max_retries=0) as client:
        yield client


def test_its_answers_are_of_the_apis_shapes() -> None:
    judge.reply(converse.reply(SAID))
    for kind, event in converse.events(SAID):
        judge.event(kind, event)


def test_botocore_reads_an_answer(fake: FakeThread, bedrock: Any) -> None:
    fake.answer(converse.buffered(SAID))
    read = bedrock.converse(modelId=MODEL, messages=HELLO)
    assert {name: read[name] for name in converse.reply(SAID)} == converse.reply(SAID)
    assert fake.requests[0].target == "/model/us.anthropic.claude-opus-5-v1%3A0/converse"


def test_botocore_reads_a_stream(fake: FakeThread, bedrock: Any) -> None:
    fake.answer(converse.streamed(SAID))
    events = [next(iter(event.items())) for event in bedrock.converse_stream(modelId=MODEL, messages=HELLO)["stream"]]
    assert events == converse.events(SAID)


def test_botocore_reads_errors(fake: FakeThread, bedrock: Any) -> None:
    fake.answer(converse.error(429, "slow down"))
    with pytest.raises(bedrock.exceptions.ThrottlingException, match="slow down"):
        bedrock.converse(modelId=MODEL, messages=HELLO)
    fake.answer(broken(converse.frames(SAID), converse.exception("throttlingException", "slow down"), converse.OPENED))
    stream = bedrock.converse_stream(modelId=MODEL, messages=HELLO)["stream"]
    with closing(stream), pytest.raises(EventStreamError, match=r"throttlingException.*slow down"):
        list(stream)


def test_claude_by_invoke_model(fake: FakeThread, claude: AnthropicBedrock) -> None:
    fake.answer(converse.invoked(SAID), converse.invoked_stream(SAID))
    ask: Any = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    whole = claude.messages.create(**ask)
    with claude.messages.stream(**ask) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        (_, text, call) = message.content
        assert isinstance(text, TextBlock)
        assert isinstance(call, ToolUseBlock)
        assert (text.text, call.id, call.input) == ("a lake", "tooluse_1", {"at": "left"})


def test_the_model_calls_its_tool_and_tells_what_it_said(fake: FakeThread, bedrock: Any) -> None:
    fake.answer(Model(Dialect.CONVERSE, tool="look", arguments='{"at": "left"}', marker="DONE"))
    first = bedrock.converse(modelId=MODEL, messages=HELLO, toolConfig=TOOLS)["output"]["message"]
    assert first["content"] == [{"toolUse": {"toolUseId": CALL_ID, "name": "look", "input": {"at": "left"}}}]
    result = {"toolResult": {"toolUseId": CALL_ID, "content": [{"text": "a lake"}]}}
    said = [*HELLO, first, {"role": "user", "content": [result]}]
    stream = bedrock.converse_stream(modelId=MODEL, messages=said, toolConfig=TOOLS)["stream"]
    words = [event["contentBlockDelta"]["delta"]["text"] for event in stream if "contentBlockDelta" in event]
    assert "".join(words) == "DONE a lake"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}, "start with a user"),
    ({"messages": [*HELLO, *HELLO]}, "alternate"),
    ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "blank"),
    ({"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": []}}]}]}, "toolConfig"),
    (
        {
            "messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": []}}]}],
            "toolConfig": TOOLS,
        },
        "without its call",
    ),
]


@pytest.mark.parametrize(("asked", "word"), REFUSED)
def test_the_model_refuses_what_the_vendor_refuses(
    fake: FakeThread, bedrock: Any, asked: dict[str, Any], word: str
) -> None:
    fake.answer(Model(Dialect.CONVERSE, tool="look", arguments="{}", marker="DONE"))
    with pytest.raises(ClientError, match=word):
        bedrock.converse(modelId=MODEL, **asked)


def test_the_model_by_invoke_model(fake: FakeThread, claude: AnthropicBedrock) -> None:
    fake.answer(Model(Dialect.ANTHROPIC, tool="look", arguments="{}", marker="DONE"))
    ask: Any = {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    assert claude.messages.create(**ask).content == [TextBlock(type="text", text="DONE")]
    with claude.messages.stream(**ask, tools=[{"name": "look", "input_schema": {"type": "object"}}]) as stream:
        (call,) = stream.get_final_message().content
    assert isinstance(call, ToolUseBlock)
    assert fake.requests[1].path.endswith("/invoke-with-response-stream")
    assert json.loads(fake.requests[0].body)["messages"] == ask["messages"]
