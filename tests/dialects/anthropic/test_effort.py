"""Thinking, effort and the shape of the answer."""

import pytest

from lethe.dialects.anthropic import decode_request, encode_request
from lethe.dialects.anthropic.effort import closed
from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Reasoning, Request

SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}

# (on the wire, in the model)
BOTH_WAYS: list[tuple[JsonObject, Reasoning]] = [
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Reasoning(budget_tokens=1024)),
    ({"thinking": {"type": "adaptive"}}, Reasoning()),
    ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
    ({"output_config": {"effort": "max"}}, Reasoning(effort="max", effort_only=True)),
    ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, Reasoning(effort="xhigh")),
    (
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
        Reasoning(enabled=False, effort="low"),
    ),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 9000}, "output_config": {"effort": "high"}},
        Reasoning(budget_tokens=9000, effort="high"),
    ),
]
# (in another dialect's words, on the wire, paths of hints)
FOREIGN: list[tuple[Reasoning, JsonObject, list[str]]] = [
    (
        Reasoning(effort="minimal"),
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ["$.reasoning.effort"],
    ),
    (Reasoning(effort="none"), {"thinking": {"type": "disabled"}}, []),
    (Reasoning(enabled=False, effort="none"), {"thinking": {"type": "disabled"}}, []),
]


def encoded(reasoning: Reasoning | None = None, output: OutputFormat | None = None) -> tuple[JsonObject, Losses]:
    losses = Losses()
    body = encode_request(Request(model="m", turns=(), reasoning=reasoning, output=output), losses)
    return {name: body[name] for name in ("thinking", "output_config") if name in body}, losses


@pytest.mark.parametrize(("wire", "reasoning"), BOTH_WAYS)
def test_read_and_written(wire: JsonObject, reasoning: Reasoning) -> None:
    assert decode_request({"model": "m", "messages": [], **wire}).reasoning == reasoning
    assert encoded(reasoning) == (wire, [])


@pytest.mark.parametrize(("reasoning", "wire", "hints"), FOREIGN)
def test_words_of_others(reasoning: Reasoning, wire: JsonObject, hints: list[str]) -> None:
    body, losses = encoded(reasoning)
    assert body == wire
    assert [(loss.severity, loss.path) for loss in losses] == [("hint", path) for path in hints]


# (a format, its schema on the wire or None, losses)
FORMATS: list[tuple[OutputFormat, JsonObject | None, list[tuple[str, str]]]] = [
    (OutputFormat(kind="json_schema", schema=SCHEMA), SCHEMA, []),
    (OutputFormat(kind="json_schema", schema=SCHEMA, strict=True), SCHEMA, []),
    (OutputFormat(kind="json_schema", schema=SCHEMA, strict=False), SCHEMA, [("hint", "$.output.strict")]),
    (OutputFormat(kind="json_schema", schema=SCHEMA, name="n"), SCHEMA, [("hint", "$.output.name")]),
    (OutputFormat(kind="json_schema", schema=SCHEMA, description="d"), {"description": "d", **SCHEMA}, []),
    (
        OutputFormat(kind="json_schema", schema={"description": "own"}, description="d"),
        {"description": "own"},
        [("degraded", "$.output.description")],
    ),
    (OutputFormat(kind="json_schema"), None, [("degraded", "$.output")]),
    (OutputFormat(kind="json_object"), None, [("degraded", "$.output")]),
]


@pytest.mark.parametrize(("output", "schema", "losses"), FORMATS)
def test_formats(output: OutputFormat, schema: JsonObject | None, losses: list[tuple[str, str]]) -> None:
    body, lost = encoded(output=output)
    expected = {} if schema is None else {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    assert body == expected
    assert [(loss.severity, loss.path) for loss in lost] == losses


def test_the_current_format_wins_over_the_older_one() -> None:
    old, new = ({"type": "json_schema", "schema": {"title": title}} for title in ("old", "new"))
    body = {"model": "m", "messages": [], "max_tokens": 1, "output_format": old, "output_config": {"format": new}}
    request = decode_request(body)
    assert request.output == OutputFormat(kind="json_schema", schema={"title": "new"})
    assert encode_request(request, Losses()) == body


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string"}),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}),
        ({"type": "object", "additionalProperties": True}, {"type": "object", "additionalProperties": True}),
        (
            {"properties": {"properties": {"type": "object"}, "a": {"items": {"properties": {}}}}},
            {
                "properties": {
                    "properties": {"type": "object", "additionalProperties": False},
                    "a": {"items": {"properties": {}, "additionalProperties": False}},
                },
                "additionalProperties": False,
            },
        ),
        (
            {"anyOf": [{"type": "object"}, True], "enum": [{"type": "object"}], "$defs": {"d": {"type": "object"}}},
            {
                "anyOf": [{"type": "object", "additionalProperties": False}, True],
                "enum": [{"type": "object"}],
                "$defs": {"d": {"type": "object", "additionalProperties": False}},
            },
        ),
    ],
)
def test_objects_of_an_answer_are_closed(schema: JsonObject, expected: JsonObject) -> None:
    assert closed(schema) == expected
