"""Quirks as a table: provider, model, body, adjusted body, losses."""

from typing import Any

import pytest

from lethe.ir.content import Thinking
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Sampling, Turn
from lethe.providers.quirks import adjusted, suited

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


KNOBS = Sampling(temperature=0.0, top_p=0.5, top_k=3, max_tokens=9)


@pytest.mark.parametrize(
    ("model", "refused"),
    [
        ("claude-opus-4-7", {"temperature", "top_p", "top_k"}),
        ("claude-sonnet-5", {"temperature", "top_p", "top_k"}),
        ("eu.anthropic.claude-haiku-5-5-v1:0", {"temperature", "top_p", "top_k"}),
        ("anthropic/claude-fable-5.1", {"temperature", "top_p", "top_k"}),
        ("claude-sonnet-4-6", {"top_p"}),
        ("anthropic/claude-opus-4.1", {"top_p"}),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", {"top_p"}),
        ("claude-sonnet-4-20250514", set()),
        ("claude-opus-4@20250514", set()),
        ("claude-3-7-sonnet-20250219", set()),
        ("anthropic.claude-v2:1", set()),
        ("gpt-9", set()),
    ],
)
def test_sampling_that_claudes_refuse(model: str, refused: set[str]) -> None:
    asked = suited(Request(model=model, turns=(), sampling=KNOBS), "anything", losses := Losses())
    assert {n for n in ("temperature", "top_p", "top_k") if getattr(asked.sampling, n) is None} == refused
    assert [loss.path for loss in losses] == [
        f"$.sampling.{n}" for n in ("temperature", "top_p", "top_k") if n in refused
    ]
    assert asked.sampling.max_tokens == 9


def test_one_knob_is_taken() -> None:
    request = Request(model="claude-sonnet-4-6", turns=(), sampling=Sampling(top_p=0.5))
    assert suited(request, "anthropic", losses := Losses()) is request
    assert losses == []
