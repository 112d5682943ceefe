"""The routing table as a table."""

import pytest

from lethe.errors import UnknownModel
from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.routing.attempts import Attempt, Router, ordered
from lethe.routing.table import Route, Target


def upstream(name: str, *models: str) -> Upstream:
    return Upstream(
        name=name,
        dialect=Dialect.ANTHROPIC,
        base_url="http://127.0.0.1:1",
        auth=Auth.NONE,
        upstream_class=UpstreamClass.U6,
        models=models,
    )


UPSTREAMS = [upstream("anthropic", "claude-*"), upstream("openai", "gpt-*", "o1*"), upstream("local")]
ROUTES = [
    Route(model="claude-haiku-*", to=(Target(1, "gpt-mini"), Target(0))),
    Route(model="fast", to=(Target(2, "a/b:c"),)),
    Route(model="claude-*", to=(Target(0),)),
]

CASES = [
    ("claude-haiku-4", [Attempt(1, "gpt-mini"), Attempt(0, "claude-haiku-4")], 0),
    ("fast", [Attempt(2, "a/b:c")], 1),
    ("claude-opus-5", [Attempt(0, "claude-opus-5")], 2),
    ("gpt-6", [Attempt(1, "gpt-6")], None),
    ("o1", [Attempt(1, "o1")], None),
    ("local/org/model:7b", [Attempt(2, "org/model:7b")], None),
    ("openai/gpt-6", [Attempt(1, "gpt-6")], None),
]


@pytest.mark.parametrize(("model", "attempts", "route"), CASES, ids=[c[0] for c in CASES])
def test_resolve(model: str, attempts: list[Attempt], route: int | None) -> None:
    routing = Router(UPSTREAMS, ROUTES).resolve(model)
    assert list(routing.attempts) == attempts
    assert routing.route == route


@pytest.mark.parametrize("model", ["unknown", "local/", "FAST", "gpt", "nowhere/gpt-6"])
def test_unknown_models_are_not_quoted(model: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        Router(UPSTREAMS, ROUTES).resolve(model)
    assert f" {model} " not in f" {caught.value} "


def test_a_near_miss_names_what_is_configured() -> None:
    with pytest.raises(UnknownModel, match="nearest configured: fast"):
        Router(UPSTREAMS, ROUTES).resolve("fats")


def test_the_only_upstream_takes_every_name() -> None:
    assert Router([upstream("openai", "gpt-*")], []).resolve("claude-x").attempts == (Attempt(0, "claude-x"),)


def test_cooling_upstreams_go_last() -> None:
    attempts = [Attempt(0, "m"), Attempt(1, "m"), Attempt(2, "m")]
    assert [a.upstream for a in ordered(attempts, {0: 50.0, 1: 20.0}, 10.0)] == [2, 1, 0]
    assert [a.upstream for a in ordered(attempts, {0: 50.0}, 60.0)] == [0, 1, 2]
