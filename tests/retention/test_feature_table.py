"""What the levels promise about request features, written down apart from the register's own data.

Each line: a surface, what a caller sends, and what becomes of it at A1, A2, B and C: refused, passed on as it is,
stripped, replaced (by the value that is named), or passed on under another name.
"""

import json
from typing import Any

import pytest
from tests.retention.bodies import asks, says, tool

from lethe.config import register
from lethe.retention.guard import CALLER, Guard
from lethe.retention.levels import Level
from lethe.wire.rawjson import TopLevel

GUARDS = {surface.id: Guard(surface) for surface in register.all_surfaces()}
CLAUDE, GPT = "claude-opus-5-5", "gpt-5.4"
PDF = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}
OUTPUT = {"type": "code_execution_output", "file_id": "f"}
RAN = {"type": "code_execution_tool_result", "content": {"type": "code_execution_result", "content": [OUTPUT]}}
LINK = {"type": "image", "source": {"type": "url", "url": "https://other.example/a.png"}}


def cached(ttl: str) -> dict[str, Any]:
    return says({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": ttl}})


def result(*blocks: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t", "content": list(blocks)}


def document(*blocks: Any) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "content", "content": list(blocks)}}


def document_of(media_type: str, kind: str) -> dict[str, Any]:
    return {"type": "document", "source": {"type": kind, "media_type": media_type, "data": "AA"}}


def addition(kind: str) -> dict[str, Any]:
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"type": kind, "name": "t"}}}


R, P, S, N = "refused", "passed", "stripped", "named otherwise"
Outcome = str | dict[str, Any]
Line = tuple[str, dict[str, Any], tuple[Outcome, Outcome, Outcome, Outcome]]
EXPLICIT = {"prompt_cache_options": {"mode": "explicit"}}
MEMORY = {"prompt_cache_retention": "in_memory"}
UNSTORED = {"store": False}

OPENAI_CHAT: list[Line] = [
    ("openai.chat", {"store": True}, (UNSTORED, UNSTORED, UNSTORED, UNSTORED)),
    ("openai.chat", {"metadata": {"a": "b"}}, (S, S, S, S)),
    ("openai.chat", {"user": "u"}, (S, S, N, N)),
    ("openai.chat", {"safety_identifier": "u"}, (S, S, N, N)),
    ("openai.chat", {"prompt_cache_key": "u"}, (S, S, N, N)),
    ("openai.chat", {"model": "gpt-5.6", "prompt_cache_options": {"ttl": "30m"}}, (EXPLICIT, EXPLICIT, P, P)),
    ("openai.chat", {"model": "gpt-5.4", "prompt_cache_retention": "24h"}, (MEMORY, MEMORY, MEMORY, P)),
    ("openai.chat", {"model": "gpt-4o", "prompt_cache_retention": "24h"}, (MEMORY, MEMORY, MEMORY, P)),
    ("openai.chat", {"model": "gpt-5-mini", "prompt_cache_retention": "24h"}, (MEMORY, MEMORY, MEMORY, P)),
    ("openai.chat", {"model": "gpt-5.5-pro"}, (R, P, P, P)),
    ("azure.chat", {"prompt_cache_retention": "24h"}, (S, S, S, P)),
    ("mistral.chat", says({"type": "document_url", "document_url": "https://x.example/a"}), (R, R, P, P)),
    ("mistral.chat", says({"type": "document_url", "document_url": "data:application/pdf;base64,"}), (P, P, P, P)),
    ("azure.chat", {"prompt_cache_options": {"ttl": "30m"}}, (EXPLICIT, EXPLICIT, P, P)),
    ("openai.chat", {"web_search_options": {}}, (R, R, R, P)),
    ("openai.chat", says({"type": "file", "file": {"file_id": "file_1"}}), (R, R, R, P)),
    ("openai.chat", says({"type": "image_url", "image_url": {"url": "https://o.example/a"}}), (R, R, P, P)),
    ("openai.chat", says({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}), (P, P, P, P)),
    ("openai.chat", says({"type": "image_url", "image_url": {"url": "data.example/a"}}), (R, R, P, P)),
    ("openai.chat", says({"type": "file", "file": {"file_data": "https://o.example/a"}}), (R, R, P, P)),
    ("openai.chat", says({"type": "file", "file": {"file_data": "JVBERi0xLjQK"}}), (P, P, P, P)),
    ("openai.chat", {"modalities": ["text", "audio"]}, (R, R, R, P)),
    ("openai.chat", {"modalities": ["text"]}, (P, P, P, P)),
    ("openai.chat", {"audio": {"voice": "alloy"}}, (R, R, R, P)),
    ("openai.chat", {"a_new_field": 1}, (R, R, R, P)),
    ("openai.chat", {"input": "of another API"}, (R, R, R, P)),
    ("openai.responses", {"messages": "of another API"}, (R, R, R, P)),
    ("openai.chat", tool("a_new_tool"), (R, R, R, P)),
    ("openai.chat", says({"type": "a_new_part"}), (R, R, R, P)),
    ("openai.embeddings", {"user": "u"}, (S, S, N, N)),
]
OPENAI_RESPONSES: list[Line] = [
    ("openai.responses", {"store": True}, (UNSTORED, UNSTORED, UNSTORED, UNSTORED)),
    ("openai.responses", {"background": True}, (R, R, R, R)),
    ("openai.responses", {"background": False}, (P, P, P, P)),
    ("openai.responses", {"previous_response_id": "resp_1"}, (R, R, R, R)),
    ("openai.responses", {"conversation": "conv_1"}, (R, R, R, R)),
    ("openai.responses", {"prompt": {"id": "pmpt_1"}}, (R, R, R, P)),
    *[
        ("openai.responses", tool(kind), (R, R, R, P))
        for kind in ("code_interpreter", "shell", "file_search", "image_generation", "mcp", "programmatic_tool_calling")
    ],
    ("openai.responses", tool("web_search"), (R, R, R, P)),
    ("openai.responses", tool("web_search_preview"), (R, R, R, P)),
    ("openai.responses", tool("function"), (P, P, P, P)),
    ("openai.responses", tool("namespace", tools=[{"type": "mcp"}]), (R, R, R, P)),
    ("openai.responses", tool("namespace", tools=[{"type": "web_search"}]), (R, R, R, P)),
    ("openai.responses", tool("namespace", tools=[{"type": "function"}, {"type": "custom"}]), (P, P, P, P)),
    (
        "openai.responses",
        tool("namespace", tools=[{"type": "function", "allowed_callers": ["programmatic"]}]),
        (R, R, R, P),
    ),
    ("openai.responses", {"input": [{"type": "tool_search_output", "tools": [{"type": "mcp"}]}]}, (R, R, R, P)),
    ("openai.responses", {"input": [{"type": "item_reference", "id": "rs_1"}]}, (R, R, R, R)),
    ("openai.responses", {"input": [{"id": "rs_1"}]}, (R, R, R, R)),
    ("openai.responses", {"input": [{"type": None, "id": "rs_1"}]}, (R, R, R, R)),
    ("openai.responses", {"input": [[{"id": "rs_1", "role": "user"}]]}, (R, R, R, R)),
    ("openai.responses", {"input": [{"role": "user", "content": "x"}]}, (P, P, P, P)),
    ("openai.responses", asks({"type": "input_file", "file_data": "https://o.example/a"}), (R, R, P, P)),
    ("openai.responses", asks({"type": "input_file", "file_id": "file_1"}), (R, R, R, P)),
    ("openai.responses", asks({"type": "input_image", "file_id": "file_1"}), (R, R, R, P)),
    ("openai.responses", asks({"type": "input_file", "file_url": "https://o.example/a"}), (R, R, P, P)),
    ("openai.responses", asks({"type": "input_image", "image_url": "https://o.example/a"}), (R, R, P, P)),
]
ANTHROPIC: list[Line] = [
    ("anthropic.messages", {"thread": {"type": "create"}}, (R, R, R, R)),
    ("anthropic.messages", {"container": "c"}, (R, R, R, P)),
    *[
        ("anthropic.messages", tool(kind), (R, R, R, P))
        for kind in (
            "code_execution_20250522",
            "code_execution_20250825",
            "code_execution_20260521",
            "web_search_20260209",
            "web_fetch_20260318",
        )
    ],
    ("anthropic.messages", tool("custom", allowed_callers=["code_execution_20260120"]), (R, R, R, P)),
    ("anthropic.messages", tool("custom", allowed_callers=["direct"]), (P, P, P, P)),
    ("anthropic.messages", tool("web_search_20250305"), (R, P, P, P)),
    ("anthropic.messages", tool("web_fetch_20250910"), (R, P, P, P)),
    ("anthropic.messages", tool("bash_20250124"), (P, P, P, P)),
    ("anthropic.messages", {"mcp_servers": [{"url": "https://m.example"}]}, (R, R, R, R)),
    ("anthropic.messages", tool("mcp_toolset"), (R, R, R, R)),
    ("anthropic.messages", says(PDF), (R, R, R, R)),
    ("anthropic.messages", says({"type": "tool_result", "tool_use_id": "t", "content": [PDF]}), (R, R, R, R)),
    ("anthropic.messages", says({"type": "container_upload", "file_id": "f"}), (R, R, R, R)),
    ("anthropic.messages", says({"type": "tool_result", "tool_use_id": "t", "content": [PDF]}), (R, R, R, R)),
    ("anthropic.messages", says({"type": "tool_result", "content": [{**PDF, "file_id": "f"}]}), (R, R, R, R)),
    ("anthropic.messages", says(RAN), (R, R, R, P)),
    ("anthropic.messages", says(LINK), (R, P, P, P)),
    ("anthropic.messages", cached("5m"), (P, P, P, P)),
    ("anthropic.messages", cached("1h"), (cached("5m"), cached("5m"), P, P)),
    ("anthropic.messages", cached("2h"), (cached("5m"), cached("5m"), P, P)),
    *[
        (
            "anthropic.messages",
            says(inside(*cached("1h")["messages"][0]["content"])),
            (says(inside(*cached("5m")["messages"][0]["content"])),) * 2 + (P, P),
        )
        for inside in (result, document, lambda *blocks: result(document(*blocks)))
    ],
    ("anthropic.messages", says({"type": "image", "source": {"type": "s3", "uri": "s3://a"}}), (R, R, R, P)),
    (
        "anthropic.messages",
        says({"type": "compaction", "tool_changes": [addition("code_execution_20260521")]}),
        (R, R, R, P),
    ),
    (
        "anthropic.messages",
        says({"type": "compaction", "tool_changes": [addition("web_search_20250305")]}),
        (R, P, P, P),
    ),
    (
        "anthropic.messages",
        says({"type": "web_search_tool_result", "content": [{"type": "web_search_result"}]}),
        (P, P, P, P),
    ),
    ("anthropic.messages", {"output_config": {"format": {"type": "json_schema"}}}, (R, P, P, P)),
    ("anthropic.messages", {"output_config": {"effort": "high"}}, (P, P, P, P)),
    ("anthropic.messages", tool("custom", strict=True), (R, P, P, P)),
    ("anthropic.messages", tool("custom", strict=False), (P, P, P, P)),
    ("anthropic.messages", {"diagnostics": {"previous_message_id": None}}, (R, R, S, P)),
    ("anthropic.messages", {"metadata": {"user_id": "u"}}, (N, N, N, N)),
    ("anthropic.messages", {"fallbacks": "default"}, (R, R, R, P)),
    ("anthropic.messages", {"fallback_credit_token": "t"}, (R, R, R, P)),
    ("anthropic.messages", {"billing_policy": {"bill_to": "self"}}, (R, R, R, P)),
    ("anthropic.messages", tool("advisor_20260301", model="claude-fable-5-1"), (R, R, R, P)),
    (
        "anthropic.messages",
        says({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"type": "mcp_toolset"}}}),
        (R, R, R, R),
    ),
    ("anthropic.count_tokens", {"mcp_servers": []}, (R, R, R, R)),
]
ZDR = {"provider": {"zdr": True, "data_collection": "deny"}}
ALONE = {"provider": ZDR["provider"] | {"allow_fallbacks": False, "require_parameters": True}}
DENY = {"provider": {"data_collection": "deny"}}
GATEWAY = {"providerOptions": {"gateway": {"zeroDataRetention": True, "disallowPromptTraining": True}}}
OTHERS: list[Line] = [
    ("gemini.generate", {"store": True}, (UNSTORED, UNSTORED, UNSTORED, UNSTORED)),
    ("vertex.generate", {"store": True}, (S, S, S, S)),
    ("gemini.generate", {"tools": [{"google_search": {}}]}, (R, R, R, P)),
    ("vertex.generate", {"tools": [{"codeExecution": {}}]}, (R, R, R, P)),
    ("vertex.generate", {"cachedContent": "c"}, (R, R, R, P)),
    ("vertex.generate", {"modelArmorConfig": {"promptTemplateName": "p"}}, (R, R, R, P)),
    ("gemini.generate", {"continuationToken": "c"}, (R, R, R, P)),
    ("vertex.generate", {"contents": [{"parts": [{"fileData": {"fileUri": "gs://b"}}]}]}, (R, R, R, P)),
    ("bedrock.converse", {"requestMetadata": {"a": "b"}}, (S, S, S, S)),
    ("bedrock.converse", {"promptVariables": {}}, (R, R, P, P)),
    ("bedrock.converse", {"additionalModelRequestFields": {"mcp_servers": []}}, (R, R, R, P)),
    ("bedrock.converse", {"additionalModelRequestFields": {"thinking": {"type": "enabled"}}}, (P, P, P, P)),
    ("bedrock.converse", {"guardrailConfig": {}}, (R, R, P, P)),
    ("bedrock.converse", {"model": "arn:aws:bedrock:eu-west-1:1:prompt/P1"}, (R, R, P, P)),
    ("bedrock.messages", {"model": "global.anthropic.claude-opus-5-5"}, (R, R, P, P)),
    ("bedrock.messages", {"model": "eu.anthropic.claude-opus-5-5"}, (P, P, P, P)),
    ("openrouter.chat", {"provider": {}}, (ALONE, ALONE, ZDR, DENY)),
    ("openrouter.chat", {"plugins": [{"id": "web"}]}, (R, R, R, P)),
    ("openrouter.chat", tool("openrouter:web_search"), (R, R, R, P)),
    ("openrouter.chat", {"model": "openai/gpt-5.4:online"}, (R, R, R, P)),
    ("openrouter.chat", {"model": "openai/gpt-5.4: online"}, (R, R, R, P)),
    ("openrouter.chat", {"model": "openai/gpt-5.4@preset/p"}, (R, R, R, P)),
    ("openrouter.chat", {"preset": "p"}, (R, R, R, P)),
    ("openrouter.chat", says({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA"}}), (R, R, R, P)),
    ("openrouter.responses", asks({"type": "input_file", "file_data": "data:application/pdf;base64,AA"}), (R, R, R, P)),
    ("openrouter.messages", says(document_of("application/pdf", "base64")), (R, R, R, P)),
    ("openrouter.messages", says(document_of("text/plain", "text")), (P, P, P, P)),
    ("openrouter.chat", cached("1h"), (cached("5m"), cached("5m"), P, P)),
    ("openrouter.chat", {"models": ["a/b"]}, (R, R, R, P)),
    ("openrouter.chat", {"prompt_cache_options": {"ttl": "12h"}}, (R, R, R, P)),
    *[
        ("openrouter.chat", {name: "x"}, (S, S, S, S))
        for name in ("trace", "metadata", "session_id", "user", "debug")
    ],
    ("vercel.chat", {"providerOptions": {}}, (GATEWAY, GATEWAY, GATEWAY, GATEWAY)),
    ("vercel.chat", {"providerOptions": {"gateway": {"user": "u", "tags": ["t"]}}}, (GATEWAY, GATEWAY, GATEWAY, GATEWAY)),
    ("cloudflare.chat", {"model": "google-ai-studio/gemini-3"}, (R, R, R, P)),
    ("cloudflare.chat", {"model": "openai/gpt-5.4"}, (P, P, P, P)),
    ("xai.responses", {"store": True}, (UNSTORED, UNSTORED, UNSTORED, UNSTORED)),
    ("xai.responses", {"previous_response_id": "r"}, (R, R, R, R)),
    ("xai.chat", {"deferred": True}, (R, R, R, P)),
    ("fireworks.responses", {"input": "x"}, (R, R, R, P)),
    ("deepseek.chat", {"messages": []}, (R, R, R, P)),
    *[(surface, {"cache_salt": "s"}, ({"cache_salt": "as the caller"},) * 4) for surface in ("vllm.chat", "vllm.embeddings")],
    ("vllm.chat", {"background": True}, (R, R, R, R)),
    ("llamacpp.chat", {"cache_prompt": True}, ({"cache_prompt": False},) * 3 + (P,)),
    ("llamacpp.chat", {"id_slot": 1}, (S, S, S, P)),
    ("generic.chat", {"store": True}, (UNSTORED, UNSTORED, UNSTORED, UNSTORED)),
]  # fmt: skip
SENT_ANYWAY: list[tuple[str, str, bool]] = [  # models whose own cache is one of 24 hours get another one unasked
    ("openai.chat", "gpt-5.4", True),
    ("openai.chat", "gpt-5-2025-08-07", True),
    ("openai.chat", "gpt-4.1", True),
    ("openai.chat", "gpt-4.1-mini", False),
    ("openai.chat", "gpt-5-mini", False),
    ("openai.chat", "gpt-5-chat-latest", False),
    ("openai.chat", "gpt-5.5", False),
    ("openai.chat", "gpt-5.6", False),
    ("openai.chat", "o3", False),
    ("azure.chat", "gpt-5.4", False),
]
LINES = [*OPENAI_CHAT, *OPENAI_RESPONSES, *ANTHROPIC, *OTHERS]


def becomes(surface: str, sent: dict[str, Any], level: Level) -> tuple[bool, dict[str, Any]]:
    """Whether it is refused, and what is left of the fields that were sent."""
    body = {"model": CLAUDE if "anthropic" in surface else GPT} | sent
    if surface.startswith(("cloudflare", "openrouter")) and "model" not in sent:
        body["model"] = "openai/gpt-5.4"
    verdict = GUARDS[surface].judge(
        TopLevel(json.dumps(body).encode()),
        level,
        body["model"],
        pseudonym=lambda text: "as the caller" if text == CALLER else f"as {text}",
    )
    left = {name: value for name, value in body.items() if name not in verdict.removals} | verdict.changes
    return bool(verdict.refusals), {name: left[name] for name in sent if name in left}


def renamed(value: Any) -> Any:
    return {name: renamed(inner) for name, inner in value.items()} if isinstance(value, dict) else f"as {value}"


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]}:{json.dumps(line[1])[:60]}")
def test_what_becomes_of_it(line: Line) -> None:
    surface, sent, outcomes = line
    for level, outcome in zip(Level, outcomes, strict=True):
        refused, left = becomes(surface, sent, level)
        assert refused is (outcome == R), level
        if outcome == P:
            assert left == sent, level
        elif outcome == S:
            assert left == {}, level
        elif outcome == N:
            assert left == renamed(sent), level
        elif isinstance(outcome, dict):
            assert left == {name: value for name, value in sent.items() if name not in outcome} | outcome, level


@pytest.mark.parametrize(("surface", "model", "sent"), SENT_ANYWAY)
def test_fields_go_only_to_models_that_take_them(surface: str, model: str, *, sent: bool) -> None:
    verdict = GUARDS[surface].judge(TopLevel(json.dumps({"model": model}).encode()), Level.A2, model)
    assert ("prompt_cache_retention" in verdict.changes) is sent


@pytest.mark.parametrize("model", ["ft:gpt-4.1:org::1", "gpt-5.6", "gpt-9", "CANARY"])
def test_a_cache_of_a_day_is_asked_for_no_model_that_the_register_does_not_name(model: str) -> None:
    sent = {"model": model, "prompt_cache_retention": "24h"}
    kept = ["prompt_cache_retention" in becomes("openai.chat", sent, level)[1] for level in Level]
    assert kept == [False, False, False, True]


@pytest.mark.parametrize(("surface", "sent"), [("gemini.generate", True), ("vertex.generate", False)])
def test_the_gemini_api_alone_is_told_not_to_log(surface: str, *, sent: bool) -> None:
    """Vertex refuses names that it does not know, and it knows no `store` (google-genai 3.6.1)."""
    for level in Level:
        verdict = GUARDS[surface].judge(TopLevel(b'{"contents":[]}'), level, "gemini-3")
        assert (verdict.changes.get("store") is False) is sent
