"""How dialects are served: whoever may call is answered in its own dialect, and every dialect has a place."""

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.ir.content import Dialect
from lethe.providers.envelopes import CALLERS, COMPLETION, PLAIN, Endpoint


def test_callers_are_those_whose_dialects_have_both_sides() -> None:
    assert set(CALLERS) == set(CODECS) <= set(UPSTREAM_CODECS)


def test_every_dialect_is_served_somewhere() -> None:
    assert set(PLAIN) == set(COMPLETION) == set(Dialect)
    assert all(COMPLETION[dialect] in envelope.paths for dialect, envelope in PLAIN.items())


def test_a_model_in_a_path_is_one_segment() -> None:
    path = PLAIN[Dialect.CONVERSE].path(Endpoint.CONVERSE, "arn:aws:bedrock/x y?z", stream=True)
    assert path == "/model/arn%3Aaws%3Abedrock%2Fx%20y%3Fz/converse-stream"
    assert PLAIN[Dialect.ANTHROPIC].path(Endpoint.MESSAGES, "m", stream=True) == "/v1/messages"
