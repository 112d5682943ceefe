"""What the levels promise about each feature holds at every surface that has it, never looser.

Each line: the surfaces, what a caller sends, and the least that becomes of it at A1, A2, B and C. `test_feature_table`
says of chosen surfaces what exactly becomes of it; here a gateway or an engine of one protocol is held to the same as
the vendor of it.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.retention.bodies import asks, says, tool

from lethe.config import register
from lethe.ir.content import Dialect
from lethe.retention.guard import Guard, Verdict
from lethe.retention.levels import Level
from lethe.retention.surface import Surface
from lethe.wire.rawjson import TopLevel

GUARDS = {surface.id: Guard(surface) for surface in register.all_surfaces()}
MODELS = {"cloudflare": "openai/gpt-5.4", "openrouter": "openai/gpt-5.4", "vercel": "openai/gpt-5.4"}

PASSED, RENAMED, CHANGED, REFUSED = range(4)  # the looser first
Least = tuple[int, int, int, int]
ALWAYS, PROMISED = (REFUSED,) * 4, (REFUSED, REFUSED, REFUSED, PASSED)
ENCLOSED, LITERAL = (REFUSED, REFUSED, PASSED, PASSED), (REFUSED, PASSED, PASSED, PASSED)
GONE, SHORT = (CHANGED,) * 4, (CHANGED, CHANGED, PASSED, PASSED)
NAMELESS = (CHANGED, CHANGED, RENAMED, RENAMED)

Which = Callable[[Surface], bool]


def speaks(dialect: Dialect, *but: str) -> Which:
    """All that are asked in it for answers, whoever serves them."""
    asides = ("embeddings", "tokens")
    return lambda s: s.dialect is dialect and not s.endpoint.endswith(asides) and s.provider not in but


def of(*providers: str, dialect: Dialect | None = None) -> Which:
    return lambda s: s.provider in providers and dialect in (None, s.dialect) and not s.endpoint.endswith("embeddings")


def has(*ids: str) -> Which:
    return lambda s: s.id in ids


CLAUDE, CONVERSE = Dialect.ANTHROPIC, Dialect.CONVERSE
CHAT, RESPONSES = Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
FILE = {"type": "document", "source": {"type": "file", "file_id": "f"}}
LINK = {"type": "image", "source": {"type": "url", "url": "https://o.example/a"}}
HOUR = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://o.example/a"}}
BARE_PICTURE = {"type": "image_url", "image_url": "https://o.example/a"}
CODE = ("code_execution_20250522", "code_execution_20250825", "code_execution_20260120", "code_execution_20260521")
FILTERED = (
    "web_search_20260209", "web_search_20260318", "web_fetch_20260209", "web_fetch_20260309", "web_fetch_20260318",
)  # fmt: skip
HOSTED = (
    "code_interpreter", "shell", "file_search", "image_generation", "mcp", "programmatic_tool_calling", "skills",
    "tool_search", "computer", "computer_use_preview", "web_search", "web_search_preview", "web_search_2025_08_26",
)  # fmt: skip
STORED: list[dict[str, Any]] = [
    {"cachedContent": "c"}, {"contents": [{"parts": [{"fileData": {"fileUri": "f"}}]}]},
    {"previous_interaction_id": "i"}, {"sessionResumption": {}}, {"background": True},
]  # fmt: skip
ROUTED: list[dict[str, Any]] = [
    {"plugins": []}, {"models": ["a/b"]}, {"model": "a/b:online"}, tool("openrouter:web_search"), {"cache_control": {}},
    {"prompt_cache_options": {"ttl": "12h"}},
]  # fmt: skip
COVERED = ("claude-fable-5-1", "claude-mythos-5", "anthropic/claude-fable-5.1", "us.anthropic.claude-mythos-5-1-v1:0")

Line = tuple[str, Which, dict[str, Any], Least]
LINES: list[Line] = [
    ("store", speaks(CHAT, "mistral"), {"store": True}, GONE),
    ("store", speaks(RESPONSES), {"store": True}, GONE),
    ("background", speaks(RESPONSES), {"background": True}, ALWAYS),
    ("previous_response_id", speaks(RESPONSES), {"previous_response_id": "r"}, ALWAYS),
    ("conversation", speaks(RESPONSES), {"conversation": "c"}, ALWAYS),
    ("prompt", speaks(RESPONSES), {"prompt": {"id": "p"}}, PROMISED),
    ("metadata", speaks(CHAT), {"metadata": {"a": "b"}}, GONE),
    ("metadata", speaks(RESPONSES), {"metadata": {"a": "b"}}, GONE),
    *[
        ("identifier", which, {name: "u"}, NAMELESS)
        for name in ("user", "safety_identifier", "prompt_cache_key")
        for which in (speaks(CHAT), speaks(RESPONSES))
    ],
    *[("hosted tool", speaks(RESPONSES), tool(kind), PROMISED) for kind in HOSTED],
    *[("hosted tool", speaks(RESPONSES), tool("namespace", tools=[{"type": kind}]), PROMISED) for kind in HOSTED],
    *[
        ("hosted tool", speaks(RESPONSES), {"input": [{"type": "additional_tools", **tool(kind)}]}, PROMISED)
        for kind in (*HOSTED, "a_new_tool")
    ],
    ("web search", speaks(CHAT), {"web_search_options": {}}, PROMISED),
    ("file", speaks(CHAT), says({"type": "file", "file": {"file_id": "f"}}), PROMISED),
    ("file", speaks(RESPONSES), asks({"type": "input_file", "file_id": "f"}), PROMISED),
    ("file", speaks(RESPONSES), asks({"type": "input_image", "file_id": "f"}), PROMISED),
    ("address", speaks(RESPONSES), asks({"type": "input_file", "file_url": "https://o.example/a"}), ENCLOSED),
    ("address", speaks(RESPONSES), asks({"type": "input_image", "image_url": "https://o.example/a"}), ENCLOSED),
    ("address", speaks(CHAT), says(PICTURE), ENCLOSED),
    ("address", speaks(CHAT), says(BARE_PICTURE), ENCLOSED),
    ("audio", speaks(CHAT), {"modalities": ["text", "audio"]}, PROMISED),
    ("audio", speaks(CHAT), {"audio": {"voice": "alloy"}}, PROMISED),
    *[
        ("covered model", speaks(dialect), {"model": model}, PROMISED)
        for model in COVERED
        for dialect in (CLAUDE, CHAT, RESPONSES, CONVERSE)
    ],
    ("thread", speaks(CLAUDE), {"thread": {"type": "create"}}, ALWAYS),
    ("container", speaks(CLAUDE), {"container": {"skills": []}}, PROMISED),
    *[("code execution", speaks(CLAUDE), tool(kind), PROMISED) for kind in (*CODE, *FILTERED)],
    *[("code execution", speaks(CLAUDE), tool("custom", allowed_callers=["direct", kind]), PROMISED) for kind in CODE],
    ("web search", speaks(CLAUDE), tool("web_search_20250305"), LITERAL),
    ("web search", speaks(CLAUDE), tool("web_fetch_20250910"), LITERAL),
    ("MCP", speaks(CLAUDE), {"mcp_servers": []}, ALWAYS),
    ("MCP", speaks(CLAUDE), tool("mcp_toolset"), ALWAYS),
    ("file", speaks(CLAUDE), says(FILE), ALWAYS),
    ("file", speaks(CLAUDE), says({"type": "tool_result", "tool_use_id": "t", "content": [FILE]}), ALWAYS),
    ("address", speaks(CLAUDE), says(LINK), LITERAL),
    ("address", speaks(CLAUDE), says({"type": "tool_result", "tool_use_id": "t", "content": [LINK]}), LITERAL),
    ("long cache", speaks(CLAUDE), says(HOUR), SHORT),
    ("long cache", speaks(CLAUDE), {"system": [HOUR]}, SHORT),
    ("long cache", speaks(CLAUDE), says({"type": "tool_result", "tool_use_id": "t", "content": [HOUR]}), SHORT),
    ("long cache", speaks(CLAUDE), tool("custom", cache_control=HOUR["cache_control"]), SHORT),
    ("long cache", speaks(CLAUDE), {"cache_control": HOUR["cache_control"]}, SHORT),
    ("schema", speaks(CLAUDE), {"output_config": {"format": {"type": "json_schema"}}}, LITERAL),
    ("schema", speaks(CLAUDE), tool("custom", strict=True), LITERAL),
    ("diagnostics", speaks(CLAUDE), {"diagnostics": {"previous_message_id": "m"}}, (REFUSED, REFUSED, CHANGED, PASSED)),
    ("identifier", speaks(CLAUDE), {"metadata": {"user_id": "u"}}, (RENAMED,) * 4),
    *[
        ("fallback", speaks(CLAUDE), {name: "x"}, PROMISED)
        for name in ("fallbacks", "fallback_credit_token", "billing_policy")
    ],
    ("logging", of("gemini", dialect=Dialect.GEMINI), {"store": True}, GONE),
    *[
        ("grounding", of("gemini", "vertex", dialect=Dialect.GEMINI), {"tools": [{name: {}}]}, PROMISED)
        for name in (
            "google_search", "googleSearch", "google_search_retrieval", "google_maps", "googleMaps", "url_context",
            "urlContext", "file_search", "fileSearch", "code_execution", "codeExecution",
        )
    ],
    *[("stored", of("gemini", "vertex", dialect=Dialect.GEMINI), body, PROMISED) for body in STORED],
    *[
        ("model's own", has("bedrock.converse"), {"additionalModelRequestFields": {name: value}}, PROMISED)
        for name, value in (("mcp_servers", []), ("container", "c"), ("tools", []), ("anthropic_beta", ["x"]))
    ],
    ("project", has("bedrock.converse"), {"projectIdentifier": "p"}, GONE),
    ("hosted tool", has("bedrock.converse"), {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}, PROMISED),
    ("log of invocations", has("bedrock.converse", "bedrock.invoke"), {"requestMetadata": {"a": "b"}}, GONE),
    *[
        ("stored", has("bedrock.converse", "bedrock.invoke"), {name: {}}, ENCLOSED)
        for name in ("promptVariables", "guardrailConfig")
    ],
    ("stored", has("bedrock.converse", "bedrock.invoke"), {"model": "arn:aws:bedrock:eu-west-1:1:prompt/P"}, ENCLOSED),
    ("every region", of("bedrock"), {"model": "global.anthropic.claude-opus-5-5"}, ENCLOSED),
    *[("router", of("openrouter"), body, PROMISED) for body in ROUTED],
    *[("state", of("openrouter"), {name: True}, PROMISED) for name in ("previous_response_id", "background")],
    *[
        ("observability", of("openrouter"), {name: "x"}, GONE)
        for name in ("trace", "metadata", "session_id", "user", "debug")
    ],
    *[
        ("observability", of("vercel"), {"providerOptions": {"gateway": {name: "x"}}}, GONE)
        for name in ("user", "tags", "automaticCaching")
    ],
    ("other providers", has("cloudflare.chat"), {"model": "google-ai-studio/gemini-3"}, PROMISED),
    ("deferred", of("xai"), {"deferred": True}, PROMISED),
    ("Responses", has("fireworks.responses"), {"input": "x"}, PROMISED),
    *[
        ("state", of("vllm", dialect=dialect), {name: True}, ALWAYS)
        for name in ("background", "previous_response_id", "kv_transfer_params")
        for dialect in (CHAT, RESPONSES)
    ],
    ("address", of("vllm", dialect=CHAT), says(PICTURE), ALWAYS),
    ("address", of("vllm", dialect=CHAT), says(BARE_PICTURE), ALWAYS),
    ("address", of("vllm", dialect=RESPONSES), asks({"type": "input_image", "image_url": "https://o.example/a"}), ALWAYS),
    ("address", of("vllm", dialect=CLAUDE), says(LINK), ALWAYS),
    ("salt", has("vllm.chat", "vllm.responses", "vllm.embeddings"), {"cache_salt": "s"}, (RENAMED,) * 4),
    ("slot", of("llamacpp"), {"cache_prompt": True}, (CHANGED, CHANGED, CHANGED, PASSED)),
    ("slot", of("llamacpp"), {"id_slot": 1}, (CHANGED, CHANGED, CHANGED, PASSED)),
]  # fmt: skip


def judged(surface: Surface, sent: dict[str, Any], level: Level) -> tuple[dict[str, Any], Verdict]:
    body = {"model": MODELS.get(surface.provider, "a-model")} | sent
    verdict = GUARDS[surface.id].judge(
        TopLevel(json.dumps(body).encode()), level, body["model"], pseudonym=lambda name: f"as {name}"
    )
    left = {name: value for name, value in body.items() if name not in verdict.removals} | verdict.changes
    return {name: left[name] for name in sent if name in left}, verdict


def outcome(surface: Surface, sent: dict[str, Any], level: Level) -> int:
    left, verdict = judged(surface, sent, level)
    if verdict.refusals:
        return REFUSED
    if left == sent:
        return PASSED
    return RENAMED if "as " in json.dumps(left) else CHANGED


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line[0]}:{json.dumps(line[2])[:50]}")
def test_no_surface_is_looser(line: Line) -> None:
    _, which, sent, least = line
    looser = [
        f"{surface.id} at {level}"
        for surface in (guard.surface for guard in GUARDS.values() if which(guard.surface))
        for level, wanted in zip(Level, least, strict=True)
        if outcome(surface, sent, level) < wanted
    ]
    assert looser == []
