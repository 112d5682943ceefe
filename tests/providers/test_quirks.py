"""Quirks as a table: provider, model, body, adjusted body, losses."""

from typing import Any

import pytest

from lethe.ir.loss import Losses
from lethe.providers.quirks import adjusted

THINKING = {"role": "assistant", "content": "x", "reasoning_content": "y"}
CASES: list[tuple[str, str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("llamacpp", "m", {"max_completion_tokens": 5}, {"max_tokens": 5}, []),
    ("", "m", {"max_completion_tokens": 5}, {"max_tokens": 5}, []),
    ("", "gpt-5-mini", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}, []),
    ("openai", "gpt-4o", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}, []),
    ("openai", "gpt-4o", {"reasoning_effort": "low"}, {}, ["hint $.reasoning_effort"]),
    ("openai", "gpt-5", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}, []),
    ("openai", "o3", {"temperature": 1.0, "n": 1}, {"n": 1}, ["hint $.temperature"]),
    ("openai", "gpt-5", {"messages": [{"role": "user"}, THINKING]}, {"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}, ["degraded $.messages[1].reasoning_content"]),
    ("deepseek", "deepseek-chat", {"messages": [THINKING]}, {"messages": [THINKING]}, []),
    ("mistral", "mistral-large", {"store": False, "max_completion_tokens": 1}, {"max_tokens": 1}, ["hint $.store"]),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "body", "expected", "lost"), CASES, ids=range(len(CASES)))
def test_adjusted(provider: str, model: str, body: dict[str, Any], expected: dict[str, Any], lost: list[str]) -> None:
    losses = Losses()
    assert adjusted(body, provider, model, losses) == expected
    assert [f"{loss.severity} {loss.path}" for loss in losses] == lost
