"""The scripted Gemini upstream, as Google's own SDK sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from google import genai
from google.genai import errors, types

from lethe.ir.content import Dialect
from lethe.upstream.fake import gemini as g
from lethe.upstream.fake.model import MODELS, Model
from lethe.upstream.fake.replies import broken
from lethe.upstream.fake.said import Called, Said, say
from lethe.upstream.fake.script import Recorded, Send
from lethe.upstream.fake.thread import FakeThread

CALLS = Said(thinking="so", text=("one ", "two"), calls=(Called("", "f", '{"a": 1}'), Called("", "g")), reasoning=2)


@contextmanager
def client(fake: FakeThread) -> Iterator[genai.Client]:
    made = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=fake.url))
    try:
        yield made
    finally:
        made.close()


def test_a_stream_says_what_a_whole_answer_says() -> None:
    with FakeThread() as fake, client(fake) as google:
        fake.answer(g.buffered(CALLS), g.streamed(CALLS))
        whole = google.models.generate_content(model="m", contents="q")
        chunks = list(google.models.generate_content_stream(model="m", contents="q"))
    parts = [part for chunk in chunks for part in (chunk.parts or []) if part.text != ""]
    assert [part.thought for part in parts] == [True, None, None, None, None]
    assert "".join(part.text or "" for part in parts[1:]) == whole.text == "one two"
    assert [part.function_call for part in parts if part.function_call] == whole.function_calls
    assert [bool(part.thought_signature) for part in parts] == [False, False, False, True, False]
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert whole.usage_metadata is not None
    assert (whole.usage_metadata.prompt_token_count, whole.usage_metadata.thoughts_token_count) == (16, 2)
    assert (chunks[-1].response_id, chunks[-1].model_version) == ("fake-1", "fake-model")


@pytest.mark.parametrize(("status", "kind"), [(400, errors.ClientError), (404, errors.ClientError), (503, errors.ServerError)])  # fmt: skip
def test_errors_are_the_sdks_own_classes(status: int, kind: type[errors.APIError]) -> None:
    with FakeThread() as fake, client(fake) as google:
        fake.answer(g.error(status, "why", details=[{"@type": "type.googleapis.com/google.rpc.RetryInfo"}]))
        with pytest.raises(kind, match="why") as caught:
            google.models.generate_content(model="m", contents="q")
    assert caught.value.status == g.STATUS_NAMES[status]


def test_a_stream_that_fails() -> None:
    with FakeThread() as fake, client(fake) as google:
        fake.answer(broken(g.frames(say("one ", "two ")), g.error_event("busy")))
        with pytest.raises(errors.ServerError, match="busy"):
            list(google.models.generate_content_stream(model="m", contents="q"))


TOOLS = [{"functionDeclarations": [{"name": "look"}]}]
ASKED = {"role": "user", "parts": [{"text": "q"}]}
SIGNED = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}, "thoughtSignature": "c2ln"}]}
UNSIGNED = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]}
RESPONSE = {"functionResponse": {"name": "look", "response": {"output": "seen"}}}
SEEN, TWICE = {"role": "user", "parts": [RESPONSE]}, {"role": "user", "parts": [RESPONSE, RESPONSE]}
# (model, contents, what stands in the answer)
CONVERSATIONS: list[tuple[str, list[Any], bytes]] = [
    ("gemini-3-pro", [ASKED], b'"name":"look"'),
    ("gemini-3-pro", [ASKED, SIGNED, SEEN], b"MARK seen"),
    ("gemini-3-pro", [ASKED, UNSIGNED, SEEN], b"contents.1: a function call is missing a thought_signature"),
    ("gemini-3-pro", [ASKED, UNSIGNED, SEEN, ASKED], b'"name":"look"'),  # of an earlier turn
    ("gemini-2.5-pro", [ASKED, UNSIGNED, SEEN], b"MARK seen"),
    ("m", [ASKED, SIGNED, TWICE], b"contents.2: the number of function responses is not that of function calls"),
    ("m", [ASKED, SEEN], b"contents.1: the number of function responses"),
    ("m", [ASKED, SIGNED], b"contents: function calls without a response"),
]


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
@pytest.mark.parametrize(("name", "contents", "expected"), CONVERSATIONS)
async def test_a_model_calls_its_tool_once_and_quotes_the_result(
    name: str, contents: list[Any], expected: bytes, method: str
) -> None:
    model = Model(Dialect.GEMINI, tool="look", arguments='{"at": "a"}', marker="MARK")
    body = msgspec.json.encode({"contents": contents, "tools": TOOLS})
    target = f"/v1beta/models/{name}:{method}?alt=sse"
    request = Recorded(method="POST", target=target, headers=(), body=body, connection=1, arrived_at=0.0)
    said = b"".join(step.data for step in model(request) if isinstance(step, Send))
    if expected == b"MARK seen" and method == "streamGenerateContent":
        assert b'"text":"MARK"' in said
        assert b'"text":"seen"' in said
    else:
        assert expected in said


def test_a_model_lists_itself_and_counts() -> None:
    with FakeThread() as fake, client(fake) as google:
        fake.answer(Model(Dialect.GEMINI, tool="t", arguments="{}", marker="m"))
        assert [model.name for model in google.models.list()] == [f"models/{name}" for name in MODELS]
        counted = google.models.count_tokens(model="m", contents="how many")
        assert (counted.total_tokens or 0) > 0
