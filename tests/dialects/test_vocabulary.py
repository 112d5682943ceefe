"""Names in the paths of losses: every word of an API, and no other."""

import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types import message_create_params
from anthropic.types.beta import message_create_params as beta_create_params
from google.genai import types
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params
from pydantic import BaseModel

from lethe.config.register import all_surfaces
from lethe.dialects.leftovers import shown
from lethe.retention.surface import Surface

OFFICIAL = (
    message_create_params.MessageCreateParamsBase,
    beta_create_params.MessageCreateParamsBase,
    completion_create_params.CompletionCreateParamsBase,
    response_create_params.ResponseCreateParamsBase,
    types.GenerationConfig,
    types.ToolConfig,
    types.Tool,
    types.Content,
)


def names(kind: Any, seen: set[Any]) -> Iterator[str]:
    """Of the fields of a type, and of all that it is made of."""
    if kind in seen or isinstance(kind, str):
        return
    seen.add(kind)
    inner = list(typing.get_args(kind))
    if isinstance(kind, type) and hasattr(kind, "__total__"):  # a TypedDict, whichever library it is from
        hints = typing.get_type_hints(kind, include_extras=True)
        yield from hints
        inner += hints.values()
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield field.alias or name
            inner.append(field.annotation)
    for each in inner:
        if not isinstance(each, list | dict):
            yield from names(each, seen)


@pytest.mark.parametrize("kind", OFFICIAL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_the_vendors_fields_are_shown(kind: Any) -> None:
    """A caller has to see what it was that was lost."""
    known = {name for name in names(kind, set()) if re.fullmatch(r"\w+", name)}
    assert len(known) > 5
    assert {name for name in known if shown(name) != name} == set()


@pytest.mark.parametrize("surface", all_surfaces(), ids=lambda surface: surface.id)
def test_the_registers_fields_are_shown(surface: Surface) -> None:
    paths = (*surface.known.fields, *(rule.path for rule in surface.fields))
    known = {name for path in paths for name in re.split(r"[.\[\]]+", path) if re.fullmatch(r"[\w-]+", name)}
    assert {name for name in known if shown(name) != name} == set()


def test_marks_of_an_answers_beginning_are_shown() -> None:
    """What Mistral and DeepSeek, and Qwen and Kimi, have in messages."""
    assert [shown(name) for name in ("prefix", "partial")] == ["prefix", "partial"]


@pytest.mark.parametrize("name", ["my secret", "x\r\ny", "", "é", "a" * 65, "a.b", "Salaries_2026", "*"])
def test_a_name_that_could_be_content_is_not_shown(name: str) -> None:
    assert shown(name) == "*"
