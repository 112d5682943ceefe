"""Rulesets by ABI version, as linux/landlock.h lays them out."""

import errno
import os
import struct

import pytest

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import kernel, landlock, syscalls

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
        (8, (WRITES | 7 << 13, 3, 3)),
        (9, (WRITES | 15 << 13, 3, 3)),
        (10, (WRITES | 15 << 13, 3 | 8, 3)),
        (12, (WRITES | 15 << 13, 3 | 8, 3)),
    ],
)
def test_rulesets(abi: int, words: tuple[int, ...]) -> None:
    assert unpacked(landlock.ruleset(abi, unix=False)) == words


def unpacked(made: bytes) -> tuple[int, ...]:
    return struct.unpack(f"{len(made) // 8}Q", made)


@pytest.mark.parametrize("abi", range(1, 13))
def test_unix_sockets_stay_where_an_upstream_is_one(abi: int) -> None:
    shut, open_ = (unpacked(landlock.ruleset(abi, unix=unix)) for unix in (False, True))
    assert open_ == (shut[0] & ~(1 << 16), *shut[1:])
    assert (shut[0] != open_[0]) is (abi >= 9)


def test_reading_is_never_handled() -> None:
    for abi in range(1, 13):
        assert not unpacked(landlock.ruleset(abi, unix=False))[0] & 0b1100


@pytest.mark.parametrize(
    ("abi", "refused", "state"), [(9, 9, State.ENFORCED), (10, 9, State.ENFORCED), (8, 8, State.ABSENT)]
)
def test_newer_rights_that_the_kernel_does_not_know_are_left_out(
    abi: int, refused: int, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [landlock.ruleset(version, unix=False) for version in range(1, refused)]

    def take(number: int, *call: object) -> int:
        if number == syscalls.LANDLOCK_CREATE_RULESET:
            if call[0] not in known[-1:]:
                raise OSError(errno.EINVAL, "")
            return os.open(os.devnull, os.O_RDONLY)
        return 0

    monkeypatch.setattr(kernel, "syscall", take)
    if state is State.ABSENT:
        known.clear()
    assert landlock.restrict(abi, {443}, unix=False) is state


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the kernel would be told; there is only one version of it here."""
    heard: list[tuple[object, ...]] = []

    def take(*call: object) -> int:
        heard.append(call)
        return os.open(os.devnull, os.O_RDONLY) if call[0] == syscalls.LANDLOCK_CREATE_RULESET else 0

    monkeypatch.setattr(kernel, "syscall", take)
    return heard


@pytest.mark.parametrize(("abi", "quiet"), [(6, 0), (7, 1), (10, 1)])
def test_what_is_denied_is_kept_from_the_audit_log(abi: int, quiet: int, calls: list[tuple[object, ...]]) -> None:
    assert landlock.restrict(abi, (), unix=False) is State.ENFORCED
    assert [call[2] for call in calls if call[0] == syscalls.LANDLOCK_RESTRICT_SELF] == [quiet]


@pytest.mark.parametrize(("abi", "granted"), [(3, None), (4, 2), (9, 2), (10, 2 | 8)])
def test_ways_out_by_port(abi: int, granted: int | None, calls: list[tuple[object, ...]]) -> None:
    assert landlock.restrict(abi, {443, 53}, unix=False) is State.ENFORCED
    rules = [call[3] for call in calls if call[0] == syscalls.LANDLOCK_ADD_RULE]
    assert rules == ([] if granted is None else [struct.pack("QQ", granted, port) for port in (53, 443)])
