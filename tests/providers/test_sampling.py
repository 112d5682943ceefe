"""Sampling that models refuse."""

import pytest

from lethe.ir.loss import Losses
from lethe.ir.request import Request, Sampling
from lethe.providers.sampling import suited

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
    asked = suited(Request(model=model, turns=(), sampling=KNOBS), losses := Losses())
    assert {n for n in ("temperature", "top_p", "top_k") if getattr(asked.sampling, n) is None} == refused
    assert [loss.path for loss in losses] == [
        f"$.sampling.{n}" for n in ("temperature", "top_p", "top_k") if n in refused
    ]
    assert asked.sampling.max_tokens == 9


def test_one_knob_is_taken() -> None:
    request = Request(model="claude-sonnet-4-6", turns=(), sampling=Sampling(top_p=0.5))
    assert suited(request, losses := Losses()) is request
    assert losses == []
