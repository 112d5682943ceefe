"""The planted leaks cover every sink and moment, and each of them is made of parts that are there."""

import pytest

from lethe.retention.enforcement import Mechanism
from lethe.verify.instance import TRAP
from lethe.verify.mutants import plants, supervisor
from lethe.verify.mutants.roster import BY_ID, MUTANTS, SUPERVISOR, Moment, Mutant, denied, impossible
from lethe.verify.sinks import Sink

# The report is made by `lethe verify` itself, after all that could leak has ended.
ELSEWHERE = {Sink.EVIDENCE}


def test_every_sink_has_a_leak_at_every_moment() -> None:
    planted = {(mutant.sink, mutant.moment) for mutant in MUTANTS if not mutant.prevented}
    assert planted == {(sink, moment) for sink in set(Sink) - ELSEWHERE for moment in Moment}


def test_names_are_unique() -> None:
    assert len(BY_ID) == len(MUTANTS) > 60


def test_what_the_kernel_forbids_is_planted_with_the_lock_in_and_without() -> None:
    locked = {mutant.plant.name for mutant in MUTANTS if mutant.prevented}
    free = {mutant.plant.name for mutant in MUTANTS if not mutant.locked}
    assert free - locked == {"core", "unlinked"}  # two ways to write a file, as others are that are prevented
    assert locked <= free
    assert all(mutant.locked for mutant in MUTANTS if not mutant.plant.forbidden)


ABSENT = [
    ((), set()),
    (("landlock",), set()),
    (("landlock", "landlock-net"), {"tcp"}),
    (("seccomp",), {"memfd", "thread-name", "syslog"}),
    (
        ("seccomp", "landlock", "landlock-net"),
        {"memfd", "thread-name", "syslog", "tcp", "file-here", "file-name", "tmpfile", "child"},
    ),
]


@pytest.mark.parametrize(("absent", "not_prevented"), ABSENT, ids=lambda value: " ".join(sorted(value)))
def test_what_the_kernel_does_not_forbid_here_is_not_expected_to_be_prevented(
    absent: tuple[str, ...], not_prevented: set[str]
) -> None:
    lacking = {Mechanism(each) for each in absent}
    prevented = [mutant for mutant in MUTANTS if mutant.prevented]
    assert {mutant.plant.name for mutant in prevented if impossible(mutant, lacking)} == not_prevented
    assert not any(
        impossible(mutant, lacking) for mutant in MUTANTS if not mutant.prevented and mutant.plant.name != "core"
    )


def test_every_plant_leaks_and_every_leak_is_planted() -> None:
    assert {mutant.plant.name for mutant in MUTANTS} == set(plants.LEAKS)


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.supervisor], ids=lambda mutant: mutant.id)
def test_the_supervisors_part_is_there(mutant: Mutant) -> None:
    module, _, name = (mutant.supervisor or "").partition(":")
    assert module == SUPERVISOR
    assert callable(getattr(supervisor, name))


def test_a_mutant_runs_its_own_program() -> None:
    mutant = BY_ID["tcp-success"]
    assert mutant.program == ("-m", "lethe.verify.mutants.worker", "tcp-success", TRAP)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (b"lethe: worker 1: PermissionError at plants.py:44\n", True),
        (b"lethe: worker 1: OSError at plants.py:44 (2 times)\n", True),
        (b"lethe: worker 1: PermissionError at relay.py:44\n", False),
        (b"", False),
    ],
)
def test_what_the_kernel_refused_is_read_from_the_fault(stderr: bytes, expected: bool) -> None:
    assert denied(stderr) is expected


def test_a_leak_that_has_little_room_shows_one_canary() -> None:
    canary = b"ZDR" + b"A" * 8 + b"B" * 12
    assert plants.brief(b'{"a": "' + canary + b'", "b": "x"}') == canary
    assert plants.brief(b"x" * 100) == b"x" * 35
