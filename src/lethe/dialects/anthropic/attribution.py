"""Claude Code's attribution: a system block that names client and session and says nothing to a model.

It varies by session, so at another provider it would only break prompt caching. Encoders of other dialects
leave it out; for Anthropic it stays where it is.
"""

from lethe.ir.content import ContentBlock, Text

_PREFIX = "x-anthropic-billing-header"


def is_attribution(block: ContentBlock) -> bool:
    """Is this system block an attribution header (Claude Code 2.1)?"""
    return isinstance(block, Text) and block.text.startswith(_PREFIX)
