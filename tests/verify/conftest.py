"""A run's canaries, and one of them."""

import os

import pytest

from lethe.verify.canary import Canary, Mint


@pytest.fixture
def mint() -> Mint:
    return Mint(os.urandom)


@pytest.fixture
def canary(mint: Mint) -> Canary:
    return mint.new("user-text", "case")
