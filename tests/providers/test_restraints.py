"""What models refuse, as tables."""

import pytest

from lethe.ir.loss import Losses
from lethe.ir.request import Reasoning, Request, Sampling, ToolChoice
from lethe.providers.restraints import RESTRAINED, RESTRAINTS, suited
from lethe.retention.globs import matches

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


def test_all_that_rows_speak_of_is_looked_at() -> None:
    globs = [glob for restraint in RESTRAINTS for glob in restraint.models]
    assert all(matches(RESTRAINED, glob) for glob in globs)


def test_one_knob_is_taken() -> None:
    request = Request(model="claude-sonnet-4-6", turns=(), sampling=Sampling(top_p=0.5))
    assert suited(request, losses := Losses()) is request
    assert losses == []


HIGH, BUDGET, OFF = Reasoning(effort="high"), Reasoning(budget_tokens=4096), Reasoning(enabled=False)
FORCED, AUTO = ToolChoice("required"), ToolChoice("auto")
# Model, reasoning and choice that are asked for, those that are left, and losses.
THINKING: list[tuple[str, Reasoning | None, ToolChoice | None, Reasoning | None, ToolChoice | None, list[str]]] = [
    ("claude-opus-4-6", HIGH, AUTO, HIGH, AUTO, []),
    ("claude-opus-4-6", BUDGET, None, BUDGET, None, []),
    ("claude-opus-4-6", HIGH, FORCED, OFF, FORCED, ["hint $.reasoning"]),
    ("claude-opus-5", HIGH, ToolChoice("named", "f"), OFF, ToolChoice("named", "f"), ["hint $.reasoning"]),
    ("claude-opus-5", OFF, FORCED, OFF, FORCED, []),
    ("claude-opus-5", None, FORCED, None, FORCED, []),
    ("claude-opus-5", Reasoning(effort="none"), None, Reasoning(effort="none"), None, []),
    ("claude-opus-5", BUDGET, None, Reasoning(effort="medium"), None, ["hint $.reasoning.budget_tokens"]),
    ("claude-opus-4-7", Reasoning(budget_tokens=9, effort="max"), None, Reasoning(effort="max"), None, ["hint $.reasoning.budget_tokens"]),
    ("claude-opus-5-5", HIGH, FORCED, HIGH, None, ["degraded $.tool_choice"]),
    ("claude-opus-5-5", OFF, None, None, None, ["hint $.reasoning"]),
    ("anthropic/claude-sonnet-5.5", Reasoning(effort="none"), None, None, None, ["hint $.reasoning"]),
    ("claude-sonnet-4-5", HIGH, None, Reasoning(budget_tokens=16_384), None, ["hint $.reasoning"]),
    ("claude-3-7-sonnet-20250219", Reasoning(), None, Reasoning(budget_tokens=8_192), None, ["hint $.reasoning"]),
    ("claude-sonnet-4-5", OFF, None, OFF, None, []),
    ("claude-3-5-haiku-20241022", HIGH, None, None, None, ["hint $.reasoning"]),
    ("claude-3-5-haiku-20241022", None, None, None, None, []),
    ("claude-opus-4-6", Reasoning(effort="low", effort_only=True), FORCED, Reasoning(effort="low", effort_only=True), FORCED, []),
    ("claude-opus-5-5", Reasoning(effort="low", effort_only=True), None, Reasoning(effort="low", effort_only=True), None, []),
    ("gpt-9", HIGH, FORCED, HIGH, FORCED, []),
]  # fmt: skip


@pytest.mark.parametrize(("model", "reasoning", "choice", "thought", "chosen", "lost"), THINKING)
def test_thinking(
    model: str,
    reasoning: Reasoning | None,
    choice: ToolChoice | None,
    thought: Reasoning | None,
    chosen: ToolChoice | None,
    lost: list[str],
) -> None:
    request = Request(model=model, turns=(), reasoning=reasoning, tool_choice=choice)
    asked = suited(request, losses := Losses())
    assert (asked.reasoning, asked.tool_choice) == (thought, chosen)
    assert [f"{loss.severity} {loss.path}" for loss in losses] == lost


@pytest.mark.parametrize(("limit", "budget"), [(50_000, 16_384), (10_000, 5_000), (2_047, None)])
def test_a_budget_leaves_room_for_the_answer(limit: int, budget: int | None) -> None:
    request = Request(model="claude-haiku-4-5", turns=(), reasoning=HIGH, sampling=Sampling(max_tokens=limit))
    asked = suited(request, losses := Losses())
    assert (asked.reasoning.budget_tokens if asked.reasoning else None) == budget
    assert [loss.path for loss in losses] == ["$.reasoning"]
