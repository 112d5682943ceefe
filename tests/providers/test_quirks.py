"""Quirks as a table: provider, model, body, adjusted body, losses."""

import re
from typing import Any

import pytest

from lethe.ir.content import Thinking
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Turn
from lethe.providers.quirks import QUIRKS, Quirk, adjusted, short_id
from lethe.providers.rows import PRESETS

CALLS = {"role": "assistant", "tool_calls": [{"id": "D681PevKs"}, {"id": "call_abcdef"}, 1]}
RESULT = {"role": "tool", "tool_call_id": "call_abcdef"}
SHORT = short_id("call_abcdef", 9)
THINKING = {"role": "assistant", "content": "x", "reasoning_content": "y"}
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("llamacpp", "m", {"max_completion_tokens": 5}, {"max_tokens": 5}, []),
    ("", "m", {"max_completion_tokens": 5}, {"max_tokens": 5}, []),
    ("", "gpt-5-mini", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}, []),
    ("openai", "gpt-4o", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}, []),
    ("openai", "gpt-4o", {"reasoning_effort": "low"}, {}, ["hint $.reasoning"]),
    ("openai", "gpt-4o", {"reasoning": {"effort": "low"}, "include": ["x"]}, {}, ["hint $.reasoning"]),
    ("openai", "gpt-5", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}, []),
    ("openai", "o3", {"temperature": 1.0, "n": 1}, {"n": 1}, ["hint $.sampling.temperature"]),
    ("openai", "gpt-5", {"messages": [{"role": "user"}, THINKING]}, {"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}, ["degraded $.turns[1].content[0]"]),
    ("deepseek", "deepseek-chat", {"messages": [THINKING]}, {"messages": [THINKING]}, []),
    ("mistral", "mistral-large", {"store": False, "max_completion_tokens": 1}, {"max_tokens": 1}, []),
    ("mistral", "mistral-large", {"seed": 7, "logprobs": True}, {"random_seed": 7}, ["dropped $.sampling.logprobs"]),
    ("mistral", "m", {"messages": [CALLS, RESULT]}, {"messages": [{"role": "assistant", "tool_calls": [{"id": "D681PevKs"}, {"id": SHORT}, 1]}, {"role": "tool", "tool_call_id": SHORT}]}, []),
    ("groq", "m", {"messages": [CALLS, RESULT]}, {"messages": [CALLS, RESULT]}, []),
    ("groq", "m", {"messages": [THINKING], "max_completion_tokens": 3}, {"messages": [{"role": "assistant", "content": "x", "reasoning": "y"}], "max_completion_tokens": 3}, []),
    ("groq", "m", {"logprobs": True, "top_logprobs": 2}, {}, ["dropped $.sampling.logprobs", "hint $.sampling.top_logprobs"]),
    ("cerebras", "m", {"messages": [{"role": "assistant", "reasoning_details": [1], "reasoning_content": "y"}], "user": "u"}, {"messages": [{"role": "assistant", "reasoning": "y"}]}, ["hint $.end_user"]),
    ("azure", "my-gpt", {"max_completion_tokens": 5, "messages": [THINKING]}, {"max_completion_tokens": 5, "messages": [{"role": "assistant", "content": "x"}]}, ["degraded $.turns[0].content[0]"]),
    ("azure", "gpt-5-mini", {"temperature": 1.0}, {}, ["hint $.sampling.temperature"]),
    ("vercel", "openai/gpt-5", {"top_p": 0.5}, {}, ["hint $.sampling.top_p"]),
    ("vercel", "anthropic/claude-opus-5.5", {"top_p": 0.5}, {"top_p": 0.5}, []),
    ("bedrock", "openai.gpt-5.5", {"max_completion_tokens": 5, "temperature": 1}, {"max_completion_tokens": 5}, ["hint $.sampling.temperature"]),
    ("bedrock", "openai.gpt-oss-120b-1:0", {"max_completion_tokens": 5, "store": False}, {"max_tokens": 5, "store": False}, []),
    ("gemini", "gemini-3-pro", {"store": False, "frequency_penalty": 1, "max_completion_tokens": 5}, {"max_tokens": 5}, ["hint $.sampling.frequency_penalty"]),
    ("cohere", "command-a", {"parallel_tool_calls": False, "store": False}, {}, ["degraded $.parallel_tool_calls"]),
    ("xai", "grok-4.7", {"stop": ["x"], "presence_penalty": 1}, {}, ["dropped $.sampling.stop", "hint $.sampling.presence_penalty"]),
    ("xai", "grok-4.20-0309-non-reasoning", {"stop": ["x"], "presence_penalty": 1, "reasoning_effort": "low"}, {"stop": ["x"]}, ["hint $.sampling.presence_penalty", "hint $.reasoning"]),
    ("xai", "grok-4.7", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}, []),
    ("cerebras", "m", {"store": False}, {}, []),
    ("", "m", {"store": False}, {"store": False}, []),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "body", "expected", "lost"), CASES, ids=range(len(CASES)))
def test_adjusted(provider: str, model: str, body: dict[str, Any], expected: dict[str, Any], lost: list[str]) -> None:
    losses = Losses()
    turns = [
        Turn(role=m["role"], content=(Thinking(text="y"),) if m is THINKING else ()) for m in body.get("messages", [])
    ]
    assert adjusted(body, Request(model=model, turns=tuple(turns)), provider, losses) == expected
    assert sorted(f"{loss.severity} {loss.path}" for loss in losses) == sorted(lost)


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.because)
def test_every_row_says_why_and_does_something(quirk: Quirk) -> None:
    assert quirk.because.strip()
    assert not quirk.because.endswith(".")
    assert quirk.drop or quirk.rename or quirk.drop_thinking or quirk.thinking or quirk.id_length
    named = {*quirk.providers, *quirk.not_providers} - {"*"}
    assert named <= set(PRESETS)


@pytest.mark.parametrize("id", ["", "x", "toolu_01AbCdEf", "call_abcdef", "D681PevKs", "D681PevK_", "\ud800", "é" * 9])
def test_short_ids(id: str) -> None:
    made = short_id(id, 9)
    assert re.fullmatch(r"[a-zA-Z0-9]{9}", made)
    assert made == short_id(id, 9) == short_id(made, 9)
    assert (made == id) is (id == "D681PevKs")
