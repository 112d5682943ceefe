"""Requests: what botocore's model of the API accepts, and what each family of models is told."""

import itertools
import json
import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import canaries, load, under
from tests.dialects.converse import judge

from lethe.dialects import converse
from lethe.dialects.codec import CODECS
from lethe.dialects.converse.blocks import tool_id
from lethe.dialects.converse.families import FAMILIES, OTHER, Thinking, family_of
from lethe.dialects.converse.media import FORMATS, LONGEST_NAME, Names
from lethe.dialects.toolnames import fit
from lethe.ir import content
from lethe.ir.content import (
    CacheHint,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling, Tool, ToolChoice, Turn
from lethe.providers.restraints import suited

OURS, ANTHROPIC = Dialect.CONVERSE, Dialect.ANTHROPIC
HINT, DEGRADED, DROPPED = Severity.HINT, Severity.DEGRADED, Severity.DROPPED
CLAUDE = "us.anthropic.claude-opus-5-v1"
SONNET_45, SONNET_46 = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-6"
OPUS_41, OPUS_47 = "anthropic.claude-opus-4-1-20250805-v1:0", "anthropic.claude-opus-4-7"
FABLE = "anthropic.claude-fable-5-1"
HAIKU_35 = "anthropic.claude-3-5-haiku-20241022-v1:0"
NOVA, NOVA_2 = "us.amazon.nova-pro-v1:0", "us.amazon.nova-2-lite-v1:0"
OSS, GPT, KIMI = "openai.gpt-oss-120b-1:0", "openai.gpt-6-sol", "moonshot.kimi-k2-thinking"
MISTRAL, LLAMA = "mistral.mistral-large-2407-v1:0", "meta.llama4-maverick-17b-instruct-v1:0"
MODELS = (CLAUDE, SONNET_45, SONNET_46, OPUS_41, OPUS_47, HAIKU_35, NOVA, NOVA_2, OSS, GPT, KIMI, MISTRAL, LLAMA)
FIXTURES = [
    (ANTHROPIC, "translation/anthropic.json"),
    (ANTHROPIC, "translation/claude_code.json"),
    *((ANTHROPIC, f"anthropic/requests/{name}.json") for name in ("plain", "rich", "structured", "tool_loop")),
    *((Dialect.OPENAI_CHAT, f"openai_chat/requests/{name}.json") for name in ("agent", "plain", "rich")),
    *((Dialect.OPENAI_RESPONSES, f"openai_responses/requests/{name}.json") for name in ("codex", "plain", "rich")),
]
WORD = re.compile(r"CANARY\w*")


def encoded(request: Request, *expected: tuple[str, Severity]) -> JsonObject:
    """The body, by botocore's leave, and its losses as they should be."""
    losses = Losses()
    body = converse.encode_request(suited(request, losses), losses)
    assert [(loss.path, loss.severity) for loss in losses] == list(expected)
    judge.request(body)
    return body


def user(*blocks: Any) -> Turn:
    return Turn(role="user", content=blocks or (Text(text="x"),))


def assistant(*blocks: Any) -> Turn:
    return Turn(role="assistant", content=blocks)


def asked(*turns: Turn, model: str = CLAUDE, **more: Any) -> Request:
    return Request(model=model, turns=turns or (user(),), **more)


def messages(*turns: Turn, expected: tuple[tuple[str, Severity], ...] = (), model: str = CLAUDE) -> list[Any]:
    found: list[Any] = encoded(asked(*turns, model=model), *expected)["messages"]
    return found


# Of other dialects


def translated(source: Dialect, name: str, model: str) -> tuple[Request, JsonObject, Losses]:
    body = {**load(name), "model": model}
    request, _ = fit(CODECS[source].decode_request(body), OURS)
    losses = Losses()
    return request, converse.encode_request(suited(request, losses), losses), losses


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("source", "name"), FIXTURES)
def test_whatever_comes_is_valid_and_no_loss_is_silent(source: Dialect, name: str, model: str) -> None:
    import msgspec

    request, body, losses = translated(source, name, model)
    judge.request(body)
    kept = set(WORD.findall(json.dumps(body) + inline(body)))
    silent = [
        path
        for path, text in canaries(msgspec.to_builtins(request))
        if not set(WORD.findall(text)) <= kept and not any(under(path, loss.path) for loss in losses)
    ]
    assert silent == []
    assert not [loss for loss in losses if "CANARY" in loss.path + loss.feature]


def inline(value: Any) -> str:
    """The text that stands in a body as base64."""
    match value:
        case {"bytes": str(encoded)}:
            try:
                return b64decode(encoded).decode("latin-1")
            except ValueError:  # a fixture's, which stands there in plain
                return ""
        case dict():
            return "".join(map(inline, value.values()))
        case list():
            return "".join(map(inline, value))
        case _:
            return ""


@pytest.mark.parametrize("model", MODELS)
def test_claude_code_is_not_refused(model: str) -> None:
    _, body, losses = translated(ANTHROPIC, "translation/claude_code.json", model)
    assert [loss for loss in losses if loss.severity is DROPPED] == []
    assert "billing-header" not in json.dumps(body)
    alternate = [message["role"] for message in body["messages"]]
    assert alternate[0] == "user"
    assert all(a != b for a, b in itertools.pairwise(alternate))


# Conversation


def test_a_plain_question() -> None:
    assert encoded(asked(stream=True)) == {
        "model": CLAUDE,
        "messages": [{"role": "user", "content": [{"text": "x"}]}],
        "stream": True,
    }


def test_what_one_side_says_in_a_row_is_one_message() -> None:
    said = [user(), user(Text(text="y")), assistant(Text(text="a")), assistant(Text(text="b")), user(Text(text="z"))]
    assert messages(*said) == [
        {"role": "user", "content": [{"text": "x"}, {"text": "y"}]},
        {"role": "assistant", "content": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "content": [{"text": "z"}]},
    ]


def test_a_conversation_begins_with_the_user() -> None:
    first, second = messages(assistant(Text(text="a")), expected=(("$.turns[0]", DEGRADED),))
    assert first["role"] == "user"
    assert second == {"role": "assistant", "content": [{"text": "a"}]}


def test_blank_text_is_left_out() -> None:
    lost = (("$.turns[0].content[1]", HINT), ("$.turns[2].content[0]", HINT))
    said = [user(Text(text=""), Text(text=" \n"), Text(text="x")), assistant(Text(text="")), user(Text(text=" "))]
    assert messages(*said, expected=lost) == [{"role": "user", "content": [{"text": "x"}]}]


def test_results_come_before_words_with_their_cache_points() -> None:
    result = ToolResult(call_id="a", content=(Text(text="r"),), cache=CacheHint())
    said = [user(), assistant(ToolCall(id="a", name="f", arguments="{}")), user(Text(text="and"), result)]
    *_, last = encoded(asked(*said, tools=(Tool(name="f"),)))["messages"]
    assert last["content"] == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "r"}]}},
        {"cachePoint": {"type": "default"}},
        {"text": "and"},
    ]


def instruct(*turns: Turn, model: str = CLAUDE) -> list[str]:
    """Whose messages there are."""
    return [m["role"] for m in converse.encode_request(asked(*turns, model=model), Losses())["messages"]]


SYSTEM = Turn(role="system", content=(Text(text="s"),))


def test_instructions_in_the_middle_of_a_conversation() -> None:
    assert messages(user(), SYSTEM, assistant(Text(text="a")))[1] == {"role": "system", "content": [{"text": "s"}]}
    assert instruct(user(), SYSTEM, SYSTEM) == ["user", "system"]
    assert instruct(user(), SYSTEM, user()) == ["user"]  # only where the assistant is next
    assert instruct(user(), assistant(Text(text="a")), SYSTEM) == ["user", "assistant", "user"]
    told = messages(user(), SYSTEM, model=SONNET_45, expected=(("$.turns[1]", DEGRADED),))
    assert told == [{"role": "user", "content": [{"text": "x"}, {"text": "s"}]}]


def test_the_system_prompt() -> None:
    blocks = (
        Text(text="x-anthropic-billing-header: cc_version=2.1"),
        Text(text="a", cache=CacheHint("1h")),
        Text(text=""),
        Text(text=" "),
        Media(kind="image", media_type="image/png", data="QQ=="),
        Text(text="b"),
    )
    body = encoded(asked(system=blocks), ("$.system[3]", HINT), ("$.system[4]", DROPPED))
    assert body["system"] == [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}, {"text": "b"}]


# Cache points


@pytest.mark.parametrize(
    ("model", "ttl", "point", "lost"),
    [
        (CLAUDE, None, {"type": "default"}, ()),
        (CLAUDE, "5m", {"type": "default"}, ()),
        (SONNET_45, "1h", {"type": "default", "ttl": "1h"}, ()),
        (OPUS_41, "1h", {"type": "default"}, (("$.turns[0].content[0].cache", HINT),)),
        (NOVA, None, {"type": "default"}, ()),
        (LLAMA, None, None, (("$.turns[0].content[0].cache", HINT),)),
    ],
)
def test_cache_points(model: str, ttl: Any, point: JsonObject | None, lost: Any) -> None:
    (message,) = messages(user(Text(text="x", cache=CacheHint(ttl))), model=model, expected=lost)
    assert message["content"] == [{"text": "x"}, *([{"cachePoint": point}] if point else [])]


def test_cache_points_after_tools() -> None:
    tools = (Tool(name="f", cache=CacheHint()),)
    assert encoded(asked(tools=tools))["toolConfig"]["tools"][1:] == [{"cachePoint": {"type": "default"}}]
    body = encoded(asked(tools=tools, model=NOVA), ("$.tools[0].cache", HINT))
    assert len(body["toolConfig"]["tools"]) == 1


def test_no_cache_point_within_a_result() -> None:
    part = Text(text="r", cache=CacheHint())
    said = [user(ToolResult(call_id="a", content=(part,)))]
    encoded(asked(*said, tools=(Tool(name="f"),)), ("$.turns[0].content[0].content[0].cache", HINT))


# Thinking in the history


def past(block: content.Thinking, model: str, *lost: Severity) -> list[Any]:
    said = [user(), assistant(block, Text(text="a"))]
    expected = tuple(("$.turns[1].content[0]", severity) for severity in lost)
    found: list[Any] = messages(*said, expected=expected, model=model)[1]["content"][:-1]
    return found


def thought(issuer: Dialect | None, *, redacted: bool = False) -> content.Thinking:
    seal = Signature(issuer, "c2VhbA==") if issuer else None
    return content.Thinking(text="" if redacted else "t", signature=seal, redacted=redacted)


def test_sealed_thinking_goes_back_to_where_it_is_from() -> None:
    told = [{"reasoningContent": {"reasoningText": {"text": "t", "signature": "c2VhbA=="}}}]
    assert past(thought(OURS), CLAUDE) == told
    assert past(thought(OURS), NOVA_2) == told
    assert past(thought(ANTHROPIC), CLAUDE) == told  # seals of Claude hold on every platform
    assert past(thought(OURS, redacted=True), CLAUDE) == [{"reasoningContent": {"redactedContent": "c2VhbA=="}}]


@pytest.mark.parametrize(
    ("block", "model"),
    [
        (thought(None), CLAUDE),
        (thought(Dialect.OPENAI_RESPONSES), CLAUDE),
        (thought(ANTHROPIC), NOVA_2),
        (thought(ANTHROPIC, redacted=True), CLAUDE),
    ],
)
def test_other_thinking_is_left_out(block: content.Thinking, model: str) -> None:
    assert past(block, model, DEGRADED) == []


# Media


def shown(media: Media, *lost: Severity, under: str = "") -> list[Any]:
    expected = tuple((f"$.turns[0].content[1]{under}", severity) for severity in lost)
    (message,) = messages(user(Text(text="x"), media), expected=expected)
    found: list[Any] = message["content"][1:]
    return found


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (
            Media(kind="image", media_type="image/jpg", data="QQ=="),
            {"image": {"format": "jpeg", "source": {"bytes": "QQ=="}}},
        ),
        (
            Media(kind="document", media_type="application/pdf", data="QQ==", title="Report (1).pdf"),
            {"document": {"format": "pdf", "source": {"bytes": "QQ=="}, "name": "Report (1)"}},
        ),
        (
            Media(kind="document", media_type="text/plain", data="é"),
            {"document": {"format": "txt", "source": {"bytes": "w6k="}, "name": "document"}},
        ),
        (
            Media(kind="document", data="QQ==", title="a.XLSX"),
            {"document": {"format": "xlsx", "source": {"bytes": "QQ=="}, "name": "a XLSX"}},
        ),
        (
            Media(kind="audio", media_type="audio/mpeg; rate=1", data="QQ=="),
            {"audio": {"format": "mp3", "source": {"bytes": "QQ=="}}},
        ),
        (
            Media(kind="image", media_type="image/png", url="s3://bucket/key.png"),
            {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/key.png"}}}},
        ),
    ],
)
def test_media(media: Media, block: JsonObject) -> None:
    named = media.title is not None and media.title.endswith("XLSX")
    assert shown(media, *([DEGRADED] if named else []), under=".title") == [block]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="image", media_type="image/png", url="https://example.com/i.png"),
        Media(kind="image", media_type="image/tiff", data="QQ=="),
        Media(kind="image", data="QQ=="),
        Media(kind="image", media_type="image/png", data=""),
        Media(kind="document", data="QQ==", title="a.exe"),
    ],
)
def test_media_that_the_api_does_not_take(media: Media) -> None:
    assert shown(media, DROPPED) == []


def test_a_title_has_no_place_beside_an_image() -> None:
    shown(Media(kind="image", media_type="image/png", data="QQ==", title="t"), DEGRADED, under=".title")


def test_an_assistant_says_no_media() -> None:
    media = Media(kind="image", media_type="image/png", data="QQ==")
    messages(user(), assistant(Text(text="a"), media), expected=(("$.turns[1].content[1]", DROPPED),))


def test_a_document_wants_words_beside_it() -> None:
    media = Media(kind="document", media_type="application/pdf", data="QQ==")
    (message,) = messages(user(media), expected=(("$.turns", HINT),))
    assert [next(iter(block)) for block in message["content"]] == ["document", "text"]


def test_names_of_documents() -> None:
    names = Names()
    assert names.fit("a.pdf", "pdf") == ("a", True)
    assert names.fit("a.pdf", "pdf") == ("a 2", True)
    assert names.fit(None, "pdf") == ("document", True)
    assert names.fit("日本語.pdf", "pdf") == ("document 2", False)
    assert names.fit("../etc/pass_wd  x", "txt") == ("etc pass wd x", False)


@given(st.lists(st.text(max_size=300) | st.sampled_from(["a.pdf", "b", None]), max_size=6))
def test_whatever_they_are_called_names_fit_and_differ(titles: list[str | None]) -> None:
    names = Names()
    made = [names.fit(title, "pdf")[0] for title in titles]
    assert len(set(made)) == len(made)
    for name in made:
        assert 0 < len(name) <= LONGEST_NAME
        assert re.fullmatch(r"[0-9A-Za-z\-()\[\]]+( [0-9A-Za-z\-()\[\]]+)*", name)


def test_formats_are_the_apis() -> None:
    for kind, shape in (("image", "ImageFormat"), ("document", "DocumentFormat"), ("audio", "AudioFormat")):
        assert set(FORMATS[kind].values()) <= set(judge.service().shape_for(shape).enum)


# Calls and results


@pytest.mark.parametrize(
    ("arguments", "made", "lost"),
    [
        ('{"a": "\\ud800"}', {"a": "\ud800"}, ()),
        ("", {}, ()),
        ('{"a": ', {"_unparsed": '{"a": '}, (("$.turns[1].content[0]", DEGRADED),)),
        ("[1]", {"_unparsed": "[1]"}, (("$.turns[1].content[0]", DEGRADED),)),
    ],
)
def test_arguments(arguments: str, made: JsonObject, lost: Any) -> None:
    call = ToolCall(id="a", name="f", arguments=arguments)
    body = encoded(asked(user(), assistant(call), tools=(Tool(name="f"),)), *lost)
    assert body["messages"][1]["content"] == [{"toolUse": {"toolUseId": "a", "name": "f", "input": made}}]


@given(st.text(max_size=120))
def test_ids_fit(id: str) -> None:
    made = tool_id(id)
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", made)
    assert tool_id(made) == made


def test_ids_that_fit_stay() -> None:
    assert [tool_id(id) for id in ("call_1", "tooluse_a-b.c:d", "a" * 64)] == ["call_1", "tooluse_a-b.c:d", "a" * 64]
    assert tool_id("a" * 65) != tool_id("a" * 66)


IMAGE = Media(kind="image", media_type="image/png", data="QQ==")
PICTURE = {"image": {"format": "png", "source": {"bytes": "QQ=="}}}
RESULTS: list[tuple[str, ToolResult, list[Any], list[tuple[str, Severity]]]] = [
    (
        CLAUDE,
        ToolResult(call_id="a", content=(Text(text="r"), IMAGE), is_error=True),
        [{"toolResult": {"toolUseId": "a", "content": [{"text": "r"}, PICTURE], "status": "error"}}],
        [],
    ),
    (
        LLAMA,
        ToolResult(call_id="a", content=(Text(text="r"), IMAGE), is_error=True),
        [{"toolResult": {"toolUseId": "a", "content": [{"text": "Error:"}, {"text": "r"}]}}, PICTURE],
        [(".content[1]", DEGRADED), (".is_error", DEGRADED)],
    ),
    (
        CLAUDE,
        ToolResult(call_id="a", content=(Text(text=" "),)),
        [{"toolResult": {"toolUseId": "a", "content": [{"text": "(empty)"}]}}],
        [(".content[0]", HINT), ("", HINT)],
    ),
    (
        CLAUDE,
        ToolResult(call_id="a", content=(), is_error=True),
        [{"toolResult": {"toolUseId": "a", "content": [{"text": "Error:"}], "status": "error"}}],
        [],
    ),
    (
        CLAUDE,
        ToolResult(call_id="a", content=(Text(text="r"), Media(kind="audio", media_type="audio/wav", data="QQ=="))),
        [{"toolResult": {"toolUseId": "a", "content": [{"text": "r"}]}}],
        [(".content[1]", DROPPED)],
    ),
]


@pytest.mark.parametrize(("model", "result", "made", "lost"), RESULTS)
def test_results(model: str, result: ToolResult, made: list[Any], lost: list[tuple[str, Severity]]) -> None:
    expected = [(f"$.turns[0].content[0]{path}", severity) for path, severity in lost]
    body = encoded(asked(user(result), model=model, tools=(Tool(name="f"),)), *expected)
    assert body["messages"] == [{"role": "user", "content": made}]


def test_blocks_that_have_no_place() -> None:
    said = [
        user(Text(text="x", citations=({"type": "char_location"},)), Opaque(dialect=ANTHROPIC, data={"type": "n"})),
        assistant(Refusal(text="no"), Refusal(text=" ")),
    ]
    lost = (
        ("$.turns[0].content[0].citations", DEGRADED),
        ("$.turns[0].content[1]", DROPPED),
        ("$.turns[1].content[0]", DEGRADED),
        ("$.turns[1].content[1]", DEGRADED),
        ("$.turns[1].content[1]", HINT),
    )
    assert messages(*said, expected=lost)[1]["content"] == [{"text": "no"}]


# Tools

TOOL = Tool(name="f", description="F.", parameters={"type": "object", "properties": {}}, strict=True)
SPEC = {"name": "f", "description": "F.", "strict": True, "inputSchema": {"json": {"type": "object", "properties": {}}}}
CALLED = (user(), assistant(ToolCall(id="a", name="g", arguments="{}")), user(ToolResult(call_id="a", content=(Text(text="r"),))))  # fmt: skip


def test_tools() -> None:
    native = Tool(name="w", native=Opaque(dialect=ANTHROPIC, data={"type": "web_search"}))
    own = Tool(name="s", native=Opaque(dialect=OURS, data={"systemTool": {"name": "nova_grounding"}}))
    body = encoded(
        asked(tools=(TOOL, Tool(name="h", description=" ", strict=False), native, own)), ("$.tools[2]", DROPPED)
    )
    assert body["toolConfig"] == {
        "tools": [
            {"toolSpec": SPEC},
            {"toolSpec": {"name": "h", "inputSchema": {"json": {"type": "object"}}}},
            {"systemTool": {"name": "nova_grounding"}},
        ]
    }


AUTO, NONE, REQUIRED, NAMED = ToolChoice("auto"), ToolChoice("none"), ToolChoice("required"), ToolChoice("named", "f")
# Model, choice, may calls be parallel, choice of the API, choice of Anthropic's, losses.
CHOICES: list[tuple[str, ToolChoice | None, bool | None, Any, Any, list[tuple[str, Severity]]]] = [
    (CLAUDE, None, None, None, None, []),
    (CLAUDE, AUTO, True, {"auto": {}}, None, []),
    (CLAUDE, REQUIRED, None, {"any": {}}, None, []),
    (CLAUDE, NAMED, None, {"tool": {"name": "f"}}, None, []),
    (CLAUDE, None, False, None, {"type": "auto", "disable_parallel_tool_use": True}, []),
    (CLAUDE, REQUIRED, False, None, {"type": "any", "disable_parallel_tool_use": True}, []),
    (CLAUDE, NAMED, False, None, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}, []),
    (HAIKU_35, NAMED, False, {"tool": {"name": "f"}}, None, [("$.parallel_tool_calls", DEGRADED)]),
    (MISTRAL, REQUIRED, None, {"any": {}}, None, []),
    (MISTRAL, NAMED, None, None, None, [("$.tool_choice", DEGRADED)]),
    (LLAMA, REQUIRED, None, None, None, [("$.tool_choice", DEGRADED)]),
    (LLAMA, AUTO, None, {"auto": {}}, None, []),
]


@pytest.mark.parametrize(("model", "choice", "parallel", "word", "own", "lost"), CHOICES)
def test_choices(model: str, choice: Any, parallel: Any, word: Any, own: Any, lost: Any) -> None:
    request = asked(model=model, tools=(TOOL,), tool_choice=choice, parallel_tool_calls=parallel)
    body = encoded(request, *lost)
    assert body["toolConfig"].get("toolChoice") == word
    assert body.get("additionalModelRequestFields") == ({"tool_choice": own} if own else None)


def test_no_tool_may_be_called() -> None:
    """There is no such choice: the tools stay away, or where the conversation needs them, Claude is told."""
    assert "toolConfig" not in encoded(asked(tools=(TOOL,), tool_choice=NONE), ("$.tools", HINT))
    body = encoded(asked(*CALLED, tools=(TOOL,), tool_choice=NONE))
    assert body["toolConfig"] == {"tools": [{"toolSpec": SPEC}]}
    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    assert "toolConfig" in encoded(
        asked(*CALLED, model=NOVA, tools=(TOOL,), tool_choice=NONE), ("$.tool_choice", DEGRADED)
    )


def test_a_conversation_with_calls_declares_their_tools() -> None:
    body = encoded(asked(*CALLED), ("$.tools", HINT))
    assert body["toolConfig"] == {"tools": [{"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object"}}}}]}
    assert body["additionalModelRequestFields"] == {"tool_choice": {"type": "none"}}
    body = encoded(asked(CALLED[2], model=NOVA), ("$.tools", HINT), ("$.tool_choice", DEGRADED))
    assert body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "tool"


def test_a_choice_among_no_tools() -> None:
    assert "toolConfig" not in encoded(asked(tool_choice=REQUIRED), ("$.tool_choice", DEGRADED))
    assert "toolConfig" not in encoded(asked(tool_choice=NONE))


# Sampling, thinking, output


def sampled(model: str, *expected: tuple[str, Severity], reasoning: Any = None, **values: Any) -> tuple[Any, Any]:
    body = encoded(asked(model=model, sampling=Sampling(**values), reasoning=reasoning), *expected)
    return body.get("inferenceConfig"), body.get("additionalModelRequestFields")


def test_sampling() -> None:
    assert sampled(SONNET_46, max_tokens=9, top_p=0.25, top_k=7) == ({"maxTokens": 9, "topP": 0.25}, {"top_k": 7})
    assert sampled(LLAMA, temperature=0.5, top_p=0.25) == ({"temperature": 0.5, "topP": 0.25}, None)
    assert sampled(NOVA, top_k=7) == (None, {"inferenceConfig": {"topK": 7}})
    assert sampled(LLAMA, ("$.sampling.top_k", HINT), top_k=7) == (None, None)
    assert sampled(LLAMA, ("$.sampling.temperature", HINT), temperature=1.5) == ({"temperature": 1.0}, None)
    assert sampled(LLAMA, stop=("a", "")) == ({"stopSequences": ["a"]}, None)


def test_a_limit_that_leaves_no_room_for_an_answer() -> None:
    """As Anthropic's callers have it who only warm a cache."""
    assert sampled(CLAUDE, ("$.sampling.max_tokens", HINT), max_tokens=0) == ({"maxTokens": 1}, None)


def test_what_sampling_has_no_place_for() -> None:
    knobs = {"seed": 1, "frequency_penalty": 0.5, "presence_penalty": 0.5}
    expected = [*((f"$.sampling.{name}", HINT) for name in knobs), ("$.sampling.logprobs", DROPPED)]
    assert sampled(CLAUDE, *expected, **knobs, logprobs=True) == (None, None)
    assert sampled(CLAUDE, seed=0, logprobs=False) == (None, None)


def test_a_stop_sequence_is_asked_back_from_claude() -> None:
    body = encoded(asked(sampling=Sampling(stop=("END",))))
    assert body["inferenceConfig"] == {"stopSequences": ["END"]}
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence", "/delta/stop_sequence"]


R = Reasoning
PATH = "$.reasoning"
# Model, reasoning, limit of the answer, the model's own fields, effort, losses.
THINKING: list[tuple[str, Reasoning, int | None, Any, str | None, list[tuple[str, Severity]]]] = [
    (CLAUDE, R(), None, {"thinking": {"type": "adaptive"}}, None, []),
    (CLAUDE, R(effort="xhigh"), None, {"thinking": {"type": "adaptive"}}, "xhigh", []),
    (CLAUDE, R(effort="minimal"), None, {"thinking": {"type": "adaptive"}}, "low", [(f"{PATH}.effort", HINT)]),
    (CLAUDE, R(effort="high", effort_only=True), None, None, "high", []),
    (CLAUDE, R(effort="none"), None, {"thinking": {"type": "disabled"}}, None, []),
    (CLAUDE, R(enabled=False), None, {"thinking": {"type": "disabled"}}, None, []),
    (CLAUDE, R(budget_tokens=4096), None, {"thinking": {"type": "adaptive"}}, "medium", [(f"{PATH}.budget_tokens", HINT)]),
    (CLAUDE, R(budget_tokens=99999), None, {"thinking": {"type": "adaptive"}}, "high", [(f"{PATH}.budget_tokens", HINT)]),
    (CLAUDE, R(budget_tokens=99, effort="max"), None, {"thinking": {"type": "adaptive"}}, "max", [(f"{PATH}.budget_tokens", HINT)]),
    (OPUS_47, R(enabled=False), None, None, None, []),
    (FABLE, R(enabled=False), None, None, None, [(PATH, HINT)]),
    (SONNET_46, R(budget_tokens=4096), None, {"thinking": {"type": "enabled", "budget_tokens": 4096}}, None, []),
    (SONNET_46, R(effort="low"), None, {"thinking": {"type": "adaptive"}}, "low", []),
    (SONNET_45, R(budget_tokens=4096), None, {"thinking": {"type": "enabled", "budget_tokens": 4096}}, None, []),
    (SONNET_45, R(budget_tokens=4096, effort="low"), None, {"thinking": {"type": "enabled", "budget_tokens": 4096}}, None, [(f"{PATH}.effort", HINT)]),
    (SONNET_45, R(effort="low"), None, {"thinking": {"type": "enabled", "budget_tokens": 2048}}, None, [(PATH, HINT)]),
    (SONNET_45, R(effort="unheard"), None, {"thinking": {"type": "enabled", "budget_tokens": 8192}}, None, [(PATH, HINT)]),
    (SONNET_45, R(), 4000, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, None, [(PATH, HINT)]),
    (SONNET_45, R(), 2000, None, None, [(PATH, HINT)]),
    (SONNET_45, R(effort="low", effort_only=True), None, None, None, [(f"{PATH}.effort", HINT)]),
    (HAIKU_35, R(effort="low"), None, None, None, [(PATH, HINT)]),
    (NOVA_2, R(effort="low"), None, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, None, []),
    (NOVA_2, R(effort="max"), None, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}, None, [(f"{PATH}.effort", HINT)]),
    (NOVA_2, R(budget_tokens=99), None, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, None, [(f"{PATH}.budget_tokens", HINT)]),
    (NOVA_2, R(enabled=False), None, {"reasoningConfig": {"type": "disabled"}}, None, []),
    (OSS, R(), None, {"reasoning_effort": "medium"}, None, []),
    (KIMI, R(effort="xhigh", budget_tokens=9), None, {"reasoning_effort": "high"}, None, [(f"{PATH}.budget_tokens", HINT), (f"{PATH}.effort", HINT)]),
    (OSS, R(enabled=False), None, None, None, [(PATH, HINT)]),
    (GPT, R(effort="xhigh"), None, {"reasoning": {"effort": "xhigh"}}, None, []),
    (GPT, R(effort="minimal"), None, {"reasoning": {"effort": "low"}}, None, [(f"{PATH}.effort", HINT)]),
    (GPT, R(effort="none"), None, {"reasoning": {"effort": "none"}}, None, []),
    (LLAMA, R(effort="low"), None, None, None, [(PATH, HINT)]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "reasoning", "limit", "own", "effort", "lost"), THINKING)
def test_thinking(model: str, reasoning: Reasoning, limit: int | None, own: Any, effort: str | None, lost: Any) -> None:
    body = encoded(asked(model=model, reasoning=reasoning, sampling=Sampling(max_tokens=limit)), *lost)
    assert body.get("additionalModelRequestFields") == own
    assert body.get("outputConfig") == ({"effort": effort} if effort else None)


def test_leftovers_of_anthropics_thinking_stay_in_its_object() -> None:
    shown = Extras(ANTHROPIC, {"display": "summarized"})
    body = encoded(asked(reasoning=R(extras=shown)))
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "adaptive", "display": "summarized"}}
    encoded(asked(model=OSS, reasoning=R(extras=shown)), (f"{PATH}.display", HINT))
    encoded(
        asked(model=OPUS_47, reasoning=R(enabled=False, extras=Extras(ANTHROPIC, {"x": 1}))),
        (f"{PATH}.x", DROPPED),
    )


def test_sampling_while_claude_thinks() -> None:
    expected = [("$.sampling.temperature", HINT), ("$.sampling.top_k", HINT)]
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 4096}}
    knobs = {"temperature": 0.5, "top_k": 7}
    assert sampled(SONNET_45, *expected, reasoning=R(budget_tokens=4096), **knobs) == (None, thinking)
    assert sampled(SONNET_45, reasoning=R(budget_tokens=4096), top_p=0.95) == ({"topP": 0.95}, thinking)
    assert sampled(SONNET_45, reasoning=R(budget_tokens=4096), temperature=1.0) == ({"temperature": 1.0}, thinking)


def test_nova_takes_no_limit_beside_its_highest_effort() -> None:
    knobs = {"max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 7}
    expected = [(f"$.sampling.{name}", HINT) for name in knobs]
    own = {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}
    assert sampled(NOVA_2, *expected, reasoning=R(effort="high"), **knobs) == (None, own)


def test_a_schema_for_the_answer() -> None:
    schema = {"type": "object", "properties": {"é": {"type": "string"}}}
    output = OutputFormat(kind="json_schema", name="n", description="d", schema=schema, strict=False)
    form = encoded(asked(output=output), ("$.output.strict", HINT))["outputConfig"]["textFormat"]
    made = form["structure"]["jsonSchema"]
    assert json.loads(made.pop("schema")) == schema
    assert form == {"type": "json_schema", "structure": {"jsonSchema": {"name": "n", "description": "d"}}}
    assert "outputConfig" not in encoded(asked(output=OutputFormat(kind="json_object")), ("$.output", DEGRADED))


def test_leftovers_of_other_apis_are_losses() -> None:
    turn = Turn(role="user", content=(Text(text="x", extras=Extras(ANTHROPIC, {"b": 1})),), extras=Extras(ANTHROPIC, {"t": 1}))  # fmt: skip
    request = asked(
        turn,
        system=(Text(text="s", extras=Extras(ANTHROPIC, {"s": 1})),),
        tools=(Tool(name="f", extras=Extras(ANTHROPIC, {"u": 1})),),
        tool_choice=ToolChoice("auto", None, Extras(ANTHROPIC, {"c": 1})),
        output=OutputFormat(kind="json_schema", schema={}, extras=Extras(ANTHROPIC, {"o": 1})),
        end_user="CANARY",
        extras=Extras(ANTHROPIC, {"r": 1}),
    )
    losses = Losses()
    body = converse.encode_request(request, losses)
    assert {loss.path for loss in losses} == {
        "$.turns[0].*",
        "$.turns[0].content[0].*",
        "$.system[0].*",
        "$.tools[0].*",
        "$.tool_choice.*",
        "$.output.*",
        "$.end_user",
        "$.*",
    }
    assert "CANARY" not in json.dumps(body)


# Families

# Of the family of each: how it thinks, may its caches live for an hour, Anthropic's own choice, an effort, system turns.
WHOSE: list[tuple[str, Thinking, str]] = [
    ("anthropic.claude-v2:1", Thinking.CLAUDE, ""),
    (HAIKU_35, Thinking.CLAUDE, ""),
    ("anthropic.claude-sonnet-4-20250514-v1:0", Thinking.CLAUDE, "cached"),
    ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", Thinking.CLAUDE, "cached"),
    (OPUS_41, Thinking.CLAUDE, "cached"),
    ("global.anthropic.claude-haiku-4-5-20251001-v1:0", Thinking.CLAUDE, "cached hour own_choice"),
    ("anthropic.claude-opus-4-6-v1", Thinking.CLAUDE, "cached hour own_choice effort"),
    (OPUS_47, Thinking.CLAUDE, "cached hour own_choice effort"),
    ("anthropic.claude-mythos-preview", Thinking.CLAUDE, "cached hour own_choice effort"),
    ("anthropic.claude-fable-5-1", Thinking.CLAUDE, "cached hour own_choice effort system_turns"),
    ("anthropic.claude-opus-4-8", Thinking.CLAUDE, "cached hour own_choice effort system_turns"),
    ("anthropic.claude-haiku-5-5", Thinking.CLAUDE, "cached hour own_choice effort system_turns"),
    (
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5",
        Thinking.CLAUDE,
        "cached hour own_choice effort system_turns",
    ),
    (NOVA, Thinking.NOT, "cached"),
    (NOVA_2, Thinking.NOVA, "cached"),
    (OSS, Thinking.EFFORT, ""),
    (GPT, Thinking.REASONING, ""),
    (LLAMA, Thinking.NOT, ""),
]


@pytest.mark.parametrize(("model", "thinking", "has"), WHOSE)
def test_families(model: str, thinking: Thinking, has: str) -> None:
    family = family_of(model)
    assert family.thinking is thinking
    names = ("cached", "hour", "own_choice", "effort", "system_turns")
    assert [name for name in names if getattr(family, name)] == has.split()


def test_every_row_is_reached() -> None:
    ids = [*MODELS, *(model for model, *_ in WHOSE)]
    assert {family_of(model).models for model in ids} == {family.models for family in (*FAMILIES, OTHER)}
    assert family_of("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3") is OTHER
