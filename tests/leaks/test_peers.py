"""Every leak of a peer, at both fronts, buffered and streamed, passed through and translated: nothing is left of it."""

import pytest
from tests.leaks import plants
from tests.leaks.after import After
from tests.leaks.cases import CASES, Case
from tests.leaks.conftest import LEVELS, Runs
from tests.leaks.house import TRANSLATED, Reply, Shot

KNOWN = {
    "L": set(range(1, 27)) - {9}, "M": set(range(1, 11)), "E": set(range(1, 7)), "H": {1, 2}, "A": {1, 2, 3},
    "P": {1, 2}, "O": {1, 2}, "B": set(range(1, 6)), "K": {1, 2}, "S": {1}, "X": set(range(1, 7)),
    "U": set(range(1, 6)), "T": set(range(1, 5)),
}  # fmt: skip


def test_every_known_leak_is_a_case() -> None:
    assert {case.id for case in CASES} == {f"{kind}{n}" for kind, numbers in KNOWN.items() for n in numbers}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}-{case.about.replace(' ', '-')}")
def test_nothing_is_left(runs: Runs, level: str, case: Case) -> None:
    house, after = runs[level]
    shots = [(shot, reply) for shot, reply in house.replies if shot.case is case]
    modes = {(shot.endpoint, shot.stream) for shot, _ in shots}
    assert modes >= {(endpoint, stream) for endpoint in case.endpoints for stream in (False, endpoint in TRANSLATED)}
    for shot, reply in shots:
        assert arrived(after, shot, reply), f"{shot.id}: answered {reply.status}, seen by {after.seen[shot.canary]}"
        assert not after.left[shot.canary], f"{shot.id}: {after.left[shot.canary]}"
        assert not after.strays[shot.canary], f"{shot.id}: {after.strays[shot.canary]}"


def arrived(after: After, shot: Shot, reply: Reply) -> bool:
    """Did the canary get where it was going, or was it refused in the caller's own dialect?"""
    seen = after.seen[shot.canary]
    if shot.case.stopped:
        return not seen and reply.status < 500
    if shot.upstream == "dead":
        return reply.status == 502
    return bool(seen) or shot.canary.encode() in reply.body or (reply.status == 400 and refused(shot, reply.body))


def refused(shot: Shot, body: bytes) -> bool:
    """By Lethe, for what was planted: what no API defines, at a level that promises; a type that cannot be."""
    planted = set(shot.case.request)
    if b": expected an array" in body:
        return plants.wrong_type in planted
    return b"retention level " in body and not planted.isdisjoint((plants.unknown, plants.wrong_type))
