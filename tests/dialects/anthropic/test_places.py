"""Paths of the hub, and where they stand in a Messages request."""

import pytest

from lethe.dialects.anthropic import locator
from lethe.ir.content import JsonObject

BODY: JsonObject = {
    "system": [{"type": "text", "text": "x"}],
    "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": [{"type": "text", "text": "x"}]}],
}
OLDER: JsonObject = {**BODY, "system": "x", "output_format": {"type": "json_schema"}}
NEWER: JsonObject = {**OLDER, "output_config": {"format": {"type": "json_schema"}}}

CASES: list[tuple[JsonObject, str, str]] = [
    (BODY, "$.turns[1]", "$.messages[1]"),
    (BODY, "$.turns[1].novel", "$.messages[1].novel"),
    (BODY, "$.turns[1].content[0]", "$.messages[1].content[0]"),
    (BODY, "$.turns[1].content[0].cache", "$.messages[1].content[0].cache_control"),
    (BODY, "$.turns[1].content[0].media_type", "$.messages[1].content[0].source.media_type"),
    (BODY, "$.turns[1].content[0].content[2].title", "$.messages[1].content[0].content[2].title"),
    (BODY, "$.turns[1].content[0].content[2].tool_reference", "$.messages[1].content[0].content[2]"),
    (BODY, "$.turns[0].content[0]", "$.messages[0].content"),
    (BODY, "$.system[0].cache", "$.system[0].cache_control"),
    (OLDER, "$.system[0]", "$.system"),
    (BODY, "$.tools[3].cache", "$.tools[3].cache_control"),
    (BODY, "$.tools[3].defer_loading", "$.tools[3].defer_loading"),
    (BODY, "$.tool_choice", "$.tool_choice"),
    (BODY, "$.parallel_tool_calls", "$.tool_choice.disable_parallel_tool_use"),
    (BODY, "$.sampling.stop", "$.stop_sequences"),
    (BODY, "$.sampling.top_k", "$.top_k"),
    (BODY, "$.reasoning", "$.thinking"),
    (BODY, "$.reasoning.budget_tokens", "$.thinking.budget_tokens"),
    (BODY, "$.reasoning.effort", "$.output_config.effort"),
    (BODY, "$.output.novel", "$.output_config.format.novel"),
    (OLDER, "$.output.novel", "$.output_format.novel"),
    (NEWER, "$.output.novel", "$.output_config.format.novel"),
    (BODY, "$.end_user", "$.metadata.user_id"),
    (BODY, "$.novel", "$.novel"),
]


@pytest.mark.parametrize(("body", "path", "expected"), CASES)
def test_locate(body: JsonObject, path: str, expected: str) -> None:
    assert locator(body)(path) == expected
