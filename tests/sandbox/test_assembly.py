"""The plan with what only the running system knows."""

from tests.sandbox.messages import PLAN

from lethe.config.settings import Settings
from lethe.sandbox import assembly
from lethe.sandbox.engine import REFERENCE


def test_references_are_those_of_upstreams() -> None:
    assert assembly.references(Settings(plan=PLAN, key_secrets={0: "env:K"})) == {"env:A"}


def test_keys_get_their_digests() -> None:
    settings = Settings(plan=PLAN, key_secrets={0: "env:K"})
    made = assembly.with_keys(settings, {"env:K": b"digest", "env:OTHER": b"other"})
    assert [(key.name, key.digest, key.level) for key in made.keys] == [("ci", b"digest", PLAN.keys[0].level)]
    assert assembly.with_keys(Settings(plan=PLAN), {}) == PLAN


def test_the_engine_gets_its_address() -> None:
    (upstream,) = assembly.with_engine(PLAN, 0, "http://127.0.0.1:9/v1").upstreams
    assert (upstream.name, upstream.base_url, upstream.credential) == ("a", "http://127.0.0.1:9/v1", REFERENCE)
