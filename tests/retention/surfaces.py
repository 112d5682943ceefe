"""Small surfaces for tests, and a row for each of them in few words."""

from datetime import date
from typing import Any

from lethe.ir.content import Dialect
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.surface import Action, FieldRule, Known, Source, Surface

KNOWN = Known(
    fields=("model", "messages", "system", "tools", "extra_*"),
    tools=("function", "custom_*"),
    parts=("text", "document", "tool_addition"),
    betas=("known-*",),
)


def row(path: str, do: str, **more: Any) -> FieldRule:
    """`do`: one action for all levels."""
    return FieldRule(path=path, actions=dict.fromkeys(Level, Action(do)), because="it keeps it", **more)


def surface(*fields: FieldRule, **more: Any) -> Surface:
    settings: dict[str, Any] = {
        "id": "test.chat",
        "provider": "test",
        "title": "a test",
        "dialect": Dialect.OPENAI_CHAT,
        "endpoint": "chat",
        "upstream_class": UpstreamClass.U6,
        "because": "as its page says",
        "known": KNOWN,
        "sources": (Source(url="https://example.com", read=date(2026, 11, 1)),),
        "reviewed": date(2026, 11, 1),
        "expires": date(2027, 1, 31),
    }
    return Surface(fields=fields, **(settings | more))
