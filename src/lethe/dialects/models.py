"""Model lists in Anthropic's shape or in OpenAI's (anthropic 2.13.0 `ModelInfo`, openai 3.57.0 `Model`)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lethe.ir.content import Dialect, JsonObject

_LATEST = 253_402_300_799  # Unix seconds of the last moment of the year 9999
_EPOCH = "1970-01-01T00:00:00Z"  # Anthropic's own word for an unknown release date


def entries(body: Any) -> list[JsonObject]:
    """The models in an upstream's list; whatever is not one is left out."""
    data = body.get("data") if isinstance(body, dict) else None
    found = data if isinstance(data, list) else []
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def bare(name: str, owner: str, dialect: Dialect) -> JsonObject:
    """A model of which only the name and the upstream are known."""
    if dialect is Dialect.ANTHROPIC:
        return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH, "lifecycle": "active"}
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def reshaped(entry: JsonObject, owner: str, source: Dialect, target: Dialect) -> JsonObject:
    """The same model for another dialect's clients; its own fields pass untouched."""
    if source is target or Dialect.ANTHROPIC not in (source, target):
        return entry
    made = bare(entry["id"], owner, target)
    if target is Dialect.ANTHROPIC:
        created = entry.get("created")
        if isinstance(created, int) and 0 <= created <= _LATEST:
            made["created_at"] = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return made
    if isinstance(created_at := entry.get("created_at"), str):
        made["created"] = _unix(created_at)
    return made


def listing(models: Sequence[JsonObject], dialect: Dialect) -> JsonObject:
    """A whole list in one page."""
    if dialect is not Dialect.ANTHROPIC:
        return {"object": "list", "data": list(models)}
    ends = {"first_id": models[0]["id"], "last_id": models[-1]["id"]} if models else {"first_id": None, "last_id": None}
    return {"data": list(models), "has_more": False, **ends}


def _unix(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0
