"""Threads are refused, whatever their shape; so is a provider's state where another API is to answer."""

from typing import Any

import pytest

from lethe.dialects.codec import CODECS
from lethe.errors import LossRefused, ThreadUnsupported
from lethe.ir.content import Dialect
from lethe.policies.state import refuse_state, refuse_threads
from lethe.wire.rawjson import TopLevel


@pytest.mark.parametrize("body", [b'{"thread":{"type":"create"}}', b'{"thread":"t"}', b'{"thread":false}'])
def test_refused(body: bytes) -> None:
    with pytest.raises(ThreadUnsupported):
        refuse_threads(TopLevel(body))


@pytest.mark.parametrize("body", [b"{}", b'{"thread":null}', b'{"x":{"thread":1}}'])
def test_absent(body: bytes) -> None:
    refuse_threads(TopLevel(body))


ASK: dict[str, Any] = {"model": "m", "input": "x"}
STATE: list[tuple[dict[str, Any], str]] = [
    ({"previous_response_id": "resp_CANARY"}, "$.previous_response_id"),
    ({"conversation": {"id": "CANARY"}}, "$.conversation"),
    ({"conversation": "CANARY"}, "$.conversation"),
    ({"prompt": {"id": "CANARY"}}, "$.prompt"),
    ({"background": True}, "$.background"),
    ({"store": True}, "$.store"),
]


@pytest.mark.parametrize(("held", "path"), STATE, ids=[path for _, path in STATE])
def test_state_is_refused_by_its_path(held: dict[str, Any], path: str) -> None:
    with pytest.raises(LossRefused) as refused:
        refuse_state(CODECS[Dialect.OPENAI_RESPONSES].decode_request({**ASK, **held}))
    assert path in refused.value.message
    assert "CANARY" not in refused.value.message


@pytest.mark.parametrize("more", [{}, {"store": False}, {"background": False}, {"previous_response_id": None}])
def test_no_state(more: dict[str, Any]) -> None:
    refuse_state(CODECS[Dialect.OPENAI_RESPONSES].decode_request({**ASK, **more}))


def test_chat_has_none_but_a_wish_to_store() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "store": True}
    refuse_state(CODECS[Dialect.OPENAI_CHAT].decode_request(body))
