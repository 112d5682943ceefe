"""The plan with what only the running system knows."""

from msgspec.structs import replace
from tests.sandbox.messages import PLAN

from lethe.config.plan import LimitStore
from lethe.config.settings import Settings
from lethe.sandbox import assembly
from lethe.sandbox.engine import REFERENCE


def test_references_are_those_of_upstreams_and_of_the_store() -> None:
    assert assembly.references(Settings(plan=PLAN, key_secrets={0: "env:K"})) == {"env:A"}
    stored = replace(PLAN, limit_store=LimitStore(host="redis", port=6379, password="env:P"))
    assert assembly.references(Settings(plan=stored)) == {"env:A", "env:P"}
    open_to_all = replace(PLAN, limit_store=LimitStore(host="redis", port=6379))
    assert assembly.references(Settings(plan=open_to_all)) == {"env:A"}


def test_keys_get_their_digests() -> None:
    settings = Settings(plan=PLAN, key_secrets={0: "env:K"})
    made = assembly.with_keys(settings, {"env:K": b"digest", "env:OTHER": b"other"})
    assert [(key.name, key.digest, key.level) for key in made.keys] == [("ci", b"digest", PLAN.keys[0].level)]
    assert assembly.with_keys(Settings(plan=PLAN), {}) == PLAN


def test_the_engine_gets_its_address() -> None:
    (upstream,) = assembly.with_engine(PLAN, 0, "http://127.0.0.1:9/v1").upstreams
    assert (upstream.name, upstream.base_url, upstream.credential) == ("a", "http://127.0.0.1:9/v1", REFERENCE)
