"""Threads are refused, whatever their shape."""

import pytest

from lethe.errors import ThreadUnsupported
from lethe.policies.state import refuse_threads
from lethe.wire.rawjson import TopLevel


@pytest.mark.parametrize("body", [b'{"thread":{"type":"create"}}', b'{"thread":"t"}', b'{"thread":false}'])
def test_refused(body: bytes) -> None:
    with pytest.raises(ThreadUnsupported):
        refuse_threads(TopLevel(body))


@pytest.mark.parametrize("body", [b"{}", b'{"thread":null}', b'{"x":{"thread":1}}'])
def test_absent(body: bytes) -> None:
    refuse_threads(TopLevel(body))
