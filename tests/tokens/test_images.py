"""The vendors' formulas on the examples of their pages, and on what no page shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.tokens.families import FAMILIES, Family, family
from lethe.tokens.images import Patches, Tiles
from lethe.tokens.sizes import Size

# OpenAI's guide "Images and vision"; Claude's docs "Images and vision" (patches of 28 pixels, 1568 or 2576 pixels and
# 1568 or 4784 tokens at most); Gemini's docs "Tokens" and "Media resolution".
DOCUMENTED: list[tuple[str, Size, int]] = [
    ("gpt-4o", (1024, 1024), 765),
    ("gpt-4o", (2048, 4096), 1105),
    ("gpt-4.1-mini", (1024, 1024), round(1024 * 1.62 + 0.5)),
    ("gpt-4.1-nano", (1800, 2400), round(1452 * 2.46 + 0.5)),
    ("gpt-5", (1024, 1024), 70 + 4 * 140),
    ("o3", (512, 512), 75 + 150),
    ("claude-sonnet-4-5", (200, 200), 64),
    ("claude-sonnet-4-5", (1092, 1092), 1521),
    ("claude-opus-4-8", (1920, 1080), 69 * 39),
    ("gemini-2.5-flash", (384, 384), 258),
    ("gemini-2.5-flash", (960, 540), 6 * 258),
    ("gemini-3.1-pro", (10, 10), 1120),
]
# What callers were billed, published by them (huggingface.co/datasets/JOHNISKING/image-token-cost, read 2026-11-29),
# without the words around the image.
BILLED: list[tuple[str, Size, int]] = [
    ("gpt-6-astra", (256, 256), 77),
    ("gpt-6-astra", (1024, 1024), 1229),
    ("claude-haiku-4-5", (1024, 1024), 1434 - 65),
    ("claude-haiku-4-5", (1920, 1080), 1625 - 65),
    ("claude-opus-5-5", (768, 768), 861 - 77),
    ("claude-opus-5-5", (1280, 720), 1273 - 77),
    ("claude-opus-5-5", (1920, 1080), 2768 - 77),
]


@pytest.mark.parametrize(("model", "size", "tokens"), DOCUMENTED + BILLED)
def test_examples(model: str, size: Size, tokens: int) -> None:
    assert family(model).image.tokens(size) == tokens


@given(st.sampled_from(FAMILIES), st.integers(1, 70_000), st.integers(1, 70_000))
def test_every_image_costs_something_and_none_more_than_its_limit(row: Family, width: int, height: int) -> None:
    tokens = row.image.tokens((width, height))
    assert tokens > 0
    match row.image:
        case Patches(most=int(most), factor=factor):
            assert tokens <= most * factor + 1
        case Tiles(start=start, each=each):
            assert tokens <= start + 4 * 2 * each
        case _:
            pass


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        ("claude-opus-4-6", 1.0),
        ("claude-opus-4-7", 1.3),
        ("anthropic/claude-opus-4.8", 1.3),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 1.0),
        ("claude-sonnet-5", 1.3),
        ("claude-3-5-sonnet-20241022", 1.0),
        ("claude-fable-5", 1.3),
        ("gpt-5.2", 1.0),
        ("CANARY_unknown", 1.0),
    ],
)
def test_the_newer_tokenizer_is_reckoned_with(model: str, factor: float) -> None:
    assert family(model).factor == factor


def test_models_of_all_kinds_have_a_family() -> None:
    assert family("gpt-5.1-codex").image == family("gpt-5").image
    assert family("gpt-5.2").image == family("grok-4").image == FAMILIES[-1].image
    assert family("gpt-5-mini").image != family("gpt-5").image
    assert family("openai/gpt-5").image == family("gpt-5-chat-latest").image
