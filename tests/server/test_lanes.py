"""What is fixed about putting an endpoint to an upstream can be worked out for every pair."""

from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint
from lethe.providers.upstream import Upstream
from lethe.server.lanes import lane

CALLERS = (Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.GEMINI)


def of(dialect: Dialect) -> Upstream:
    text = f'[upstreams.a]\ndialect = "{dialect}"\nbase_url = "http://127.0.0.1:1"\n'
    if dialect is Dialect.CONVERSE:
        text = '[upstreams.a]\nprovider = "bedrock"\nregion = "eu-west-1"\nauth = "aws"\n'
    return parse_settings(text, "lethe.toml", embedded_available=False, today=date(2026, 11, 30)).plan.upstreams[0]


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("endpoint", Endpoint)
def test_every_endpoint_has_a_lane_to_every_upstream(dialect: Dialect, caller: Dialect, endpoint: Endpoint) -> None:
    found = lane(of(dialect), endpoint, caller)
    assert found.passes is (found.speaks is caller)


def test_embeddings_are_not_served_where_no_caller_speaks() -> None:
    assert not lane(of(Dialect.CONVERSE), Endpoint.EMBEDDINGS, Dialect.OPENAI_CHAT).serves
