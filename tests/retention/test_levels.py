"""Which level accepts which class: the whole table."""

import pytest

from lethe.retention.levels import Level, UpstreamClass, admits, strictest

ACCEPTED = {Level.A1: "01", Level.A2: "01234", Level.B: "012345", Level.C: "0123456"}
WITH_OPT_INS = {Level.A1: "01", Level.A2: "012345", Level.B: "0123456", Level.C: "0123456"}


@pytest.mark.parametrize("level", Level)
def test_admits(level: Level) -> None:
    assert "".join(str(int(c)) for c in UpstreamClass if admits(level, c)) == ACCEPTED[level]
    assert "".join(str(int(c)) for c in UpstreamClass if admits(level, c, tuple(UpstreamClass))) == WITH_OPT_INS[level]


def test_strictest() -> None:
    assert strictest([Level.C, Level.A2, Level.B]) is Level.A2
    assert strictest([Level.A1, Level.A2]) is Level.A1
    assert strictest([Level.C]) is Level.C
