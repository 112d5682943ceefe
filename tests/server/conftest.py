import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop
from tests.server import rig


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that ships: its transports differ from asyncio's."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    """An exception that the server did not expect is a failure, whatever the client saw."""
    rig.FAULTS.clear()
    yield
    assert not rig.FAULTS, [f"{type(f).__name__}: {f}" for f in rig.FAULTS]
