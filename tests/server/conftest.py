from collections.abc import Iterator

import pytest
from tests.server import rig


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    """An exception that the server did not expect is a failure, whatever the client saw."""
    rig.FAULTS.clear()
    yield
    assert not rig.FAULTS, [f"{type(f).__name__}: {f}" for f in rig.FAULTS]
