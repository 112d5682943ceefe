"""What real clients send passes where a contract or a proof allows it, and features lower the class where they should.

The shapes were recorded: Claude Code 2.1.197 and 2.1.332, and Codex 0.171 against a scripted upstream, and the official
SDKs' own examples.
"""

import json
from typing import Any

import pytest

from lethe.config import register
from lethe.retention.guard import Guard, Verdict
from lethe.retention.levels import Level, UpstreamClass
from lethe.wire.rawjson import TopLevel

GUARDS = {surface.id: Guard(surface) for surface in register.all_surfaces()}
PROMISED = (Level.A2, Level.B)
EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
ACCOUNT = '{"device_id":"15982bbe","account_uuid":"","session_id":"18f8a01c"}'
BETAS = (
    "claude-code-20250219", "interleaved-thinking-2025-05-14", "thinking-token-count-2026-05-13",
    "context-management-2025-06-27", "prompt-caching-scope-2026-01-05", "mid-conversation-system-2026-04-07",
    "effort-2025-11-24",
)  # fmt: skip

CLAUDE_CODE: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 32000,
    "stream": True,
    "metadata": {"user_id": ACCOUNT},
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197"},
        {"type": "text", "text": "You are", "cache_control": EPHEMERAL},
        {"type": "text", "text": "rules", "cache_control": HOUR},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "run it", "cache_control": EPHEMERAL}]},
        {"role": "system", "content": "remember"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "so", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"type": "file", "file_id": "mine"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "done"}, {"type": "tool_reference", "tool_name": "Bash"}],
                    "cache_control": EPHEMERAL,
                }
            ],
        },
    ],
    "tools": [
        {"name": "Bash", "description": "runs", "input_schema": {"type": "object", "properties": {}}},
        {"name": "Rare", "description": "d", "input_schema": {"type": "object"}, "defer_loading": True},
        {"name": "Write", "description": "w", "input_schema": {"type": "object"}, "eager_input_streaming": True},
        {"type": "custom", "name": "Edit", "input_schema": {"type": "object"}, "cache_control": EPHEMERAL},
    ],
}
NEWER: dict[str, Any] = CLAUDE_CODE | {  # 2.1.332 in auto mode
    "thinking": {"type": "adaptive", "display": "omitted"},
    "safeguards": [{"type": "dangerous_tool_use", "classifier_context": {"v": 1, "permission_mode": "auto"}}],
    "messages": [*CLAUDE_CODE["messages"], {"role": "system", "content": [], "output_config": {"effort": "low"}}],
}
NEWER_BETAS = (
    "claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27",
    "per-turn-control-2026-07-01", "mid-conversation-tool-changes-2026-07-01", "thinking-token-count-2026-05-13",
    "advanced-tool-use-2025-11-20", "effort-2025-11-24", "dangerous-tool-use-2026-09-03", "afk-mode-2026-01-31",
    "thinking-display-updates-2026-08-18",
)  # fmt: skip
ENABLED = CLAUDE_CODE | {"thinking": {"type": "enabled", "budget_tokens": 31999}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
OPENAI_SDK: dict[str, Any] = {
    "model": "gpt-5.4",
    "messages": [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:x"}}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "max_completion_tokens": 100,
}  # fmt: skip
COUNTED = {name: CLAUDE_CODE[name] for name in ("model", "messages", "system", "tools", "thinking")}
BODIES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("anthropic.messages", CLAUDE_CODE, BETAS),
    ("anthropic.messages", NEWER, NEWER_BETAS),
    ("anthropic.messages", ENABLED, BETAS[:5]),
    ("anthropic.messages", CLAUDE_CODE | {"temperature": 1, "top_p": 0.9, "top_k": 5, "thinking": {"type": "disabled"}}, ()),
    ("anthropic.count_tokens", COUNTED, (*BETAS, "token-counting-2024-11-01")),
    ("bedrock.messages", CLAUDE_CODE | {"model": "anthropic.claude-opus-5-5-v1:0"}, BETAS),
    ("vertex.messages", CLAUDE_CODE, BETAS),
    ("openrouter.messages", CLAUDE_CODE | {"model": "anthropic/claude-opus-5.5"}, BETAS),
    ("vercel.messages", CLAUDE_CODE, BETAS),
    ("cloudflare.anthropic_messages", CLAUDE_CODE, BETAS),
    ("llamacpp.messages", CLAUDE_CODE, BETAS),
    ("openai.chat", OPENAI_SDK, ()),
    ("azure.chat", OPENAI_SDK, ()),
    ("xai.chat", OPENAI_SDK, ()),
    ("openrouter.chat", OPENAI_SDK, ()),
    ("groq.chat", OPENAI_SDK, ()),
    ("vllm.chat", OPENAI_SDK | {"top_k": 5, "chat_template_kwargs": {}}, ()),
    ("generic.chat", OPENAI_SDK | {"top_k": 5}, ()),
    ("openai.embeddings", {"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "base64"}, ()),
]  # fmt: skip


def judge(surface: str, body: dict[str, Any], level: Level, betas: tuple[str, ...] = ()) -> Verdict:
    raw = TopLevel(json.dumps(body).encode())
    return GUARDS[surface].judge(raw, level, body["model"], betas=betas, pseudonym=lambda _: "someone")


@pytest.mark.parametrize("level", [*PROMISED, Level.C])
@pytest.mark.parametrize(
    ("surface", "body", "betas"), BODIES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_it_passes(surface: str, body: dict[str, Any], betas: tuple[str, ...], level: Level) -> None:
    verdict = judge(surface, body, level, betas)
    assert verdict.refusals == ()
    assert verdict.betas == betas
    assert verdict.lowers is (UpstreamClass.U6 if surface.startswith("openrouter") and level is Level.C else None)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("surface", ["anthropic.messages", "azure.messages", "vertex.messages", "bedrock.invoke"])
def test_what_claude_code_sends_behind_flags_is_left_out(surface: str, level: Level) -> None:
    """Nobody documents it, and the answer is whole without."""
    flags = ("context-hint-2026-04-09", "cache-keepalive-2026-09-03", "thinking-resumption-2026-07-17")
    body = CLAUDE_CODE | {"model": "anthropic.claude-opus-5-5-v1:0", "context_hint": {"enabled": True}}
    body = body | {"output_config": {}} if level is Level.A1 else body
    verdict = judge(surface, body, level, (*BETAS, *flags))
    passes = level is Level.C
    assert (verdict.betas, "context_hint" in verdict.removals) == ((*BETAS, *flags) if passes else BETAS, not passes)
    assert verdict.refusals == ()


def test_claude_code_loses_nothing_but_who_it_is() -> None:
    verdict = judge("anthropic.messages", CLAUDE_CODE, Level.B, BETAS)
    assert (verdict.changes, verdict.removals) == ({"metadata": {"user_id": "someone"}}, frozenset())


def test_claude_code_under_a_contract_caches_for_minutes() -> None:
    verdict = judge("anthropic.messages", CLAUDE_CODE, Level.A2, BETAS)
    assert verdict.changes.keys() == {"metadata", "system"}
    assert [block.get("cache_control") for block in verdict.changes["system"]] == [
        None,
        EPHEMERAL,
        {"type": "ephemeral", "ttl": "5m"},
    ]


@pytest.mark.parametrize("level", PROMISED)
def test_a_beta_that_nobody_knows_does_not_pass(level: Level) -> None:
    assert [
        r.path for r in judge("anthropic.messages", CLAUDE_CODE, level, (*BETAS, "future-2027-01-01")).refusals
    ] == ["the beta header"]


LOWERED: list[tuple[str, dict[str, Any], UpstreamClass | None]] = [
    ("anthropic.messages", {"container": "c"}, UpstreamClass.U6),
    ("anthropic.messages", {"tools": [{"type": "code_execution_20260521"}]}, UpstreamClass.U6),
    ("anthropic.messages", {"tools": [{"type": "web_search_20260209"}]}, UpstreamClass.U6),
    ("anthropic.messages", {"tools": [{"type": "web_search_20250305"}]}, None),
    ("anthropic.messages", {"fallbacks": "default"}, UpstreamClass.U6),
    ("openai.responses", {"tools": [{"type": "code_interpreter"}]}, UpstreamClass.U6),
    ("openai.responses", {"tools": [{"type": "web_search"}]}, None),
    ("openai.responses", {"prompt": {"id": "p"}}, UpstreamClass.U6),
    ("openai.chat", {"modalities": ["audio"]}, UpstreamClass.U6),
    ("openai.chat", {"web_search_options": {}}, None),
    ("gemini.generate", {"tools": [{"googleSearch": {}}]}, UpstreamClass.U6),
    ("openrouter.chat", {"plugins": []}, UpstreamClass.U6),
    ("bedrock.converse", {"guardrailConfig": {}}, None),
    ("openrouter.chat", {}, UpstreamClass.U6),  # nothing of zero retention is demanded here
    ("llamacpp.chat", {"cache_prompt": True}, UpstreamClass.U5),
    ("llamacpp.chat", {}, None),
]


@pytest.mark.parametrize(
    ("surface", "sent", "best"), LOWERED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_a_feature_leaves_of_the_class(surface: str, sent: dict[str, Any], best: UpstreamClass | None) -> None:
    verdict = judge(surface, {"model": "m"} | sent, Level.C)
    assert (verdict.refusals, verdict.lowers) == ((), best)


@pytest.mark.parametrize("level", PROMISED)
@pytest.mark.parametrize(("surface", "sent"), [("openrouter.chat", {}), ("llamacpp.chat", {"cache_prompt": True})])
def test_what_is_demanded_instead_costs_nothing(surface: str, sent: dict[str, Any], level: Level) -> None:
    assert judge(surface, {"model": "m/m"} | sent, level).lowers is None
