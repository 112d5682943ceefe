"""Whatever a row of the register speaks of is found, however it is written: each row of each surface, in disguise."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.retention.test_rows import NO_MODEL, SURFACES, example, holder, model_of

from lethe.retention.guard import Guard
from lethe.retention.levels import Level
from lethe.retention.paths import DEEP, EVERY, OTHER, Segments, parse
from lethe.retention.surface import Action, FieldRule, Surface
from lethe.wire.rawjson import TopLevel

_NAME = re.compile(r'"([a-zA-Z_*-]+)"(?=:)')
LONG = "x" * 9_000 + ' "quoted": \\ {[' + "\u001b"


def escaped(text: str) -> str:
    return _NAME.sub(lambda name: '"' + "".join(f"\\u{ord(letter):04x}" for letter in name[1]) + '"', text)


def one_letter_escaped(text: str) -> str:
    return _NAME.sub(lambda name: f'"{name[1][:-1]}\\u{ord(name[1][-1]):04X}"', text)


def twice(text: str) -> str:
    """Each name first with a value that means nothing."""
    return _NAME.sub(lambda name: f"{name[0]}:null,{name[0]}", text)


def spaced(text: str) -> str:
    return _NAME.sub(lambda name: f"\n\t {name[0]} \r\n", text)


def marked(text: str) -> str:
    """With half a character, which one of our two decoders refuses."""
    return text[:-1] + ',"stream":"\\ud800"}'


def in_lists(value: Any) -> Any:
    """Every object below the top stands in lists."""
    if isinstance(value, dict):
        return {
            name: [[in_lists(inner)]] if isinstance(inner, dict) else in_lists(inner) for name, inner in value.items()
        }
    return [[in_lists(inner)] for inner in value] if isinstance(value, list) else value


def among_others(value: Any) -> Any:
    """With long texts beside it in every list."""
    if isinstance(value, dict):
        return {name: among_others(inner) for name, inner in value.items()}
    return [{"text": LONG}, *map(among_others, value), LONG] if isinstance(value, list) else value


Way = tuple[Callable[[Any], Any], Callable[[str], str]]
WAYS: dict[str, Way] = {
    "escaped": (dict, escaped),
    "one letter escaped": (dict, one_letter_escaped),
    "twice": (dict, twice),
    "spaced": (dict, spaced),
    "in lists": (in_lists, str),
    "among others": (among_others, one_letter_escaped),
    "half a character": (dict, marked),
    "all of them": (in_lists, lambda text: marked(spaced(twice(one_letter_escaped(text))))),
}


def deeper(segments: Segments) -> Segments:
    """Any depth is some depth."""
    return tuple(each for segment in segments for each in (("a", EVERY, "b", EVERY) if segment == DEEP else (segment,)))


def judged(guard: Guard, rule: FieldRule, value: Any, level: Level, text: str) -> tuple[bool, str]:
    """Does this row refuse it? And the body as it would go out, as one text."""
    body = TopLevel(text.encode())
    verdict = guard.judge(body, level, model_of(rule, value), pseudonym=lambda name: f"P{len(name)}")
    out = json.loads(body.spliced(verdict.changes, verdict.removals))
    refused = any((each.path, each.because) == (f"$.{rule.path}", rule.because) for each in verdict.refusals)
    return refused, json.dumps(out, ensure_ascii=False)


def found(guard: Guard, rule: FieldRule, level: Level, text: str, value: Any) -> bool:
    """Is done what the row says?"""
    refused, out = judged(guard, rule, value, level, text)
    if rule.actions[level] is Action.REFUSE:
        return refused
    return json.dumps(value) not in out


def telling(rule: FieldRule, level: Level, value: Any) -> bool:
    """Can it be told from what goes out whether the row did something?"""
    if rule.path == "model" or rule.actions[level] is Action.ALLOW:
        return False
    return rule.actions[level] is Action.REFUSE or (isinstance(value, str) and value != rule.value)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
@pytest.mark.parametrize("way", WAYS)
def test_every_row_finds_it(surface: Surface, way: str) -> None:
    guard, (shaped, spelled) = Guard(surface), WAYS[way]
    for rule in surface.fields:
        value = example(rule, 0)
        body = {"model": NO_MODEL} | holder(deeper(parse(rule.path)), value)
        text = spelled(json.dumps(shaped(body), separators=(",", ":")))
        for level in (Level.A2, Level.B):
            if telling(rule, level, value) and not surface.refused.get(level):
                assert found(guard, rule, level, text, value), (rule.path, level)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_a_name_in_other_letters_is_refused_if_not_found(surface: Surface) -> None:
    guard = Guard(surface)
    for rule in surface.fields:
        segments = deeper(parse(rule.path))
        if rule.path == "model" or (name := segments[-1]) in (EVERY, OTHER):
            continue
        for other in {name.upper(), name.title(), name.replace("s", "\u017f"), name.replace("k", "\u212a")} - {name}:
            body = {"model": NO_MODEL} | holder((*segments[:-1], other), example(rule, 0))
            for level in (Level.A2, Level.B):
                if rule.actions[level] is not Action.ALLOW:
                    verdict = guard.judge(TopLevel(json.dumps(body).encode()), level, NO_MODEL)
                    assert verdict.refusals or segments[0] in verdict.removals, (rule.path, other, level)
