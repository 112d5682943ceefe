"""Where losses are: at paths that the caller finds in its own body."""

import re
from typing import Any

import pytest
from tests.dialects.losses import REQUESTS as FEATURES
from tests.dialects.test_codec import CROSSINGS, _any

from lethe.dialects.codec import CODECS
from lethe.dialects.leftovers import shown
from lethe.dialects.places import in_system, in_turn, moved
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.loss import Losses
from lethe.transcode import located

ANTHROPIC, CHAT = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
FROM_FEATURES = [
    (source, target, name, fields)
    for name, anthropic, chat in FEATURES
    for source, target, fields in ((ANTHROPIC, CHAT, anthropic), (CHAT, ANTHROPIC, chat))
    if fields is not None
]


def test_moved() -> None:
    rows = (("$.a.b", "$.x"), ("$.a", "$.y"))
    assert [moved(p, rows) for p in ("$.a", "$.a.b", "$.a.b.c", "$.a[0]", "$.ab", "$.z")] == [
        "$.y",
        "$.x",
        "$.x.c",
        "$.y[0]",
        "$.ab",
        "$.z",
    ]


def test_parts_of_paths() -> None:
    assert in_turn("$.turns[2]") == (2, None, "")
    assert in_turn("$.turns[2].name") == (2, None, ".name")
    assert in_turn("$.turns[2].content[10].content[1].cache") == (2, 10, ".content[1].cache")
    assert in_turn("$.tools[0]") is None
    assert in_system("$.system[3].cache") == (3, ".cache")
    assert in_system("$.turns[0]") is None


def found(body: Any, path: str) -> bool:
    """Is there something at this path? A name that no API knows stands for any such."""
    at = body
    for name, index in re.findall(r"\.([\w-]+|\*)|\[(\d+)\]", path):
        if name == "*":
            return isinstance(at, dict) and any(shown(each) == "*" for each in at)
        if name:
            if not isinstance(at, dict) or name not in at:
                return False
            at = at[name]
        elif not isinstance(at, list) or int(index) >= len(at):
            return False
        else:
            at = at[int(index)]
    return True


def lost(source: Dialect, target: Dialect, body: JsonObject) -> Losses:
    losses = Losses()
    CODECS[target].encode_request(CODECS[source].decode_request(body), losses)
    return located(losses, source, body)


def nowhere(losses: Losses, body: JsonObject) -> list[str]:
    return [loss.path for loss in losses if not found(body, loss.path)]


@pytest.mark.parametrize(("source", "name", "target"), CROSSINGS)
def test_every_loss_of_a_fixture_is_found_in_its_body(source: Dialect, name: str, target: Dialect) -> None:
    body = _any(name)
    assert nowhere(lost(source, target, body), body) == []


@pytest.mark.parametrize(("source", "target", "fields"), [(s, t, f) for s, t, _, f in FROM_FEATURES], ids=[f"{s} {n}" for s, _, n, _ in FROM_FEATURES])  # fmt: skip
def test_every_loss_of_a_feature_is_found_in_its_body(source: Dialect, target: Dialect, fields: JsonObject) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 9, **fields}
    assert nowhere(lost(source, target, body), body) == []
