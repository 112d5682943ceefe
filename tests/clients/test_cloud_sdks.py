"""What the vendors' own clients of clouds send for a question, Lethe sends for the same one.

A plain client asks Lethe, and the cloud's client a recorder. What they send may differ in what tells who asks, in how
it is signed, and in what Lethe says besides.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import anthropic
import botocore.session
import openai
import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from msgspec import Struct
from tests.clients.conftest import AWS
from tests.e2e.served import lethe, route

from lethe.ir.content import Dialect
from lethe.upstream.fake import FakeThread, Head, Recorded, Script
from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import say
from lethe.verify.voices import Voice, voice
from lethe.wire.framing import Framing

Ask: TypeAlias = Callable[[str, bool], object]  # at a base URL, streamed or not
REGION, PROJECT, VERSION = "eu-west-1", "acme-ai", "2024-10-21"
CLAUDE, GPT, GEMINI = "eu.anthropic.claude-x-v1:0", "gpt-x", "gemini-x"
PLACE = f"/projects/{PROJECT}/locations/{REGION}"
SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
QUESTION = "what is there?"
QUICK: dict[str, Any] = {"max_retries": 0, "timeout": 10}
# Of a head: who asks, how it was signed, how the answer may be packed.
NOT_COMPARED = (
    *("accept", "amz-sdk-", "api-key", "authorization", "connection", "content-length", "host", "user-agent", "x-amz-"),
    *("x-api-key", "x-goog-api-client", "x-goog-user-project", "x-server-timeout", "x-stainless-"),
)


class Case(Struct, frozen=True):
    """`table` is the upstream's, whose address `base` ends; `added` is what Lethe says besides, or otherwise."""

    name: str
    dialect: Dialect
    table: str
    base: str
    plain: Ask
    cloud: Ask
    framing: Framing = Framing.SSE
    added: dict[str, Any] = {}


def claude(client: Any, model: str, streaming: bool) -> object:
    """Asked by any of Anthropic's clients."""
    asked = client.messages.create(
        model=model,
        max_tokens=100,
        system="Be brief.",
        messages=[{"role": "user", "content": QUESTION}],
        tools=[{"name": "look", "description": "Look somewhere.", "input_schema": SCHEMA}],
        stream=streaming,
    )
    return list(asked) if streaming else asked


def messages(model: str) -> Ask:
    """By the plain client."""
    return lambda url, streaming: claude(anthropic.Anthropic(api_key="k", base_url=url, **QUICK), model, streaming)


def chat(client: Any, streaming: bool) -> object:
    asked = client.chat.completions.create(
        model=GPT, messages=[{"role": "user", "content": QUESTION}], store=False, stream=streaming
    )
    return list(asked) if streaming else asked


def responses(client: Any, streaming: bool) -> object:
    asked = client.responses.create(model=GPT, input=QUESTION, store=False, stream=streaming)
    return list(asked) if streaming else asked


def gpt(url: str) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=f"{url}/v1", **QUICK)


def azure(url: str) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(api_key="k", azure_endpoint=url, api_version=VERSION, **QUICK)


def generate(client: genai.Client, streaming: bool) -> object:
    look = types.FunctionDeclaration(name="look", description="Look somewhere.", parameters_json_schema=SCHEMA)
    asked: dict[str, Any] = {
        "model": GEMINI,
        "contents": QUESTION,
        "config": types.GenerateContentConfig(
            system_instruction="Be brief.",
            max_output_tokens=100,
            tools=[types.Tool(function_declarations=[look])],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        ),
    }
    if streaming:
        return list(client.models.generate_content_stream(**asked))
    return client.models.generate_content(**asked)


def vertex(url: str) -> genai.Client:
    return genai.Client(
        vertexai=True,
        project=PROJECT,
        location=REGION,
        credentials=Credentials(token="k"),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=url),
    )


def converse(url: str, streaming: bool) -> object:
    session = botocore.session.Session()
    session.set_credentials("AKIDFAKE", "fake-secret")
    client = session.create_client("bedrock-runtime", region_name=REGION, endpoint_url=url)
    tool = {"name": "look", "description": "Look somewhere.", "inputSchema": {"json": SCHEMA}}
    asked: dict[str, Any] = {
        "modelId": CLAUDE,
        "system": [{"text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
        "inferenceConfig": {"maxTokens": 100},
        "toolConfig": {"tools": [{"toolSpec": tool}]},
    }
    return list(client.converse_stream(**asked)["stream"]) if streaming else client.converse(**asked)


def bedrock(url: str, streaming: bool) -> object:
    client = anthropic.AnthropicBedrock(
        aws_access_key="AKIDFAKE", aws_secret_key="fake-secret", aws_region=REGION, base_url=url, **QUICK
    )
    return claude(client, CLAUDE, streaming)


def vertex_claude(url: str, streaming: bool) -> object:
    client = anthropic.AnthropicVertex(
        region=REGION, project_id=PROJECT, access_token="k", base_url=f"{url}/v1", **QUICK
    )
    return claude(client, "claude-x@20260101", streaming)


def foundry(url: str, streaming: bool) -> object:
    return claude(anthropic.AnthropicFoundry(api_key="k", base_url=f"{url}/anthropic", **QUICK), "claude-x", streaming)


AWS_TABLE = f'provider = "bedrock"\nregion = "{REGION}"\nauth = "aws"\n'
AZURE_TABLE = 'provider = "azure"\napi_key = "env:FAKE_KEY"\n'
DATED = f'{AZURE_TABLE}api_version = "{VERSION}"\n'
VERTEX_TABLE = 'provider = "vertex"\nauth = "bearer"\napi_key = "env:FAKE_KEY"\n'
KEYS = ("authorization", "api-key", "x-api-key")
# Versions of the API as AWS and Google document them; Anthropic's clients say the version that they were made for.
CASES = (
    Case(
        "bedrock-invoke",
        Dialect.ANTHROPIC,
        AWS_TABLE,
        "",
        messages(CLAUDE),
        bedrock,
        Framing.INVOKED,
        {"anthropic_version": "bedrock-2023-05-31"},
    ),
    Case("bedrock-converse", Dialect.CONVERSE, AWS_TABLE, "", messages(CLAUDE), converse, Framing.EVENT_STREAM),
    Case(
        "vertex-claude",
        Dialect.ANTHROPIC,
        VERTEX_TABLE,
        f"/v1{PLACE}",
        messages("claude-x@20260101"),
        vertex_claude,
        added={"anthropic_version": "vertex-2023-10-16"},
    ),
    Case(
        "vertex-gemini",
        Dialect.GEMINI,
        VERTEX_TABLE,
        f"/v1beta1{PLACE}",
        lambda url, streaming: generate(
            genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)), streaming
        ),
        lambda url, streaming: generate(vertex(url), streaming),
    ),
    Case("foundry", Dialect.ANTHROPIC, AZURE_TABLE, "/anthropic", messages("claude-x"), foundry),
    Case(
        "azure-chat",
        Dialect.OPENAI_CHAT,
        DATED,
        "",
        lambda url, streaming: chat(gpt(url), streaming),
        lambda url, streaming: chat(azure(url), streaming),
    ),
    Case(
        "azure-responses",
        Dialect.OPENAI_RESPONSES,
        DATED,
        "",
        lambda url, streaming: responses(gpt(url), streaming),
        lambda url, streaming: responses(azure(url), streaming),
    ),
    Case(
        "azure-v1",
        Dialect.OPENAI_CHAT,
        AZURE_TABLE,
        "/openai/v1",
        lambda url, streaming: chat(gpt(url), streaming),
        lambda url, streaming: chat(openai.OpenAI(api_key="k", base_url=f"{url}/openai/v1", **QUICK), streaming),
    ),
)


@pytest.fixture(scope="module")
def recorder() -> Iterator[FakeThread]:
    with FakeThread() as fake:
        yield fake


def answering(speaks: Voice, streaming: bool) -> Script:
    said = say("a lake")
    if streaming:
        return stream(speaks.frames(said), opened=Head(200, (("content-type", speaks.kind),)))
    return document(speaks.whole(said))


def head(request: Recorded) -> dict[str, str]:
    return {name: value for name, value in request.headers if not name.startswith(NOT_COMPARED)}


@pytest.mark.parametrize("streaming", [False, True], ids=["buffered", "streamed"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_question_is_the_same_request(
    case: Case, recorder: FakeThread, tmp_path: Path, *, streaming: bool
) -> None:
    recorder.forget()
    recorder.answer(answering(voice(case.dialect, case.framing), streaming))
    case.cloud(recorder.url, streaming)
    table = f'[upstreams.u]\ndialect = "{case.dialect}"\nbase_url = "{recorder.url}{case.base}"\n{case.table}'
    with lethe(tmp_path, table + route("*", "u"), environ=AWS) as served:
        case.plain(served.url, streaming)
    theirs, ours = recorder.requests
    assert (ours.method, unquote(ours.target)) == (theirs.method, unquote(theirs.target))  # some encode the colon
    assert ours.json() == {**theirs.json(), **case.added}
    assert head(ours) == head(theirs)
    shown = [{name for name in KEYS if request.header(name)} for request in (ours, theirs)]
    assert shown[0] <= shown[1] or case.name == "azure-v1"  # it takes keys in either place
    if case.table == AWS_TABLE:
        for request in (ours, theirs):
            assert re.search(f"/{REGION}/bedrock/aws4_request,", request.header("authorization") or "")
