"""Sealed tokens in foreign slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.dialects.carrier import unwrap, wrap
from lethe.ir.content import Dialect, Signature

# (signature, slot, text)
CASES = [
    (Signature(Dialect.ANTHROPIC, "EqQB=="), Dialect.ANTHROPIC, "EqQB=="),
    (Signature(Dialect.OPENAI_RESPONSES, "gAAA"), Dialect.ANTHROPIC, "lethe:openai-responses:gAAA"),
    (Signature(Dialect.GEMINI, "a:b:c"), Dialect.OPENAI_CHAT, "lethe:gemini:a:b:c"),
    (Signature(Dialect.ANTHROPIC, ""), Dialect.OPENAI_CHAT, "lethe:anthropic:"),
    (Signature(Dialect.ANTHROPIC, "lethe:nobody:x"), Dialect.ANTHROPIC, "lethe:nobody:x"),
    (Signature(Dialect.ANTHROPIC, "lethe:gemini"), Dialect.ANTHROPIC, "lethe:gemini"),
]


@pytest.mark.parametrize(("signature", "slot", "text"), CASES)
def test_there_and_back(signature: Signature, slot: Dialect, text: str) -> None:
    assert wrap(signature, slot) == text
    assert unwrap(text, slot) == signature


@given(st.sampled_from(Dialect), st.sampled_from(Dialect), st.text())
def test_a_seal_returns_from_any_slot_to_its_issuer(issuer: Dialect, slot: Dialect, value: str) -> None:
    if issuer is slot and value.startswith("lethe:"):
        return  # no issuer makes such a token
    assert unwrap(wrap(Signature(issuer, value), slot), slot) == Signature(issuer, value)
