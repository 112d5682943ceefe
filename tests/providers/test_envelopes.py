"""How dialects are served: whoever may call is answered in its own dialect, and every dialect has a place."""

import pytest

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect
from lethe.providers.envelopes import AZURE_CHAT, CALLERS, COMPLETION, PLAIN, VERTEX_CLAUDE, Endpoint


def test_callers_are_those_whose_dialects_have_both_sides() -> None:
    assert set(CALLERS) == set(CODECS) <= set(UPSTREAM_CODECS)


def test_every_dialect_is_served_somewhere() -> None:
    assert set(PLAIN) == set(COMPLETION) == set(Dialect)
    assert all(COMPLETION[dialect] in envelope.paths for dialect, envelope in PLAIN.items())


def test_a_model_in_a_path_is_one_segment() -> None:
    path = PLAIN[Dialect.CONVERSE].path(Endpoint.CONVERSE, "arn:aws:bedrock/x y?z", stream=True)
    assert path == "/model/arn%3Aaws%3Abedrock%2Fx%20y%3Fz/converse-stream"
    assert PLAIN[Dialect.ANTHROPIC].path(Endpoint.MESSAGES, "m", stream=True) == "/v1/messages"


@pytest.mark.parametrize("model", [".", "..", "../../x", "a/../b", "a/.", "a\\..\\b", "a%2F..%2Fb", "%2e%2e"])
def test_a_model_is_no_step(model: str) -> None:
    """Also where it was named as `upstream/..`."""
    with pytest.raises(InvalidRequest):
        PLAIN[Dialect.CONVERSE].path(Endpoint.CONVERSE, model, stream=False)
    assert PLAIN[Dialect.ANTHROPIC].path(Endpoint.MESSAGES, model, stream=False) == "/v1/messages"


def test_a_count_on_vertex_names_its_model_in_the_body() -> None:
    assert VERTEX_CLAUDE.leaves_out(Endpoint.MESSAGES) == {"model"}
    assert VERTEX_CLAUDE.leaves_out(Endpoint.COUNT_TOKENS) == set()


def test_a_version_of_the_api_is_filled_in_everywhere() -> None:
    assert AZURE_CHAT.dated
    filled = AZURE_CHAT.at_version("2024-10-21")
    assert not filled.dated
    assert filled.path(Endpoint.MODELS, "", stream=False) == "/openai/models?api-version=2024-10-21"
