"""Quirks as a table: provider, model, body, adjusted body, losses."""

from typing import Any

import pytest

from lethe.ir.content import Thinking
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Turn
from lethe.providers.quirks import adjusted

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
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "body", "expected", "lost"), CASES, ids=range(len(CASES)))
def test_adjusted(provider: str, model: str, body: dict[str, Any], expected: dict[str, Any], lost: list[str]) -> None:
    losses = Losses()
    turns = [
        Turn(role=m["role"], content=(Thinking(text="y"),) if m is THINKING else ()) for m in body.get("messages", [])
    ]
    assert adjusted(body, Request(model=model, turns=tuple(turns)), provider, losses) == expected
    assert [f"{loss.severity} {loss.path}" for loss in losses] == lost
