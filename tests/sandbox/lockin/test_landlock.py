"""Rulesets by ABI version, as linux/landlock.h lays them out."""

import struct

import pytest

from lethe.sandbox.lockin import landlock

WRITES = 0b1_1111_1111_0011  # EXECUTE, WRITE_FILE, REMOVE_*, MAKE_*; not READ_FILE and READ_DIR


@pytest.mark.parametrize(
    ("abi", "words"),
    [
        (1, (WRITES,)),
        (2, (WRITES | 1 << 13,)),
        (3, (WRITES | 3 << 13,)),
        (4, (WRITES | 3 << 13, 3)),
        (5, (WRITES | 7 << 13, 3)),
        (6, (WRITES | 7 << 13, 3, 3)),
        (7, (WRITES | 7 << 13, 3, 3)),
        (9, (WRITES | 7 << 13, 3, 3)),
    ],
)
def test_rulesets(abi: int, words: tuple[int, ...]) -> None:
    made = landlock.ruleset(abi)
    assert struct.unpack(f"{len(made) // 8}Q", made) == words


def test_reading_is_never_handled() -> None:
    for abi in range(1, 12):
        assert not struct.unpack_from("Q", landlock.ruleset(abi))[0] & 0b1100
