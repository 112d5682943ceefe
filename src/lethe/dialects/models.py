"""Model lists in the shapes of Anthropic, OpenAI and Google (anthropic 2.13.0 `ModelInfo`, openai 3.57.0 `Model`,
google-genai 3.6.1 `Model` as its wire has it).

While it is looked at, an entry has its name under `id` in every shape; Google's own `name` begins with `models/`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lethe.ir.content import Dialect, JsonObject

_LATEST = 253_402_300_799  # Unix seconds of the last moment of the year 9999
_EPOCH = "1970-01-01T00:00:00Z"  # Anthropic's own word for an unknown release date
_PREFIX = "models/"
_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


def entries(body: Any) -> list[JsonObject]:
    """The models in an upstream's list; whatever is not one is left out."""
    if not isinstance(body, dict):
        return []
    data, named = body.get("data"), body.get("models")
    found = data if isinstance(data, list) else []
    for entry in named if isinstance(named, list) else []:
        if isinstance(entry, dict) and isinstance(name := entry.get("name"), str):
            found.append({**entry, "id": name.removeprefix(_PREFIX)})
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("id"), str)]


def bare(name: str, owner: str, dialect: Dialect) -> JsonObject:
    """A model of which only the name and the upstream are known."""
    match dialect:
        case Dialect.ANTHROPIC:
            return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH, "lifecycle": "active"}
        case Dialect.GEMINI:
            return {"id": name, "displayName": name, "supportedGenerationMethods": list(_METHODS)}
        case _:
            return {"id": name, "object": "model", "created": 0, "owned_by": owner}


def reshaped(entry: JsonObject, owner: str, source: Dialect, target: Dialect) -> JsonObject:
    """The same model for another dialect's clients; its own fields pass untouched."""
    if source is target or {source, target}.isdisjoint({Dialect.ANTHROPIC, Dialect.GEMINI}):
        return entry
    made = bare(entry["id"], owner, target)
    if target is Dialect.ANTHROPIC:
        created = entry.get("created")
        if isinstance(created, int) and 0 <= created <= _LATEST:
            made["created_at"] = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    elif target is not Dialect.GEMINI and isinstance(created_at := entry.get("created_at"), str):
        made["created"] = _unix(created_at)
    return made


def listing(models: Sequence[JsonObject], dialect: Dialect) -> JsonObject:
    """A whole list in one page."""
    match dialect:
        case Dialect.ANTHROPIC:
            first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
            return {"data": list(models), "has_more": False, "first_id": first, "last_id": last}
        case Dialect.GEMINI:
            return {"models": [single(model, dialect) for model in models]}
        case _:
            return {"object": "list", "data": list(models)}


def single(model: JsonObject, dialect: Dialect) -> JsonObject:
    """One entry as it is answered."""
    if dialect is not Dialect.GEMINI:
        return model
    return {"name": _PREFIX + model["id"], **{name: v for name, v in model.items() if name not in ("id", "name")}}


def _unix(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        return 0
