"""Lists of models, in the shape of either vendor and valid by the official types."""

from typing import Any

import pytest
from anthropic.types import ModelInfo
from google.genai import types as genai
from google.genai.models import _Model_from_mldev
from openai.types import Model

from lethe.dialects.models import bare, entries, listing, reshaped, single
from lethe.ir.content import Dialect, JsonObject

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI = Dialect.GEMINI
CLAUDE: JsonObject = {
    "type": "model",
    "id": "claude",
    "display_name": "C",
    "created_at": "2026-01-02T03:04:05Z",
    "x": 1,
}
GPT: JsonObject = {"id": "a/gpt:1", "object": "model", "created": 1767323045, "owned_by": "openai", "x": 1}

ENTRIES: list[tuple[Any, list[str]]] = [
    ({"data": [CLAUDE, GPT]}, ["claude", "a/gpt:1"]),
    ({"data": [GPT, "CANARY", {"id": 5}, {}]}, ["a/gpt:1"]),
    ({"data": "CANARY"}, []),
    (
        {"models": [{"name": "models/gemini-3"}, {"name": 5}, "CANARY", {"name": "tunedModels/t"}]},
        ["gemini-3", "tunedModels/t"],
    ),
    ({"models": "CANARY"}, []),
    ({}, []),
    ([], []),
    (None, []),
]


@pytest.mark.parametrize(("body", "expected"), ENTRIES)
def test_entries(body: Any, expected: list[str]) -> None:
    assert [entry["id"] for entry in entries(body)] == expected


def test_a_model_stays_as_it_is_in_its_own_dialect() -> None:
    assert reshaped(CLAUDE, "up", ANTHROPIC, ANTHROPIC) is CLAUDE
    assert reshaped(GPT, "up", CHAT, CHAT) is GPT
    assert reshaped(GPT, "up", RESPONSES, CHAT) is GPT, "both of OpenAI's list models alike"


def test_a_model_in_the_shape_of_the_other() -> None:
    assert reshaped(GPT, "up", CHAT, ANTHROPIC) == {
        "type": "model",
        "id": "a/gpt:1",
        "display_name": "a/gpt:1",
        "created_at": "2026-01-02T03:04:05Z",
        "lifecycle": "active",
    }
    assert reshaped(CLAUDE, "up", ANTHROPIC, CHAT) == {
        "id": "claude",
        "object": "model",
        "created": 1767323045,
        "owned_by": "up",
    }


@pytest.mark.parametrize("created", [None, "CANARY", 5])
def test_a_date_that_nobody_can_read_is_none(created: Any) -> None:
    assert reshaped({"id": "m", "created_at": created}, "up", ANTHROPIC, CHAT)["created"] == 0
    assert reshaped({"id": "m", "created": "x"}, "up", CHAT, ANTHROPIC)["created_at"] == "1970-01-01T00:00:00Z"


def test_a_list_is_one_page_and_valid() -> None:
    models = [bare("a", "up", ANTHROPIC), reshaped(GPT, "up", CHAT, ANTHROPIC)]
    page = listing(models, ANTHROPIC)
    assert [page[name] for name in ("first_id", "last_id", "has_more")] == ["a", "a/gpt:1", False]
    for model in page["data"]:
        ModelInfo.model_validate(model)
    assert listing([], ANTHROPIC) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    page = listing([bare("a", "up", CHAT), reshaped(CLAUDE, "up", ANTHROPIC, CHAT)], CHAT)
    for model in page["data"]:
        Model.model_validate(model)
    assert page["object"] == "list"


def test_google_s_models_have_names_with_a_prefix() -> None:
    (flash,) = entries({"models": [{"name": "models/flash", "inputTokenLimit": 5}]})
    own = reshaped(flash, "up", GEMINI, GEMINI)
    assert single({**own, "id": "alias"}, GEMINI) == {"name": "models/alias", "inputTokenLimit": 5}
    assert reshaped(flash, "up", GEMINI, CHAT)["id"] == reshaped(flash, "up", GEMINI, ANTHROPIC)["id"] == "flash"
    assert single(flash, CHAT) is flash
    page = listing([reshaped(GPT, "up", CHAT, GEMINI), reshaped(CLAUDE, "up", ANTHROPIC, GEMINI)], GEMINI)
    wire = [{n: v for n, v in _Model_from_mldev(m).items() if n != "tuned_model_info"} for m in page["models"]]
    read = [genai.Model.model_validate(model) for model in wire]
    assert [model.name for model in read] == ["models/a/gpt:1", "models/claude"]
