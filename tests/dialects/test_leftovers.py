"""Leftovers: merged at any depth into their own dialect, losses of the right weight in any other."""

import pytest

from lethe.dialects.leftovers import DEFAULTS, PARTLY_READ, SEVERITIES, merged
from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.loss import Losses

ANTHROPIC, CHAT = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT


def lost(dialect: Dialect, fields: JsonObject) -> list[tuple[str, str]]:
    losses = Losses()
    elsewhere = CHAT if dialect is ANTHROPIC else ANTHROPIC
    assert merged({"a": 1}, Extras(dialect, fields), elsewhere, "$", losses) == {"a": 1}
    return [(loss.severity, loss.path) for loss in losses]


def test_own_leftovers_are_merged_at_any_depth() -> None:
    losses = Losses()
    encoded = {"a": {"b": {"c": 1}, "x": [1]}, "d": 1}
    fields = {"a": {"b": {"e": 2}, "x": [2]}, "f": None}
    assert merged(encoded, Extras(CHAT, fields), CHAT, "$", losses) == {
        "a": {"b": {"c": 1, "e": 2}, "x": [2]},
        "d": 1,
        "f": None,
    }
    assert encoded == {"a": {"b": {"c": 1}, "x": [1]}, "d": 1}
    assert losses == []


def test_no_leftovers() -> None:
    assert merged({"a": 1}, None, CHAT, "$", Losses()) == {"a": 1}


# (fields of an Anthropic request that a translation leaves behind, losses)
LEFT: list[tuple[JsonObject, list[tuple[str, str]]]] = [
    ({"service_tier": "auto"}, [("hint", "$.service_tier")]),
    ({"context_management": {"edits": [{"type": "clear_thinking"}]}}, [("hint", "$.context_management")]),
    ({"metadata": {"team": "x"}}, [("hint", "$.metadata")]),
    ({"cache_control": {"type": "ephemeral"}}, [("hint", "$.cache_control")]),
    ({"output_config": {"task_budget": {"total": 5}}}, [("hint", "$.output_config.task_budget")]),
    ({"output_config": {"future": 1}}, [("dropped", "$.output_config.*")]),
    ({"source": {"future": 1}}, [("dropped", "$.source.*")]),
    ({"defer_loading": True, "eager_input_streaming": True}, [("hint", "$.defer_loading"), ("hint", "$.eager_input_streaming")]),
    ({"input_examples": [{}]}, [("degraded", "$.input_examples")]),
    ({"citations": {"enabled": True}}, [("degraded", "$.citations")]),
    ({"context": "about the document"}, [("dropped", "$.context")]),
    ({"inference_geo": "eu"}, [("dropped", "$.inference_geo")]),
    ({"mcp_servers": [{}]}, [("dropped", "$.mcp_servers")]),
    ({"thread": {"type": "create"}}, [("dropped", "$.thread")]),
    ({"future": 0}, [("dropped", "$.*")]),
    ({"service_tier": None, "mcp_servers": [], "future": {}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "losses"), LEFT)
def test_anthropics_leftovers(fields: JsonObject, losses: list[tuple[str, str]]) -> None:
    assert lost(ANTHROPIC, fields) == losses


@pytest.mark.parametrize("dialect", SEVERITIES)
def test_an_unknown_field_is_dropped(dialect: Dialect) -> None:
    assert lost(dialect, {"zzz": 1}) == [("dropped", "$.*")]


def test_defaults_ask_for_nothing() -> None:
    for dialect, defaults in DEFAULTS.items():
        assert lost(dialect, dict(defaults)) == []


def test_tables_name_the_same_dialects() -> None:
    assert set(SEVERITIES) == set(DEFAULTS) == set(PARTLY_READ)
