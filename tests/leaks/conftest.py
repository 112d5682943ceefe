"""The run that all cases share: one server at each level."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TypeAlias

import pytest
from tests.leaks.after import After
from tests.leaks.house import House, house
from tests.memory.rig import SETTLED

from lethe.sandbox.lockin import swap

_SWAPS = swap.active() and not swap.forbidden()  # then this host may not be able to serve A1
LEVELS = ("C", "B", "A2", *(() if _SWAPS else ("A1",)))
FURTHER = ("C", "B")
Runs: TypeAlias = dict[str, tuple[House, After]]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """By level; every case has been run, and what is left of it been looked at."""
    with ExitStack() as stack:
        built = {level: stack.enter_context(house(level, tmp_path_factory.mktemp(level))) for level in LEVELS}
        for each in built.values():
            each.shoot()
        time.sleep(SETTLED)
        yield {level: (each, After(each)) for level, each in built.items()}


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, House]]:
    """Further servers, by level, for tests that need something of their own."""
    with ExitStack() as stack:
        yield {level: stack.enter_context(house(level, tmp_path_factory.mktemp(level))) for level in FURTHER}


@pytest.fixture(params=FURTHER)
def fresh(request: pytest.FixtureRequest, others: dict[str, House]) -> House:
    """One whose upstreams have forgotten what they were asked before."""
    found = others[request.param]
    for fake in found.fakes.values():
        fake.forget()
    return found
