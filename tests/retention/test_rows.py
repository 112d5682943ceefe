"""Every row of every surface, at every level, as the guard applies it to a body that the row speaks of."""

import json
from typing import Any

import pytest

from lethe.config import register
from lethe.retention.guard import CALLER, Guard, Verdict
from lethe.retention.levels import Level
from lethe.retention.paths import EVERY, Segments, names, parse
from lethe.retention.surface import Action, FieldRule, Surface
from lethe.wire.rawjson import TopLevel

SURFACES = {surface.id: surface for surface in register.all_surfaces()}
SENT = "sent-by-the-caller"
NO_MODEL = "a-model-of-nobody"
SALT = "of-the-caller"
UNASKED = {Action.FORCE: None, Action.SALT: SALT}
# Globs that are written out by hand, because nothing can be made of them by leaving the stars out.
EXAMPLES = {
    "true": True,
    "gpt-5.5*": "gpt-5.5-pro",
}


def named(name: str) -> str:
    return SALT if name == CALLER else f"other:{len(name)}"


def example(rule: FieldRule, n: int) -> Any:
    """A value that the row speaks of."""
    if not rule.values:
        return SENT
    glob = rule.values[n]
    return EXAMPLES.get(glob, glob.replace("*", "x"))


def holder(segments: Segments, value: Any) -> Any:
    """The smallest body in which the path leads to this value."""
    for segment in reversed(segments):
        value = [value] if segment == EVERY else {segment: value}
    return value


def at(body: Any, segments: Segments) -> Any:
    """What stands there; None where nothing does."""
    for segment in segments:
        if segment == EVERY:
            body = body[0] if body else None
        elif isinstance(body, dict):
            body = body.get(segment)
        else:
            return None
    return body


def model_of(rule: FieldRule, value: Any) -> str:
    if rule.path == "model":
        return str(value)
    return rule.models[0].replace("*", "") if rule.models else NO_MODEL


def after(sent: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    left = {name: value for name, value in sent.items() if name not in verdict.removals}
    return left | verdict.changes


def judged(guard: Guard, rule: FieldRule, value: Any, level: Level) -> tuple[dict[str, Any], Verdict]:
    sent = {"model": NO_MODEL} | holder(parse(rule.path), value)
    verdict = guard.judge(TopLevel(json.dumps(sent).encode()), level, model_of(rule, value), pseudonym=named)
    return after(sent, verdict), verdict


def check(surface: Surface, guard: Guard, rule: FieldRule, value: Any, level: Level) -> None:
    body, verdict = judged(guard, rule, value, level)
    where = f"$.{rule.path}"
    mine = [refusal for refusal in verdict.refusals if (refusal.path, refusal.because) == (where, rule.because)]
    found = at(body, parse(rule.path))
    if surface.refused.get(level):
        assert [refusal.because for refusal in verdict.refusals] == [surface.refused[level]]
        return
    match rule.actions[level]:
        case Action.REFUSE:
            assert [refusal.instead for refusal in mine] == [rule.instead]
            return
        case Action.STRIP:
            assert found is None
        case Action.FORCE | Action.REPLACE:
            assert found == rule.value
        case Action.SALT:
            assert found == SALT
        case Action.PSEUDONYM:
            assert found == f"other:{len(str(value))}"
        case Action.ALLOW:
            assert found == value
    lowered = rule.lowers is not None and level in rule.lowers_at and rule.actions[level] is not Action.STRIP
    assert ((where, rule.lowers) in verdict.used) is lowered
    assert mine == []


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_every_row_does_what_it_says(surface: Surface) -> None:
    guard = Guard(surface)
    for rule in surface.fields:
        for n in range(max(1, len(rule.values))):
            for level in Level:
                value = example(rule, n)
                try:
                    check(surface, guard, rule, value, level)
                except AssertionError as fault:
                    fault.add_note(f"{surface.id} {rule.path} {value!r} at {level}")
                    raise


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_what_is_forced_goes_out_unasked(surface: Surface) -> None:
    guard = Guard(surface)
    for rule in surface.fields:
        for level in Level:
            if rule.actions[level] not in UNASKED or surface.refused.get(level):
                continue
            sent = {"model": NO_MODEL, "messages": []}
            model, goes_out = model_of(rule, SENT), UNASKED[rule.actions[level]] or rule.value
            verdict = guard.judge(TopLevel(json.dumps(sent).encode()), level, model, pseudonym=named)
            assert at(after(sent, verdict), parse(rule.path)) == goes_out, (rule.path, level)


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
def test_rows_of_models_leave_other_models_alone(surface: Surface) -> None:
    guard = Guard(surface)
    for rule in surface.fields:
        if rule.models and len(names(parse(rule.path))) == 1:
            sent = {"model": NO_MODEL, rule.path: SENT}
            for level in Level:
                verdict = guard.judge(TopLevel(json.dumps(sent).encode()), level, NO_MODEL)
                assert after(sent, verdict)[rule.path] == SENT, (rule.path, level)
