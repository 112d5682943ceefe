"""Claude Code's attribution header among the system blocks."""

import pytest

from lethe.dialects.anthropic.attribution import is_attribution
from lethe.ir.content import ContentBlock, Refusal, Text


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Text(text="x-anthropic-billing-header: cc_version=2.1.330"), True),
        (Text(text="x-anthropic-billing-header"), True),
        (Text(text="Explain x-anthropic-billing-header"), False),
        (Text(text=""), False),
        (Refusal(text="x-anthropic-billing-header"), False),
    ],
)
def test_which_blocks_are_attribution(block: ContentBlock, expected: bool) -> None:
    assert is_attribution(block) is expected
