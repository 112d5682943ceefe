"""Losses: counted, named, refused."""

import pytest

from lethe.errors import LossRefused
from lethe.ir.loss import Losses
from lethe.policies import fidelity


def some() -> Losses:
    losses = Losses()
    losses.hint("$.top_k", "top_k")
    losses.degraded("$.messages[0]", "document as text")
    losses.dropped("$.tools[1]", "native tool")
    return losses


def test_counts_and_names() -> None:
    assert fidelity.counts(some()) == (1, 1, 1)
    assert fidelity.named(some()) == "dropped $.tools[1], degraded $.messages[0]"
    assert fidelity.named(Losses()) is None


def test_dropped_is_refused_unless_allowed() -> None:
    fidelity.refuse_dropped(some(), allowed=True)
    with pytest.raises(LossRefused) as caught:
        fidelity.refuse_dropped(some(), allowed=False)
    assert caught.value.paths == ("$.tools[1] (native tool)",)


def test_a_field_name_cannot_break_the_header() -> None:
    losses = Losses()
    losses.degraded("$.a\r\nx: y,é" + "z" * 500, "field")
    named = fidelity.named(losses)
    assert named is not None
    assert named.isprintable()
    assert named.isascii()
    assert "," not in named
    assert len(named) < 200


def test_not_endless() -> None:
    losses = Losses()
    for n in range(1000):
        losses.dropped(f"$.x{n}", "field")
    with pytest.raises(LossRefused, match="and 980 more"):
        fidelity.refuse_dropped(losses, allowed=False)
    asked: list[str] = []

    def locate(path: str) -> str:
        asked.append(path)
        return "$.there"

    named = fidelity.named(losses, locate)
    assert named is not None
    assert named.startswith("dropped $.there, ")
    assert named.endswith("and 980 more")
    assert len(asked) == fidelity.MAX_NAMED  # to find one costs as much as the body is long
